import csv
import json
from types import SimpleNamespace

import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.loggers import CSVLogger

from aga_lightning.data.datamodule import AGADataModule
from aga_lightning.data.folder import ImageFolder
from aga_lightning.models.classifier import ImageClassifier
from aga_lightning.results import report_results


def scores(name, acc, **more):
    usual = {"acc": acc, "recall": 0.5, "f1": 0.25, "loss": 1.5}
    return {f"{name}/{column}": torch.tensor(value) for column, value in (usual | more).items()}


def finished(metrics, folder=None):
    """What a trainer that has tested leaves to be read."""
    return SimpleNamespace(callback_metrics=metrics, log_dir=folder and str(folder), logger=folder, is_global_zero=True)


def per_class(folder):
    with (folder / "accuracy_per_class.csv").open(newline="", encoding="utf-8") as file:
        return [(row["set"], row["class"], float(row["accuracy"])) for row in csv.DictReader(file)]


def test_each_set_has_its_line(capsys):
    report_results(finished({"train/acc": torch.tensor(1.0), **scores("test", 0.75), **scores("ood/dusk", 0.125)}))
    printed = capsys.readouterr().out
    assert printed.index("test") < printed.index("ood/dusk")
    for text in ("accuracy", "macro recall", "macro F1", "75.0 %", "12.5 %", "50.0 %", "25.0 %", "1.500"):
        assert text in printed
    assert "train" not in printed
    assert "100.0 %" not in printed


def test_nothing_is_printed_or_written_without_an_evaluation(tmp_path, capsys):
    report_results(finished({"train/acc": torch.tensor(1.0), "train/loss": torch.tensor(0.1)}, tmp_path))
    assert capsys.readouterr().out == ""
    assert list(tmp_path.iterdir()) == []


def test_the_files_hold_what_the_trainer_measured(tmp_path, capsys):
    metrics = scores("test", 0.75, **{"acc_per_class/owl": 0.5, "acc_per_class/wren, brown": 1.0}) | scores(
        "ood/dusk", 0.125
    )
    report_results(finished(metrics, tmp_path / "run"))
    assert str(tmp_path / "run") in capsys.readouterr().out.replace("\n", "")
    assert json.loads((tmp_path / "run" / "results.json").read_text()) == {
        "test": {"acc": 0.75, "recall": 0.5, "f1": 0.25, "loss": 1.5},
        "ood/dusk": {"acc": 0.125, "recall": 0.5, "f1": 0.25, "loss": 1.5},
    }
    assert per_class(tmp_path / "run") == [("test", "owl", 0.5), ("test", "wren, brown", 1.0)]


@pytest.mark.parametrize("name", ["acc", "recall", "val/recall"])
def test_a_class_may_be_called_anything(tmp_path, capsys, name):
    report_results(finished(scores("test", 0.75, **{f"acc_per_class/{name}": 0.5}), tmp_path))
    assert list(json.loads((tmp_path / "results.json").read_text())) == ["test"]
    assert per_class(tmp_path) == [("test", name, 0.5)]


@pytest.mark.parametrize("verb", ["validate", "test"])
def test_the_results_of_a_real_evaluation(tmp_path, disc_folder, capsys, verb):
    data = AGADataModule(
        ImageFolder(str(disc_folder), ood={"dusk": str(disc_folder / "dusk")}),
        cache_dir=str(tmp_path / "cache"),
        num_workers=0,
        image_size=32,
    )
    trainer = Trainer(
        accelerator="cpu",
        logger=CSVLogger(tmp_path / "run", "", ""),
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    getattr(trainer, verb)(ImageClassifier(num_classes=2, width=8), datamodule=data, verbose=False)
    report_results(trainer)
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert list(results) == [{"validate": "val", "test": "test"}[verb], "ood/dusk"]
    for name, measured in results.items():
        assert measured["acc"] == trainer.callback_metrics[f"{name}/acc"]
        by_class = [accuracy for row, _, accuracy in per_class(tmp_path / "run") if row == name]
        assert measured["recall"] == pytest.approx(sum(by_class) / 2)


def test_all_ranks_ask_for_the_folder_and_one_writes(tmp_path, capsys):
    asked = []

    class Second(SimpleNamespace):
        @property
        def log_dir(self):
            asked.append(True)
            return str(tmp_path)

    metrics = {f"val/{column}": 1.0 for column in ("acc", "recall", "f1", "loss")}
    report_results(Second(callback_metrics=metrics, logger=True, is_global_zero=False))
    assert asked
    assert not list(tmp_path.iterdir())
    assert not capsys.readouterr().out
