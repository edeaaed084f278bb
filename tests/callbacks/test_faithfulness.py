"""Faithfulness in real runs: the pure functions' numbers, on any number of ranks, and a fit that never notices."""

import csv
import json
import math
import os
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from lightning.pytorch import LightningDataModule, LightningModule, Trainer, seed_everything
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.data import DataLoader, TensorDataset

from aga_lightning.callbacks.evaluation_sample import EvaluationSample
from aga_lightning.callbacks.faithfulness import Faithfulness
from aga_lightning.callbacks.faithfulness_summary import scalars, summarise
from aga_lightning.callbacks.measuring import MEASURES, measure
from aga_lightning.checkpoints.reading import CheckpointError
from aga_lightning.datasets.folder import ImageFolder
from aga_lightning.explain.prediction import Pixels
from aga_lightning.training.datamodule import AGADataModule
from aga_lightning.training.models.classifier import ImageClassifier

# An untrained net is never sure of anything.
SETTINGS = {"images": 5, "min_prediction": 0.0, "thresholds": [0.1, 0.4], "steps": 6, "batch_size": 2, "workers": 1}


class Masked(ImageFolder):
    """Discs whose masks are known, but for those of the out-of-distribution set."""

    def records(self, split):
        return [replace(record, mask_path=self._disc_of(record.path)) for record in super().records(split)]

    def _disc_of(self, path):
        mask = path.parents[3] / "masks" / f"{path.stem}.png"
        if not mask.exists():
            mask.parent.mkdir(exist_ok=True)
            picture = cv2.circle(np.zeros((48, 48), np.uint8), (24, 24), 14, 255, -1)
            Image.fromarray(picture).save(mask)
        return mask


def open_data(folder, **settings):
    dataset = Masked(str(folder), ood={"dusk": str(folder / "dusk")})
    cache = str(folder.parent / "cache")
    return AGADataModule(dataset, cache_dir=cache, recipe="alia_cub", image_size=24, num_workers=0, **settings)


def classifier(seed=0):
    seed_everything(seed, verbose=False)
    return ImageClassifier(2, stem="small", width=4)


def trainer(callbacks=(), **settings):
    usual = {"accelerator": "cpu", "logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    return Trainer(callbacks=list(callbacks), enable_model_summary=False, **(usual | settings))


@pytest.fixture(scope="module")
def discs(shared_disc_folder):
    return open_data(shared_disc_folder)


@pytest.fixture
def other(tmp_path, discs):
    """A checkpoint of another model of the same classes."""
    fitted = trainer(max_steps=2, limit_val_batches=0)
    fitted.fit(classifier(seed=7), datamodule=discs)
    fitted.save_checkpoint(tmp_path / "other.ckpt")
    return str(tmp_path / "other.ckpt")


def read(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def by_hand(model, data, callback, name="val"):
    """What the pure functions say of the sample that the callback chooses."""
    dataset = data.test_dataloader()[0 if name == "test" else 1].dataset
    sample = EvaluationSample(name, dataset, list(range(len(dataset)))[:6], data)
    model.eval()
    return measure(model, [sample.examples(sample.ids, "dataset")], Pixels(*data.normalisation), callback.protocol)


def test_a_test_logs_and_keeps_what_the_pure_functions_say(tmp_path, discs, capsys):
    callback, model = Faithfulness(**SETTINGS | {"images": 6}), classifier()
    tested = trainer([callback], logger=TensorBoardLogger(tmp_path, "", ""))
    tested.test(model, datamodule=discs, verbose=False)

    expected = {name: by_hand(model, discs, callback, name) for name in ("test", "ood/dusk")}
    logged = scalars(summary for name, measured in expected.items() for summary in summarise(name, measured))
    ours = {key: float(value) for key, value in tested.callback_metrics.items()}
    assert {key: ours[key] for key in logged} == pytest.approx(logged, abs=1e-5)
    assert {key.rpartition("/")[2] for key in logged if key.startswith("test/")} == {
        name + suffix for name in MEASURES for suffix in ("", "_used")
    } - {name for name in MEASURES if not expected["test"].scores[name].used.any()}
    # No one knows where the discs of dusk are.
    assert {key for key in ours if "dusk" in key and ("energy" in key or "pointing" in key)} == set()

    folder = tmp_path / "explain" / "test"
    assert {path.name for path in folder.iterdir()} == {
        f"faithfulness{suffix}.csv" for suffix in ("", "_curves", "_per_image")
    }
    rows = read(folder / "faithfulness.csv")
    assert {(row["set"], row["measure"]): float(row["value"]) for row in rows if row["value"]} == pytest.approx(
        {
            (summary.set, summary.measure): summary.value
            for name, measured in expected.items()
            for summary in summarise(name, measured)
            if summary.used
        },
        abs=1e-5,
    )
    images = [row for row in read(folder / "faithfulness_per_image.csv") if row["set"] == "test"]
    assert [int(row["id"]) for row in images] == expected["test"].ids.tolist()
    assert images[0]["file"] == "lime/lime_0.png" and images[0]["label"] == "lime"
    for name, scores in expected["test"].scores.items():
        values = [float(row[name] or "nan") for row in images]
        assert values == pytest.approx(scores.values.tolist(), abs=1e-5, nan_ok=True)
        assert tuple(row[f"{name}_skipped"] for row in images) == scores.reasons
    printed = " ".join(capsys.readouterr().out.split())
    assert "AIC" in printed and "ood/dusk" in printed
    assert str(folder) in printed.replace(" ", "") or str(folder) in printed


def test_tensorboard_gets_curves_and_reasons(tmp_path, discs):
    tested = trainer([Faithfulness(**SETTINGS)], logger=TensorBoardLogger(tmp_path, "", ""))
    tested.test(classifier(), datamodule=discs, verbose=False)
    events = EventAccumulator(str(tmp_path)).Reload()
    assert events.Tags()["images"] == ["faithfulness/information_curves", "faithfulness/insertion_and_deletion"]
    (text,) = events.Tags()["tensors"]
    assert text.startswith("faithfulness/images_used")
    assert {"test/insertion", "test/insertion_used", "ood/dusk/deletion"} <= set(events.Tags()["scalars"])


def states():
    return torch.get_rng_state().tolist(), np.random.get_state()[1].tolist(), random.getstate()


def fit(folder, data, *callbacks, **settings):
    model = classifier()
    fitted = trainer(callbacks, logger=CSVLogger(folder, "", ""), max_epochs=4, num_sanity_val_steps=2, **settings)
    fitted.fit(model, datamodule=data)
    return fitted, model


def test_a_fit_never_notices(tmp_path, shared_disc_folder, other):
    plain, without = fit(tmp_path / "without", open_data(shared_disc_folder))
    after = states()
    callbacks = [
        Faithfulness(every_n_epochs=1, **SETTINGS),
        Faithfulness(every_n_epochs=2, compare_to=other, method="integrated_gradients", **SETTINGS | {"images": 1}),
    ]
    watched, with_it = fit(tmp_path / "with", open_data(shared_disc_folder), *callbacks)
    assert states() == after
    assert watched.global_step == plain.global_step > 0
    for (name, expected), (_, found) in zip(without.state_dict().items(), with_it.state_dict().items(), strict=True):
        assert found.equal(expected), name
    assert all(
        (first.grad is None) == (second.grad is None) and (first.grad is None or first.grad.equal(second.grad))
        for first, second in zip(without.parameters(), with_it.parameters(), strict=True)
    )
    assert not any(module._forward_hooks or module._backward_hooks for module in with_it.modules())
    losses = [float(each.callback_metrics["train/loss"]) for each in (plain, watched)]
    assert losses[0] == losses[1]


@pytest.mark.parametrize(("every", "epochs"), [(0, []), (2, ["epoch-002", "epoch-004"]), (3, ["epoch-003"])])
def test_a_fit_measures_at_the_epochs_that_are_due(every, epochs, tmp_path, discs, capsys):
    callback = Faithfulness(every_n_epochs=every, **SETTINGS | {"images": 1, "measures": ["deletion"]})
    fit(tmp_path, discs, callback)
    folder = tmp_path / "explain"
    assert sorted(path.name for path in folder.iterdir() if path.is_dir()) == epochs if epochs else not folder.exists()
    with (tmp_path / "metrics.csv").open() as file:
        logged = [row.get("val/deletion", "") for row in csv.DictReader(file)]
    assert sum(value != "" for value in logged) == len(epochs)
    assert "Faithfulness" not in capsys.readouterr().out


def test_validate_always_measures(tmp_path, discs):
    callback = Faithfulness(**SETTINGS | {"measures": ["insertion"]})
    validated = trainer([callback], logger=CSVLogger(tmp_path, "", ""))
    validated.validate(classifier(), datamodule=discs, verbose=False)
    assert float(validated.callback_metrics["val/insertion_used"]) == 5
    assert (tmp_path / "explain" / "validate" / "faithfulness.csv").exists()


def test_without_a_run_folder_nothing_is_written(tmp_path, monkeypatch, discs):
    monkeypatch.chdir(tmp_path)
    tested = trainer([Faithfulness(**SETTINGS)])
    tested.test(classifier(), datamodule=discs, verbose=False)
    assert "test/insertion" in tested.callback_metrics
    assert list(tmp_path.rglob("*.csv")) == []


def test_a_baseline_is_measured_on_the_same_images(tmp_path, discs, other):
    tested = trainer([Faithfulness(compare_to=other, **SETTINGS)], logger=TensorBoardLogger(tmp_path, "", ""))
    tested.test(classifier(), datamodule=discs, verbose=False)
    alone = trainer([Faithfulness(**SETTINGS)])
    alone.test(ImageClassifier.load_from_checkpoint(other), datamodule=discs, verbose=False)
    ours = {key: float(value) for key, value in tested.callback_metrics.items()}
    for name in ("insertion", "deletion", "sic_used", "aic_used"):
        expected = float(alone.callback_metrics[f"test/{name}"])
        key = name.replace("_used", "") + "_baseline" + ("_used" if "used" in name else "")
        assert ours[f"test/{key}"] == pytest.approx(expected, abs=1e-5)
    rows = read(tmp_path / "explain" / "test" / "faithfulness_per_image.csv")
    chosen = {model: [row["file"] for row in rows if row["model"] == model] for model in ("this model", "baseline")}
    assert chosen["this model"] == chosen["baseline"] != []
    table = read(tmp_path / "explain" / "test" / "faithfulness.csv")
    used = {(row["model"], row["images"]): int(row["used"]) for row in table if row["measure"] == "sic"}
    assert used["this model", "common"] == used["baseline", "common"] <= min(used.values())


def test_a_model_beside_itself_is_equal(tmp_path, discs, other):
    tested = trainer([Faithfulness(compare_to=other, **SETTINGS)])
    tested.test(ImageClassifier.load_from_checkpoint(other), datamodule=discs, verbose=False)
    metrics = {key: float(value) for key, value in tested.callback_metrics.items()}
    pairs = {key: key.replace("_baseline", "") for key in metrics if "_baseline" in key}
    assert len(pairs) > 10
    assert [metrics[key] for key in pairs] == [metrics[pairs[key]] for key in pairs]


def test_a_fit_does_not_start_when_there_is_nothing_to_compare_with(tmp_path, discs):
    with pytest.raises(CheckpointError, match=r"compare_to: there is no checkpoint .*none\.ckpt"):
        fit(tmp_path, discs, Faithfulness(compare_to=str(tmp_path / "none.ckpt")))


JOB = """
import sys
sys.path[:0] = {paths!r}
from test_faithfulness import evaluate_alike
evaluate_alike({folder!r}, {root!r}, {other!r}, devices=2, strategy="ddp")
import torch
torch.distributed.barrier()
torch.distributed.destroy_process_group()  # threads of gloo that outlive Python may abort it
"""


def evaluate_alike(folder, root, other, **settings):
    """A test whose every image is seen alone, so that who else is on a rank cannot matter."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    callback = Faithfulness(compare_to=other, **SETTINGS | {"images": 3, "batch_size": 1})
    logger = CSVLogger(folder, "", "")
    tested = trainer([callback], logger=logger, use_distributed_sampler=False, **settings)
    tested.test(classifier(), datamodule=open_data(Path(root)), verbose=False)
    metrics = {key: float(value) for key, value in tested.callback_metrics.items()}
    Path(folder, f"rank-{tested.global_rank}.json").write_text(json.dumps(metrics))
    torch.set_num_threads(threads)


def test_two_ranks_say_what_one_says(tmp_path, shared_disc_folder, other):
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir(), two.mkdir()
    evaluate_alike(str(one), str(shared_disc_folder), other)
    here = Path(__file__).parent
    script = tmp_path / "job.py"
    paths = [str(here.parent), str(here)]
    script.write_text(JOB.format(paths=paths, folder=str(two), root=str(shared_disc_folder), other=other))
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run([sys.executable, str(script)], env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr

    alone, first, second = (
        json.loads(path.read_text()) for path in (one / "rank-0.json", two / "rank-0.json", two / "rank-1.json")
    )
    ours = {key for key in alone if key.rpartition("/")[2].startswith(MEASURES)}
    assert len(ours) > 20
    for rank in (first, second):
        assert {key: rank[key] for key in ours} == {key: alone[key] for key in ours}
    tables = [{path.name: path.read_bytes() for path in (run / "explain" / "test").iterdir()} for run in (one, two)]
    assert len(tables[0]) == 3 and tables[0] == tables[1]


class Plain(LightningModule):
    """A net of one's own, which evaluates nothing."""

    def __init__(self, classes=2, channels=3):
        super().__init__()
        seed_everything(0, verbose=False)
        self.net = torch.nn.Sequential(
            torch.nn.Conv2d(channels, 4, 3), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()
        )
        self.head = torch.nn.Linear(4, classes)

    def forward(self, images):
        return self.head(self.net(images))

    def test_step(self, batch, batch_idx, dataloader_idx=0):
        pass


class Grey(LightningDataModule):
    """Grey noise."""

    normalisation = ((0.5,), (0.25,))

    def test_dataloader(self):
        return noise(channels=1)


def noise(count=3, channels=3):
    pixels = torch.randint(256, (count, channels, 16, 16), generator=torch.Generator().manual_seed(0))
    return DataLoader(TensorDataset((pixels / 255).float(), torch.zeros(count, dtype=torch.int64)))


@pytest.mark.parametrize("classes", [1, 2])
def test_a_model_and_images_of_ones_own(classes):
    tested = trainer([Faithfulness(**SETTINGS)])
    tested.test(Plain(classes), noise(), verbose=False)
    assert float(tested.callback_metrics["test/insertion_used"]) == 3
    assert ("test/sic_used" in tested.callback_metrics) and (classes == 2 or "test/sic" not in tested.callback_metrics)


def test_grey_images():
    tested = trainer([Faithfulness(**SETTINGS)])
    tested.test(Plain(channels=1), datamodule=Grey(), verbose=False)
    assert float(tested.callback_metrics["test/insertion_used"]) == 3
    assert float(tested.callback_metrics["test/sic_used"]) > 0


def test_an_unwell_model_is_counted_and_breaks_nothing(tmp_path):
    model = Plain()
    torch.nn.init.constant_(model.head.bias, math.nan)
    tested = trainer([Faithfulness(**SETTINGS)], logger=TensorBoardLogger(tmp_path, "", ""))
    tested.test(model, noise(), verbose=False)
    assert {key: float(value) for key, value in tested.callback_metrics.items()} == {
        f"test/{name}_used": 0 for name in ("aic", "sic", "insertion", "deletion")
    }
    rows = read(tmp_path / "explain" / "test" / "faithfulness.csv")
    assert {(row["value"], row["used"], row["skipped"]) for row in rows} == {("", "0", "3")}
    assert {row["reasons"] for row in rows} == {"3 x an attribution or a probability is not finite"}


@pytest.mark.filterwarnings("ignore:Total length of `DataLoader` across ranks is zero")
def test_an_empty_set_beside_another_is_defined(tmp_path):
    tested = trainer([Faithfulness(**SETTINGS)], logger=CSVLogger(tmp_path, "", ""))
    tested.test(Plain(), [noise(), noise(0)], verbose=False)
    metrics = {key: float(value) for key, value in tested.callback_metrics.items()}
    assert metrics["test/0/insertion_used"] == 3 and metrics["test/1/insertion_used"] == 0
    assert "test/1/insertion" not in metrics


def test_what_does_not_depend_on_the_model_is_measured_once(discs):
    callback = Faithfulness(**SETTINGS | {"measures": ["sic"]})
    kept = []
    for seed in range(2):
        trainer([callback]).test(classifier(seed), datamodule=discs, verbose=False)
        kept.append(len(callback._memory))
    assert kept == [5 + 4, 5 + 4]


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"images": 0}, "images is 1 or more, not 0"),
        ({"steps": 0}, "steps is 1 or more"),
        ({"batch_size": 0}, "batch_size is 1 or more"),
        ({"workers": 0}, "workers is 1 or more"),
        ({"every_n_epochs": -1}, "every_n_epochs is 0 or more"),
        ({"method": "magic"}, "method is one of grad_cam, .*, not 'magic'"),
        ({"measures": ["aic", "auc"]}, "measures is one of aic, .*, not 'auc'"),
        ({"measures": ["aic", "aic"]}, "names each measure once"),
        ({"measures": []}, "at least one"),
        ({"target": "truth"}, "target is one of label, predicted"),
        ({"aggregate": "sum"}, "aggregate is one of median, mean"),
        ({"triangulation": "fast"}, "triangulation is one of"),
        ({"order": "random"}, "order is one of stable, numpy"),
        ({"masks": "mine"}, "masks is one of dataset, augmenter"),
        ({"method": "rise", "layer": "net"}, "layer is for grad_cam; leave it out for rise"),
        ({"min_prediction": 80}, "min_prediction is a probability in 0..1, not 80"),
        ({"thresholds": [0.5, 0.1]}, "thresholds ascend in 0..1"),
        ({"thresholds": [0.5, 1.1]}, "thresholds ascend in 0..1"),
        ({"thresholds": []}, "at least one"),
    ],
)
def test_bad_settings_are_told_at_once(settings, complaint):
    with pytest.raises(ValueError, match=complaint):
        Faithfulness(**settings)
