import re
import shutil
from pathlib import Path

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint, StochasticWeightAveraging
from torch.utils.data import DataLoader

from aga_lightning.checkpoints.keeping import (
    BestCheckpoint,
    LastCheckpoint,
    judged_checkpoint,
    renamed_states,
    without_checkpoints,
)

SCORES = (0.2, 0.8, 0.5, 0.6, 0.9)
"""Of five epochs: the second is the best until the fifth."""


class Scripted(LightningModule):
    """A line, whose validation gives the scores that it is told."""

    def __init__(self):
        super().__init__()
        self.line = torch.nn.Linear(1, 1)

    def training_step(self, batch, batch_idx):
        return self.line(batch).square().mean()

    def validation_step(self, batch, batch_idx):
        self.log("val/acc", SCORES[self.trainer.current_epoch])

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def fit(folder, epochs, path=None, callbacks=(), settings=None):
    """Train to a number of epochs; the trainer and the callback that keeps the best."""
    options = {"dirpath": folder, "monitor": "val/acc", "mode": "max", "filename": "best"}
    best, last = BestCheckpoint(**options | (settings or {})), LastCheckpoint()
    last.dirpath = str(folder)
    trainer = Trainer(
        accelerator="cpu",
        logger=False,
        max_epochs=epochs,
        callbacks=[*callbacks, best, last],
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    torch.manual_seed(0)
    loader = DataLoader(torch.ones(2, 1))
    trainer.fit(Scripted(), loader, loader, ckpt_path=path)
    return trainer, best


def epoch_of(path):
    return torch.load(path, weights_only=True)["epoch"]


pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty"),
]


@pytest.mark.parametrize(("epochs", "best"), [(4, 1), (5, 4)])
@pytest.mark.parametrize("where", ["same", "other", "moved"])
def test_three_epochs_and_the_rest_later_give_what_all_at_once_give(tmp_path, where, epochs, best):
    first = tmp_path / "first"
    fit(first, 3)
    if where == "moved":
        first = Path(shutil.move(first, tmp_path / "moved"))
    folder = first if where == "same" else tmp_path / "second"
    _, kept = fit(folder, epochs, first / "last.ckpt")
    assert kept.best_model_path == str(folder / "best.ckpt"), "a run's folder has its own best checkpoint"
    assert float(kept.best_model_score) == pytest.approx(SCORES[best])
    assert epoch_of(folder / "best.ckpt") == best and epoch_of(folder / "last.ckpt") == epochs - 1
    assert sorted(path.name for path in folder.iterdir()) == ["best.ckpt", "last.ckpt"]
    assert where == "same" or epoch_of(first / "best.ckpt") == 1, "nothing of the earlier run is changed"


def test_several_best_ones_go_along(tmp_path):
    settings = {"save_top_k": 2, "filename": "{epoch}-{val/acc:.1f}"}
    fit(tmp_path / "first", 3, settings=settings)
    _, kept = fit(tmp_path / "second", 4, tmp_path / "first" / "last.ckpt", settings=settings)
    assert sorted(Path(path).name for path in kept.best_k_models) == [
        "epoch=1-val_acc=0.8.ckpt",
        "epoch=3-val_acc=0.6.ckpt",
    ]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda best: best.unlink(), r"best\.ckpt \(val/acc 0\.8000\), is gone"),
        (lambda best: best.write_bytes(best.read_bytes()[:-20]), "cannot be read"),
    ],
    ids=["gone", "cut"],
)
def test_a_best_checkpoint_that_is_lost_is_told_and_no_longer_counted(tmp_path, caplog, spoil, words):
    fit(tmp_path / "first", 3)
    spoil(tmp_path / "first" / "best.ckpt")
    with caplog.at_level("INFO"):
        _, kept = fit(tmp_path / "second", 4, tmp_path / "first" / "last.ckpt")
    assert re.search(words, caplog.text)
    assert float(kept.best_model_score) == pytest.approx(SCORES[3])
    assert epoch_of(kept.best_model_path) == 3


@pytest.mark.parametrize("folder", ["first", "second"])
def test_the_best_of_lost_work_is_not_that_of_the_training_that_goes_on(tmp_path, folder):
    fit(tmp_path / "first", 1)
    shutil.copy(tmp_path / "first" / "last.ckpt", tmp_path / "one.ckpt")
    fit(tmp_path / "first", 2, tmp_path / "one.ckpt")
    shutil.copy(tmp_path / "one.ckpt", tmp_path / "first" / "last.ckpt")  # killed between its two checkpoints
    _, kept = fit(tmp_path / folder, 2, tmp_path / "first" / "last.ckpt")
    assert kept.best_model_path == str(tmp_path / folder / "best.ckpt")
    assert float(kept.best_model_score) == pytest.approx(0.8)


def test_another_score_starts_anew_with_a_word(tmp_path, caplog):
    fit(tmp_path / "first", 3)
    path = tmp_path / "first" / "last.ckpt"
    content = torch.load(path, weights_only=True)
    content["callbacks"] = {key.replace("val/acc", "val/f1"): value for key, value in content["callbacks"].items()}
    torch.save(content, path)
    with caplog.at_level("INFO"), pytest.warns(UserWarning, match="callbacks used to create the checkpoint"):
        fit(tmp_path / "second", 4, path)
    assert "The checkpoint tells no best val/acc" in caplog.text


def test_early_stopping_goes_on_counting(tmp_path):
    def stopped_after(epochs, path=None):
        trainer, _ = fit(tmp_path / str(epochs), epochs, path, [EarlyStopping("val/acc", mode="max", patience=2)])
        return trainer.current_epoch

    assert stopped_after(5) == stopped_after(3) + stopped_after(4, tmp_path / "3" / "last.ckpt") - 3 == 4


def test_what_a_checkpoint_tells_moves_and_removes_no_other_file(tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("mine")
    fit(tmp_path / "first", 1)
    path = tmp_path / "first" / "last.ckpt"
    content = torch.load(path, weights_only=True)
    for state in content["callbacks"].values():
        state |= {"best_model_path": f"{tmp_path}/first/../precious", "best_k_models": {str(precious): torch.tensor(0)}}
    torch.save(content, path)
    fit(tmp_path / "first", 3, path)
    assert precious.read_text() == "mine"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["first", "precious"]


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("{epoch}-{val/acc:.2f}", "epoch=1-val_acc=0.80.ckpt"),
        ("{ood/new/acc}", "ood_new_acc=0.5.ckpt"),
        ("kept/{epoch}", "kept/epoch=1.ckpt"),
        ("best", "best.ckpt"),
    ],
)
def test_a_slash_in_a_metric_makes_no_folder(tmp_path, template, name):
    metrics = {"epoch": torch.tensor(1), "val/acc": torch.tensor(0.8), "ood/new/acc": torch.tensor(0.5)}
    best = BestCheckpoint(dirpath=tmp_path, filename=template)
    assert best.format_checkpoint_name(metrics) == str(tmp_path / name)


def test_a_training_that_took_no_step_is_told(tmp_path, caplog):
    with caplog.at_level("INFO"):
        trainer, best = fit(tmp_path, 0)
        assert judged_checkpoint(trainer, best) is None and "it took no step" in caplog.messages[-1]


def test_the_runs_own_checkpoint_is_judged_whichever_others_there_are(tmp_path, caplog):
    other = ModelCheckpoint(dirpath=tmp_path / "other", every_n_epochs=1, save_top_k=-1)
    plain = ModelCheckpoint(dirpath=tmp_path / "plain", monitor="val/acc", mode="max")
    with caplog.at_level("INFO"):
        trainer, best = fit(tmp_path / "run", 3, callbacks=[other, plain])
        assert trainer.checkpoint_callback is other
        assert judged_checkpoint(trainer, best) == str(tmp_path / "run" / "best.ckpt")
        assert "best.ckpt (val/acc 0.8000)" in caplog.messages[-1]
        (tmp_path / "run" / "best.ckpt").unlink()
        assert judged_checkpoint(trainer, best) is None and "is gone" in caplog.messages[-1]
        assert judged_checkpoint(trainer, None) is None and "no checkpoints were kept" in caplog.messages[-1]


@pytest.mark.filterwarnings("ignore:Swapping scheduler")
@pytest.mark.parametrize(("epochs", "patience", "name"), [(4, 9, "averaged"), (5, 2, "best")])
def test_averaged_weights_are_kept_and_judged_where_training_came_to_them(tmp_path, epochs, patience, name):
    callbacks = [StochasticWeightAveraging(0.1, 0.5), EarlyStopping("val/acc", mode="max", patience=patience)]
    trainer, best = fit(tmp_path, epochs, callbacks=callbacks)
    path = judged_checkpoint(trainer, best)
    assert path == str(tmp_path / f"{name}.ckpt")
    if name == "averaged":
        saved = torch.load(path, weights_only=True)["state_dict"]
        assert saved["line.weight"].equal(trainer.lightning_module.state_dict()["line.weight"])


def test_a_run_without_checkpoints_has_the_users_callbacks_alone():
    own = EarlyStopping("val/acc")
    assert without_checkpoints([BestCheckpoint(), own, LastCheckpoint()]) == [own]
    assert without_checkpoints(None) == [] and without_checkpoints(own) == [own]


def test_the_states_of_an_earlier_version_are_found(tmp_path):
    own, last = BestCheckpoint(monitor="val/acc", mode="max"), LastCheckpoint()
    checkpoint = {"callbacks": {one.state_key.replace(type(one).__name__, "ModelCheckpoint"): 1 for one in (own, last)}}
    renamed_states(checkpoint)
    assert checkpoint["callbacks"].keys() == {own.state_key, last.state_key}
