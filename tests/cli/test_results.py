import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.loggers import CSVLogger

from aga_lightning.cli.results import report_results
from aga_lightning.datasets.folder import ImageFolder
from aga_lightning.files import read_csv
from aga_lightning.run_folder import RunFolderError
from aga_lightning.training.datamodule import AGADataModule
from aga_lightning.training.models.classifier import ImageClassifier


def scores(name, acc, **more):
    usual = {"acc": acc, "recall": 0.5, "f1": 0.25, "loss": 1.5}
    return {f"{name}/{column}": torch.tensor(value) for column, value in (usual | more).items()}


def finished(metrics, folder=None, **model):
    """What a trainer that has tested leaves to be read."""
    return SimpleNamespace(
        callback_metrics=metrics,
        log_dir=folder and str(folder),
        keeps_files=folder is not None,
        is_global_zero=True,
        lightning_module=SimpleNamespace(**model),
    )


def per_class(folder):
    return [(row["set"], row["class"], float(row["accuracy"])) for row in read_csv(folder / "accuracy_per_class.csv")]


def per_group(folder):
    return [
        (row["set"], row["group"], int(row["images"]), float(row["accuracy"]))
        for row in read_csv(folder / "accuracy_per_group.csv")
    ]


def test_each_set_has_its_line(capsys):
    report_results(finished({"train/acc": torch.tensor(1.0), **scores("test", 0.75), **scores("ood/dusk", 0.125)}))
    printed = capsys.readouterr().out
    assert printed.index("test") < printed.index("ood/dusk")
    for text in ("accuracy", "macro recall", "macro F1", "75.0 %", "12.5 %", "50.0 %", "25.0 %", "1.500"):
        assert text in printed
    assert "train" not in printed
    assert "100.0 %" not in printed
    assert "worst group" not in printed


def test_each_accuracy_has_its_interval_and_its_number_of_images(tmp_path, capsys):
    report_results(finished(scores("test", 0.75) | scores("ood/dusk", 0.0), tmp_path, images={"test": 1200}))
    line = next(line for line in capsys.readouterr().out.splitlines() if "75.0 %" in line)
    assert "75.0 % [72.5-77.4]" in line and "1,200" in line
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["test"]["images"] == 1200 and results["test"]["acc_low"] == pytest.approx(0.7247, abs=1e-4)
    assert "images" not in results["ood/dusk"], "a model that does not count its images has none"


@pytest.mark.parametrize(
    ("monitor", "name"), [("val/acc", "validation, chose"), ("ood/dusk/acc", "validation "), (None, "validation ")]
)
def test_the_validation_set_is_called_so_and_said_to_have_chosen_the_checkpoint(capsys, monitor, name):
    trainer = finished(scores("val", 0.75) | scores("test", 0.5))
    trainer.checkpoint_callbacks = [SimpleNamespace(), SimpleNamespace(monitor=monitor)]
    report_results(trainer)
    printed = capsys.readouterr().out
    assert name in printed and ("the checkpoint" in printed) == (monitor == "val/acc")


def test_results_that_cannot_be_written_are_shown_and_told_in_a_line(tmp_path, capsys):
    (tmp_path / "full").touch()
    with pytest.raises(RunFolderError, match=r"results above cannot be written to .*full") as told:
        report_results(finished(scores("test", 0.75), tmp_path / "full" / "run"))
    assert "75.0 %" in capsys.readouterr().out and "\n" not in str(told.value)


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
    assert not (tmp_path / "run" / "accuracy_per_group.csv").exists()


def test_where_there_are_groups_the_worst_is_told_and_all_are_listed(tmp_path, capsys):
    metrics = scores("test", 0.75, **{"worst_group_acc": 0.625, "acc_per_group/west": 1.0, "acc_per_group/east": 0.625})
    metrics |= scores("ood/dusk", 0.25, **{"worst_group_acc": 0.125, "acc_per_group/east": 0.125})
    images = {"test": {"east": 8, "north": 0, "west": 4}, "ood/dusk": {"east": 16, "north": 0, "west": 0}}
    report_results(finished(metrics, tmp_path, group_images=images))
    printed = capsys.readouterr().out
    for text in ("worst group", "62.5 % of 8", "[30.6-86.3]", "12.5 % of 16"):
        assert text in printed
    results = json.loads((tmp_path / "results.json").read_text())
    assert {name: scores["worst_group_acc"] for name, scores in results.items()} == {"test": 0.625, "ood/dusk": 0.125}
    assert [scores["worst_group_images"] for scores in results.values()] == [8, 16]
    assert results["test"]["worst_group_acc_low"] == pytest.approx(0.306, abs=1e-3)
    assert per_group(tmp_path) == [
        ("test", "west", 4, 1.0),
        ("test", "east", 8, 0.625),
        ("ood/dusk", "east", 16, 0.125),
    ]


def test_the_background_gap_stands_in_the_line_of_the_random_backgrounds(tmp_path, capsys):
    metrics = scores("test", 0.75) | scores("ood/mixed_same", 0.625) | scores("ood/mixed_rand", 0.25)
    report_results(finished(metrics | {"ood/bg_gap": torch.tensor(0.375)}, tmp_path))
    lines = capsys.readouterr().out.splitlines()
    assert any("BG-gap" in line for line in lines)
    assert [line.split()[1] for line in lines if "37.5 %" in line] == ["ood/mixed_rand"]
    results = json.loads((tmp_path / "results.json").read_text())
    assert {name: found.get("bg_gap") for name, found in results.items()} == {
        "test": None, "ood/mixed_same": None, "ood/mixed_rand": 0.375
    }  # fmt: skip


@pytest.mark.parametrize("name", ["acc", "recall", "val/recall"])
def test_a_class_may_be_called_anything(tmp_path, capsys, name):
    report_results(finished(scores("test", 0.75, **{f"acc_per_class/{name}": 0.5}), tmp_path))
    assert list(json.loads((tmp_path / "results.json").read_text())) == ["test"]
    assert per_class(tmp_path) == [("test", name, 0.5)]


@pytest.mark.parametrize(
    "name", ["", "recall", "val/recall", "site 7/acc_per_class/recall", 'a,b\n"c"', "worst_group_acc", "Höhle"]
)
def test_a_group_may_be_called_anything(tmp_path, capsys, name):
    metrics = scores(
        "test", 0.75, **{"worst_group_acc": 0.25, f"acc_per_group/{name}": 0.5, "acc_per_class/owl": 0.125}
    )
    report_results(finished(metrics, tmp_path, group_images={"test": {name: 3}}))
    assert list(json.loads((tmp_path / "results.json").read_text())) == ["test"]
    assert per_group(tmp_path) == [("test", name, 3, 0.5)]
    assert per_class(tmp_path) == [("test", "owl", 0.125)]


def test_a_model_that_counts_no_images_leaves_their_column_empty(tmp_path, capsys):
    report_results(finished(scores("test", 0.75, **{"worst_group_acc": 0.5, "acc_per_group/east": 0.5}), tmp_path))
    assert read_csv(tmp_path / "accuracy_per_group.csv") == [
        {"set": "test", "group": "east", "images": "", "accuracy": "0.5"}
    ]


def evaluated(dataset, tmp_path, verb):
    """A trainer that has judged an untrained classifier, and reported."""
    data = AGADataModule(dataset, cache_dir=str(tmp_path / "cache"), num_workers=0, image_size=32, batch_size=4)
    trainer = Trainer(
        accelerator="cpu",
        logger=CSVLogger(tmp_path / "run", "", ""),
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    getattr(trainer, verb)(ImageClassifier(num_classes=2, width=8), datamodule=data, verbose=False)
    report_results(trainer)
    return trainer


@pytest.mark.parametrize("verb", ["validate", "test"])
def test_the_results_of_a_real_evaluation(tmp_path, disc_folder, capsys, verb):
    trainer = evaluated(ImageFolder(str(disc_folder), ood={"dusk": str(disc_folder / "dusk")}), tmp_path, verb)
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert list(results) == ["val", "ood/dusk"], "there are no test images"
    told = capsys.readouterr().out
    assert ("There are no test images" in told) == (verb == "test")
    assert [measured["images"] for measured in results.values()] == [6, 4]
    assert all(one["acc_low"] <= one["acc"] <= one["acc_high"] for one in results.values())
    for name, measured in results.items():
        assert measured["acc"] == trainer.callback_metrics[f"{name}/acc"]
        by_class = [accuracy for row, _, accuracy in per_class(tmp_path / "run") if row == name]
        assert measured["recall"] == pytest.approx(sum(by_class) / 2)
    assert not [name for name in trainer.callback_metrics if "group" in name]


class Cameras(ImageFolder):
    """Photos of three cameras: the second took one of each class, the third those out of distribution."""

    def records(self, split):
        return [replace(one, group=f"site/{int(one.path.stem[-1] == '0')}") for one in super().records(split)]

    def ood_records(self):
        return {name: [replace(one, group="dam 2") for one in found] for name, found in super().ood_records().items()}


@pytest.mark.parametrize("verb", ["validate", "test"])
def test_the_results_of_a_real_evaluation_of_cameras(tmp_path, disc_folder, capsys, verb):
    trainer = evaluated(Cameras(str(disc_folder), ood={"dusk": str(disc_folder / "dusk")}), tmp_path, verb)
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    listed = per_group(tmp_path / "run")
    assert [row[:3] for row in listed] == [("val", "site/0", 4), ("val", "site/1", 2), ("ood/dusk", "dam 2", 4)]
    for measured, rows_of_set in ((results["val"], listed[:2]), (results["ood/dusk"], listed[2:])):
        right = sum(images * accuracy for _, _, images, accuracy in rows_of_set)
        assert right / sum(row[2] for row in rows_of_set) == pytest.approx(measured["acc"])
        assert measured["worst_group_acc"] == min(row[3] for row in rows_of_set)
    assert trainer.callback_metrics["val/acc_per_group/site/1"] == listed[1][3]
    assert "worst" in capsys.readouterr().out


def test_all_ranks_ask_for_the_folder_and_one_writes(tmp_path, capsys):
    asked = []

    class Second(SimpleNamespace):
        @property
        def log_dir(self):
            asked.append(True)
            return str(tmp_path)

    metrics = {f"val/{column}": 1.0 for column in ("acc", "recall", "f1", "loss")}
    report_results(Second(callback_metrics=metrics, keeps_files=True, is_global_zero=False))
    assert asked
    assert not list(tmp_path.iterdir())
    assert not capsys.readouterr().out
