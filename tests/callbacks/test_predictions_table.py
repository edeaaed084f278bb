import math
from pathlib import Path

import pytest
import torch
from lightning.pytorch import LightningDataModule, LightningModule, seed_everything
from lightning.pytorch.loggers import CSVLogger
from tiny import explained
from tiny.explained import on_two_ranks
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset

from aga_lightning.callbacks.predictions_table import PredictionsTable
from aga_lightning.datasets.folder import ImageFolder
from aga_lightning.files import read_csv
from aga_lightning.images.records import ImageRecord
from aga_lightning.training.datamodule import AGADataModule
from aga_lightning.training.models.classifier import ImageClassifier

# Logits are the images themselves: what is said of each is known. The names come in no order.
LOGITS = [[2.0, 0.0], [0.0, 1.0], [3.0, 0.0], [0.0, 0.0], [0.0, 4.0]]
LABELS = [0, 0, 0, 1, 1]
FILES = ["b/1.png", "a/2.png", "b/3.png", "a/1.png", "a/3.png"]


class Set(Dataset):
    """Images of two numbers each."""

    def __init__(self, count=5, root="/photos/test", named=True):
        self.count = count
        if named:
            self.records = [
                ImageRecord(Path(root) / file, label, "", "") for file, label in zip(FILES, LABELS, strict=True)
            ]

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        return torch.tensor(LOGITS[index]), LABELS[index]


class Data(LightningDataModule):
    """A set and a smaller one, three images a batch."""

    val_names = ("val", "ood/dusk")
    test_names = ("test", "ood/dusk")
    class_names = ("plum", "lime")

    def test_dataloader(self):
        return [DataLoader(Set(), 3), DataLoader(Set(4, root="elsewhere"), 3)]

    val_dataloader = test_dataloader

    def train_dataloader(self):
        return DataLoader(Set(), 3)


class Mirror(LightningModule):
    """Says what it is shown."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def test_step(self, batch, batch_idx, dataloader_idx=0):
        return batch[0] * self.scale

    validation_step = test_step

    def training_step(self, batch):
        return nn.functional.cross_entropy(batch[0] * self.scale, batch[1])

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.01)


def open_trainer(folder, **settings):
    usual = {"logger": CSVLogger(folder, "", ""), "callbacks": [PredictionsTable()], "max_epochs": 1}
    return explained.open_trainer(**(usual | settings))


def table(folder):
    return read_csv(Path(folder) / "predictions.csv")


def column(rows, name, of_set):
    return [row[name] for row in rows if row["set"] == of_set]


@pytest.mark.parametrize(("verb", "first"), [("validate", "val"), ("test", "test")])
def test_each_image_of_each_set_has_its_line_in_the_order_of_the_set(tmp_path, verb, first):
    getattr(open_trainer(tmp_path), verb)(Mirror(), datamodule=Data(), verbose=False)
    rows = table(tmp_path)
    assert list(rows[0]) == ["set", "image", "label", "predicted", "confidence"]
    assert [row["set"] for row in rows] == [first] * 5 + ["ood/dusk"] * 4
    assert column(rows, "image", first) == FILES
    assert column(rows, "label", first) == ["plum", "plum", "plum", "lime", "lime"]
    # Of equal logits the first is predicted, as the metrics count.
    assert column(rows, "predicted", first) == ["plum", "lime", "plum", "plum", "lime"]
    sure = [1 / (1 + math.exp(-margin)) for margin in (2, 1, 3, 0, 4)]
    assert [float(value) for value in column(rows, "confidence", first)] == pytest.approx(sure, rel=1e-5)
    assert column(rows, "image", "ood/dusk") == FILES[:4]
    assert column(rows, "confidence", "ood/dusk") == column(rows, "confidence", first)[:4]
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_a_second_evaluation_replaces_the_table(tmp_path):
    trainer = open_trainer(tmp_path)
    for verb in ("test", "validate"):
        getattr(trainer, verb)(Mirror(), datamodule=Data(), verbose=False)
    assert {row["set"] for row in table(tmp_path)} == {"val", "ood/dusk"}
    assert len(table(tmp_path)) == 9


def test_a_part_of_a_set_is_listed_as_far_as_it_was_judged(tmp_path):
    open_trainer(tmp_path, limit_test_batches=1).test(Mirror(), datamodule=Data(), verbose=False)
    assert [(row["set"], row["image"]) for row in table(tmp_path)] == [
        *(("test", name) for name in FILES[:3]),
        *(("ood/dusk", name) for name in FILES[:3]),
    ]


def test_loaders_that_name_nothing_get_numbers(tmp_path):
    open_trainer(tmp_path).test(Mirror(), DataLoader(Set(named=False), 3), verbose=False)
    rows = table(tmp_path)
    assert column(rows, "image", "test") == ["0", "1", "2", "3", "4"]
    assert column(rows, "label", "test") == ["0", "0", "0", "1", "1"]


class Stream(IterableDataset):
    def __iter__(self):
        return (Set()[index] for index in range(5))


class Backwards(torch.utils.data.BatchSampler):
    def __iter__(self):
        return iter([[4, 3], [2, 1, 0]])


@pytest.mark.filterwarnings("ignore:.*sampler has shuffling enabled", "ignore:.*does not have `__len__`")
def test_images_whose_place_nobody_knows_get_no_name(tmp_path):
    streamed = DataLoader(Stream(), 3)
    backwards = DataLoader(Set(), batch_sampler=Backwards(range(5), 3, False))
    seed_everything(1, verbose=False)
    shuffled = DataLoader(Set(), 3, shuffle=True)
    open_trainer(tmp_path).test(Mirror(), [streamed, backwards, shuffled], verbose=False)
    rows = table(tmp_path)
    for number in range(3):
        assert column(rows, "image", f"test/{number}") == ["0", "1", "2", "3", "4"]
    assert column(rows, "label", "test/0") == ["0", "0", "0", "1", "1"]
    assert column(rows, "label", "test/1") == ["1", "1", "0", "0", "0"]
    assert sorted(column(rows, "label", "test/2")) == ["0", "0", "0", "1", "1"]


def test_the_validations_of_a_fit_and_trial_runs_are_not_listed(tmp_path):
    trainer = open_trainer(tmp_path)
    trainer.fit(Mirror(), datamodule=Data())
    assert not (tmp_path / "predictions.csv").exists()
    there = open_trainer(tmp_path, default_root_dir=tmp_path, fast_dev_run=True)
    there.test(Mirror(), datamodule=Data(), verbose=False)
    assert not list(tmp_path.rglob("predictions.csv"))
    trainer.test(datamodule=Data(), model=Mirror(), verbose=False)
    assert len(table(tmp_path)) == 9


@pytest.mark.parametrize("answer", [None, {"loss": torch.zeros(1)}, torch.zeros(3)])
def test_a_model_that_tells_no_logits_leaves_no_table(tmp_path, answer):
    class Silent(Mirror):
        def test_step(self, batch, batch_idx, dataloader_idx=0):
            return answer

    open_trainer(tmp_path).test(Silent(), datamodule=Data(), verbose=False)
    assert not (tmp_path / "predictions.csv").exists()


@pytest.mark.parametrize("verb", ["validate", "test"])
def test_the_accuracy_of_the_table_is_that_of_the_metrics_which_it_does_not_change(tmp_path, disc_folder, verb):
    metrics = {}
    for name, callbacks in (("with", [PredictionsTable()]), ("without", [])):
        dataset = ImageFolder(str(disc_folder), ood={"dusk": str(disc_folder / "dusk")})
        data = AGADataModule(dataset, cache_dir=str(tmp_path / "cache"), num_workers=0, image_size=32, batch_size=4)
        trainer = open_trainer(tmp_path / name, callbacks=callbacks)
        seed_everything(4, verbose=False)
        getattr(trainer, verb)(ImageClassifier(num_classes=2, width=8), datamodule=data, verbose=False)
        metrics[name] = dict(trainer.callback_metrics), torch.get_rng_state().tolist()
    assert metrics["with"] == metrics["without"]
    assert not (tmp_path / "without" / "predictions.csv").exists()
    rows = table(tmp_path / "with")
    for of_set in ("val", "ood/dusk"):
        right = [row["label"] == row["predicted"] for row in rows if row["set"] == of_set]
        assert sum(right) / len(right) == pytest.approx(float(metrics["with"][0][f"{of_set}/acc"]))
    assert column(rows, "image", "ood/dusk") == [
        f"{name}/{name}_{number}.png" for name in ("lime", "plum") for number in range(2)
    ]


def on_ranks(folder):
    for name, settings in (("dealt", {}), ("whole", {"use_distributed_sampler": False})):
        trainer = open_trainer(Path(folder) / name, devices=2, strategy="ddp", **settings)
        trainer.test(Mirror(), datamodule=Data(), verbose=False)
    trainer = open_trainer(Path(folder) / "bare", devices=2, strategy="ddp")
    trainer.test(Mirror(), DataLoader(Set(named=False), 3, shuffle=True), verbose=False)


def test_two_ranks_write_what_one_writes(tmp_path):
    open_trainer(tmp_path / "alone").test(Mirror(), datamodule=Data(), verbose=False)
    on_two_ranks(tmp_path, Path(__file__), f"on_ranks({str(tmp_path)!r})")
    # Of five images, each rank is given three: the first one twice.
    assert table(tmp_path / "dealt") == table(tmp_path / "alone")
    assert table(tmp_path / "whole") == table(tmp_path / "alone")
    bare = table(tmp_path / "bare")
    assert column(bare, "image", "test") == ["0", "1", "2", "3", "4"]
    assert sorted(column(bare, "label", "test")) == ["0", "0", "0", "1", "1"]
