"""Lightning's own settings work, or are refused before a run."""

import json
import os
from types import SimpleNamespace

import pytest
import torch
from lightning.pytorch.callbacks import BackboneFinetuning, LearningRateFinder, LearningRateMonitor, ModelPruning

from aga_lightning.checkpoints.keeping import BestCheckpoint, LastCheckpoint
from aga_lightning.cli.trainer import AgaTrainer
from aga_lightning.preflight import Run

TINY = [
    *("--data.augmenter", "OwnBackground", "--data.augmenter.gates", "[]", "--data.mode", "off", "--data.degree", "1"),
    *("--data.image_size", "32", "--data.batch_size", "2", "--data.num_workers", "0", "--data.steps_per_epoch", "null"),
    *(
        "--model.weights",
        "null",
        "--model.width",
        "8",
        "--trainer.max_epochs",
        "2",
        "--trainer.check_val_every_n_epoch",
        "1",
    ),
    *("--trainer.enable_progress_bar", "false", "--trainer.enable_model_summary", "false", "--trainer.callbacks", "[]"),
]


@pytest.fixture
def fit(command, shared_disc_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    root = ("--data.dataset.root", str(shared_disc_folder))

    def fit(**settings):
        words = [word for name, value in settings.items() for word in (f"--{name.replace('__', '.')}", value)]
        command("fit", "--config", "photos.yaml", *root, *TINY, *words)

    return fit


@pytest.mark.filterwarnings("ignore:.*could not find the monitored key:UserWarning")
@pytest.mark.parametrize(
    ("settings", "steps"),
    [
        (
            {
                **dict.fromkeys(("trainer__deterministic", "trainer__detect_anomaly"), "true"),
                **{"trainer__limit_train_batches": "3", "trainer__limit_val_batches": "1"},
                **{"trainer__accumulate_grad_batches": "2", "trainer__gradient_clip_val": "1.0"},
                **{"trainer__precision": "bf16-mixed", "trainer__inference_mode": "false"},
                **{"trainer__reload_dataloaders_every_n_epochs": "1", "trainer__num_sanity_val_steps": "0"},
                **{"trainer__profiler": "simple", "trainer__limit_test_batches": "1"},
                **{"trainer__callbacks+": "Timer", "trainer__callbacks__duration": "00:01:00:00"},
            },
            4,
        ),
        ({"trainer__max_steps": "3", "trainer__max_epochs": "-1", "trainer__val_check_interval": "2"}, 3),
        ({"trainer__max_time": "00:01:00:00", "trainer__default_root_dir": "root", "trainer__logger": "false"}, 8),
        ({"trainer__overfit_batches": "1"}, 2),
        ({"trainer__overfit_batches": "0.5", "data__mode": "lazy", "data__num_workers": "1"}, 8),
        ({"trainer__limit_val_batches": "0", "trainer__num_sanity_val_steps": "-1"}, 8),
    ],
    ids=["many", "max_steps", "max_time", "overfit 1", "overfit half", "no validation"],
)
def test_a_fit_with_a_setting_of_lightning_ends_with_its_results(fit, tmp_path, settings, steps):
    fit(**settings)
    (folder,) = [path.parent for path in tmp_path.rglob("results.json")]
    assert folder.parent.name == "runs" and 0 <= json.loads((folder / "results.json").read_text())["test"]["acc"] <= 1
    assert torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["global_step"] == steps


def test_a_fit_may_keep_no_checkpoints_or_more(fit, tmp_path):
    fit(trainer__enable_checkpointing="false")
    assert not list(tmp_path.rglob("*.ckpt")) and len(list(tmp_path.rglob("results.json"))) == 1
    fit(**{"trainer__callbacks+": "ModelCheckpoint"}, trainer__callbacks__save_top_k="-1")
    assert len(list(tmp_path.rglob("*.ckpt"))) == 4 and len(list(tmp_path.rglob("results.json"))) == 2


def test_a_fit_that_judges_nothing_says_so(fit, tmp_path, caplog):
    with caplog.at_level("INFO"):
        fit(trainer__limit_test_batches="0", trainer__max_epochs="1")
    assert "Nothing is judged, since trainer.limit_test_batches is 0" in caplog.messages
    assert len(list(tmp_path.rglob("last.ckpt"))) == 1 and not list(tmp_path.rglob("results.json"))


def test_a_trial_run_leaves_nothing(fit, tmp_path):
    fit(trainer__fast_dev_run="1")
    assert not list(tmp_path.rglob("results.json")) and not list(tmp_path.rglob("*.ckpt"))


@pytest.mark.filterwarnings(
    "ignore:[^U]*Unable to serialize instance cpu"
)  # a default of Lightning's, which YAML knows
@pytest.mark.filterwarnings("ignore:SWA is currently only supported every epoch")
def test_averaged_weights_are_kept_and_judged(fit, tmp_path, monkeypatch):
    judged, test = [], AgaTrainer.test

    def spied(self, *args, **settings):
        judged.append(os.path.realpath(settings["ckpt_path"]))
        return test(self, *args, **settings)

    monkeypatch.setattr(AgaTrainer, "test", spied)
    swa = {"trainer__callbacks+": "StochasticWeightAveraging", "trainer__callbacks__swa_lrs": "0.01"}
    fit(trainer__max_epochs="3", **swa, trainer__callbacks__swa_epoch_start="1")
    (averaged,) = tmp_path.rglob("averaged.ckpt")
    assert judged == [os.path.realpath(averaged)]
    saved = torch.load(averaged, weights_only=True)
    assert "net.conv1.weight" in saved["state_dict"], "the copy was made before there was a net"


def told(steps_per_epoch=None, **settings):
    settings = {"accelerator": "cpu", "logger": False, "enable_progress_bar": False} | settings
    trainer = AgaTrainer(**settings)
    return list(trainer.objections(Run("fit", trainer, None, SimpleNamespace(steps_per_epoch=steps_per_epoch))))


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"callbacks": LearningRateFinder()}, "LearningRateFinder sets a model's attribute `lr`"),
        ({"callbacks": BackboneFinetuning()}, "BackboneFinetuning needs a model of a backbone and a head"),
        ({"callbacks": ModelPruning("l1_unstructured")}, "ModelPruning gives the net other parameters"),
        ({"callbacks": BestCheckpoint(filename="last")}, "the name last.ckpt is that of the checkpoint"),
        ({"callbacks": LearningRateMonitor()}, "LearningRateMonitor writes to a logger"),
        ({"accumulate_grad_batches": 0}, "accumulate_grad_batches is 1 or more, not 0"),
        ({"gradient_clip_val": -1.0}, "gradient_clip_val is above 0, or null for none, not -1"),
        ({"val_check_interval": 9, "steps_per_epoch": 8}, "val_check_interval is 9 batches, but an epoch has 8"),
    ],
)
def test_what_cannot_work_is_told_before_a_run(settings, line):
    (said,) = told(**settings)
    assert line in said


def test_what_can_work_meets_no_objection():
    assert told(callbacks=[LearningRateMonitor(), LastCheckpoint()], logger=True) == []
    assert told(val_check_interval=9, steps_per_epoch=5, accumulate_grad_batches=2, gradient_clip_val=0.5) == []
    assert told(val_check_interval=9, check_val_every_n_epoch=None, steps_per_epoch=8) == []


def test_barebones_is_refused():
    with pytest.raises(ValueError, match=r"trainer\.barebones logs and keeps nothing"):
        AgaTrainer(barebones=True)
