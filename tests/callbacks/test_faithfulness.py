"""Faithfulness in real runs: what is logged, written, drawn and printed is what the measures say."""

import math

import pytest
import torch
from lightning.pytorch import LightningDataModule
from lightning.pytorch.loggers import TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tiny.explained import Small, classifier, noise, open_data, open_trainer
from tiny.networks import TINY, build

from aga_lightning.callbacks import faithfulness
from aga_lightning.callbacks.evaluation_sample import EvaluationSample
from aga_lightning.callbacks.faithfulness import Faithfulness
from aga_lightning.callbacks.faithfulness_summary import scalars, summarise
from aga_lightning.callbacks.measuring import MEASURES
from aga_lightning.explain.information import InformationMemory
from aga_lightning.explain.prediction import Pixels
from aga_lightning.files import read_csv
from aga_lightning.training.models.classifier import ImageClassifier

# An untrained net is never sure of anything.
SETTINGS = {"images": 5, "min_prediction": 0.0, "thresholds": [0.1, 0.4], "steps": 6, "batch_size": 2, "workers": 1}


@pytest.fixture(scope="module")
def discs(shared_disc_folder):
    return open_data(shared_disc_folder)


def metrics_of(trainer):
    return {key: float(value) for key, value in trainer.callback_metrics.items()}


def by_hand(model, data, callback, name):
    """What the measures say of all images of a set."""
    dataset = data.test_dataloader()[0 if name == "test" else 1].dataset
    sample = EvaluationSample(name, dataset, list(range(len(dataset)))[:6], data, Pixels(*data.normalisation))
    model.eval()
    examples = sample.examples(sample.ids, "dataset" if name == "test" else None)
    return callback.measure(model, [examples], Pixels(*data.normalisation))


def test_a_test_logs_and_keeps_what_the_measures_say(tmp_path, discs, capsys):
    callback, model = Faithfulness(**SETTINGS | {"images": 6}), classifier()
    tested = open_trainer([callback], logger=TensorBoardLogger(tmp_path, "", ""))
    tested.test(model, datamodule=discs, verbose=False)

    expected = {name: by_hand(model, discs, callback, name) for name in ("test", "ood/dusk")}
    summaries = [summary for name, measured in expected.items() for summary in summarise(name, measured)]
    logged, ours = scalars(summaries), metrics_of(tested)
    assert {key: ours[key] for key in logged} == pytest.approx(logged, abs=1e-5)
    assert len([key for key in logged if key.startswith("test/")]) >= len(MEASURES)
    # Where the subject is unknown, nothing is compared with it.
    masked = {key for key in ours if "energy" in key or "pointing" in key}
    assert masked and all(key.startswith("test/") == ("dusk" not in key) for key in masked)

    folder = tmp_path / "explain" / "test"
    names = {f"faithfulness{suffix}.csv" for suffix in ("", "_curves", "_per_image")}
    assert {path.name for path in folder.iterdir()} == names | {"information_curves.png", "insertion_and_deletion.png"}
    rows = {(row["set"], row["measure"]): row["value"] for row in read_csv(folder / "faithfulness.csv")}
    values = {(summary.set, summary.measure): summary.value for summary in summaries if summary.used}
    assert {key: float(value) for key, value in rows.items() if value} == pytest.approx(values, abs=1e-5)
    images = [row for row in read_csv(folder / "faithfulness_per_image.csv") if row["set"] == "test"]
    assert [int(row["id"]) for row in images] == expected["test"].answers.ids.tolist()
    assert images[0]["file"] == "lime/lime_0.png" and images[0]["label"] == "lime"
    for name, scores in expected["test"].scores.items():
        found = [float(row[name] or "nan") for row in images]
        assert found == pytest.approx(scores.values.tolist(), abs=1e-5, nan_ok=True)
        assert [row[f"{name}_skipped"] for row in images] == scores.reasons

    printed = " ".join(capsys.readouterr().out.split())
    assert "AIC" in printed and "ood/dusk" in printed and str(folder) in printed.replace(" ", "")
    events = EventAccumulator(str(tmp_path)).Reload()
    assert events.Tags()["images"] == ["faithfulness/information_curves", "faithfulness/insertion_and_deletion"]
    (text,) = events.Tags()["tensors"]
    assert text.startswith("faithfulness/images_used")
    assert {"test/insertion", "test/insertion_used", "ood/dusk/deletion"} <= set(events.Tags()["scalars"])


def test_without_a_logger_the_files_are_written_to_a_folder_of_their_own(tmp_path, monkeypatch, discs):
    monkeypatch.chdir(tmp_path)
    for number in range(2):
        tested = open_trainer([Faithfulness(**SETTINGS | {"measures": ["insertion"]})], default_root_dir=None)
        tested.test(classifier(), datamodule=discs, verbose=False)
        folder = tmp_path / f"lightning_logs/version_{number}/explain/test"
        assert {path.suffix for path in folder.iterdir()} == {".csv", ".png"}
    assert [path.name for path in tmp_path.iterdir()] == ["lightning_logs"]


def test_a_baseline_is_measured_on_the_same_images(tmp_path, discs, other):
    tested = open_trainer([Faithfulness(compare_to=other, **SETTINGS)], logger=TensorBoardLogger(tmp_path, "", ""))
    tested.test(classifier(), datamodule=discs, verbose=False)
    alone = open_trainer([Faithfulness(**SETTINGS)])
    alone.test(ImageClassifier.load_from_checkpoint(other), datamodule=discs, verbose=False)
    ours, theirs = metrics_of(tested), metrics_of(alone)
    for name in ("insertion", "deletion", "sic_used", "aic_used"):
        key = name.replace("_used", "") + "_baseline" + ("_used" if "used" in name else "")
        assert ours[f"test/{key}"] == pytest.approx(theirs[f"test/{name}"], abs=1e-5)
    rows = read_csv(tmp_path / "explain" / "test" / "faithfulness_per_image.csv")
    chosen = {model: [row["file"] for row in rows if row["model"] == model] for model in ("this model", "baseline")}
    assert chosen["this model"] == chosen["baseline"] != []
    table = read_csv(tmp_path / "explain" / "test" / "faithfulness.csv")
    used = {(row["model"], row["images"]): int(row["used"]) for row in table if row["measure"] == "sic"}
    assert used["this model", "common"] == used["baseline", "common"] <= min(used.values())


@pytest.mark.parametrize("classes", [1, 2])
def test_a_model_and_images_of_ones_own(classes):
    tested = open_trainer([Faithfulness(**SETTINGS)])
    tested.test(Small(classes), noise(0, 0, 0, size=(16, 16)), verbose=False)
    found = metrics_of(tested)
    assert found["test/insertion_used"] == 3
    assert "test/sic_used" in found and (classes == 2 or "test/sic" not in found)


class Grey(LightningDataModule):
    """Grey noise."""

    normalisation = ((0.5,), (0.25,))

    def test_dataloader(self):
        return noise(0, 0, 0, channels=1, size=(16, 16))


def test_grey_images():
    tested = open_trainer([Faithfulness(**SETTINGS)])
    tested.test(Small(channels=1), datamodule=Grey(), verbose=False)
    assert metrics_of(tested)["test/insertion_used"] == 3


@pytest.mark.filterwarnings("ignore:Total length of `DataLoader` across ranks is zero")
def test_an_unwell_model_and_an_empty_set_are_counted_and_break_nothing(tmp_path):
    model = Small()
    torch.nn.init.constant_(model.net[-1].bias, math.nan)
    tested = open_trainer([Faithfulness(**SETTINGS)], logger=TensorBoardLogger(tmp_path, "", ""))
    tested.test(model, [noise(0, 0, 0), noise()], verbose=False)
    names = ("aic", "sic", "insertion", "deletion")
    assert metrics_of(tested) == {f"test/{number}/{name}_used": 0 for number in (0, 1) for name in names}
    rows = read_csv(tmp_path / "explain" / "test" / "faithfulness.csv")
    found = {(row["set"], row["value"], row["used"], row["skipped"], row["reasons"]) for row in rows}
    reason = "3 x an attribution or a probability is not finite"
    assert found == {("test/0", "", "0", "3", reason), ("test/1", "", "0", "0", "")}


def test_what_does_not_depend_on_the_model_is_measured_once(discs, monkeypatch):
    memory = InformationMemory()
    monkeypatch.setattr(faithfulness, "InformationMemory", lambda: memory)
    callback = Faithfulness(**SETTINGS | {"measures": ["sic"]})
    for seed in range(2):
        open_trainer([callback]).test(classifier(seed), datamodule=discs, verbose=False)
        assert len(memory) == 5 + 4


@pytest.mark.parametrize("name", TINY)
def test_networks_of_timm_and_torchvision(name):
    size, model = TINY[name].size, Small(net=build(name).train())
    loader = noise(0, 1, 2, 1, size=(size, size))
    open_trainer(max_steps=2, limit_val_batches=0).fit(model, loader, loader)
    tested = open_trainer([Faithfulness(**SETTINGS)])
    tested.test(model, loader, verbose=False)
    found = metrics_of(tested)
    assert found["test/insertion_used"] == found["test/deletion_used"] == 4 and "test/sic_used" in found
    assert 0 < found["test/insertion"] < 1 and all(map(math.isfinite, found.values()))
