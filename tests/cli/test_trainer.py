"""The Trainer's verbs `augment` and `export`, and the folder of a run."""

import logging
from pathlib import Path

import numpy as np
import pytest
from lightning.pytorch.callbacks import Callback, ProgressBar, RichProgressBar, TQDMProgressBar

from aga_lightning.augment.augmenter import Augmenter
from aga_lightning.augment.base import Augmented, Rejected
from aga_lightning.augment.methods.aga import AGA
from aga_lightning.augment.segmenters.embedded import GrabCut
from aga_lightning.cli.trainer import AgaTrainer
from aga_lightning.datasets.folder import ImageFolder
from aga_lightning.images.records import DatasetError
from aga_lightning.training.datamodule import AGADataModule
from aga_lightning.training.models.classifier import ImageClassifier


class Plain(Augmenter):
    """A grey picture."""

    def augment(self, requests, cache):
        for request in requests:
            yield Augmented(request, np.full((48, 48, 3), 128, np.uint8))


class Diary(Callback):
    """Expects a classifier, and writes down when it is called."""

    def __init__(self):
        self.entries = []

    def setup(self, trainer, pl_module, stage):
        assert isinstance(pl_module, ImageClassifier)
        self.entries.append(stage)

    def on_predict_start(self, trainer, pl_module):
        self.entries.append("predicts")

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.entries.append("batch")


@pytest.fixture
def open_data(disc_folder, tmp_path):
    def open_data(augmenter=None, **settings):
        settings = {"batch_size": 8, "image_size": 32, "num_workers": 0} | settings
        return AGADataModule(ImageFolder(str(disc_folder)), augmenter, cache_dir=str(tmp_path / "cache"), **settings)

    return open_data


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


def trainer(**settings):
    quiet = {"logger": False, "enable_checkpointing": False, "limit_val_batches": 0, "max_epochs": 1}
    return AgaTrainer(accelerator="cpu", enable_progress_bar=False, enable_model_summary=False, **(quiet | settings))


def classifier():
    return ImageClassifier(num_classes=2, width=8)


class Picky(Augmenter):
    """A grey picture of each first variant; the others are rejected."""

    def augment(self, requests, cache):
        for one in requests:
            if one.variant:
                yield Rejected(one, f"it covers {one.variant / 10}% of the picture, less than 5.0%")
            else:
                yield Augmented(one, np.full((48, 48, 3), 128, np.uint8))


def test_augment_says_what_it_does_and_rejects_are_told_once(open_data, capsys, caplog):
    data = open_data(Picky(), degree=3)
    with caplog.at_level(logging.INFO):
        AgaTrainer(accelerator="cpu").augment(datamodule=data)
    assert "Augmenting" in capsys.readouterr().err
    told = [message for message in caplog.messages if "rejected" in message]
    assert told[1:] == ["  rejected 16: it covers less than 5.0% of the picture"] and "16 of 24" in told[0]
    assert sum(path is not None for path in data.augmented.values()) == 8, "without a warning"
    assert not Path("runs").exists(), "the store is filled for all runs, and is no run itself"


def test_augment_fills_the_store_and_describes_it(open_data):
    data = open_data(AGA(segmenter=GrabCut(size=48)), degree=2)
    trainer().augment(datamodule=data)
    assert data.collection.pending() == []
    assert len(list(data.collection.folder.rglob("*.jpg"))) == 16
    assert {path.name for path in data.collection.folder.iterdir() if path.is_file()} == {
        "metadata.jsonl",
        "rejected.jsonl",
        "config.yaml",
        "DATASET_CARD.md",
    }


def test_augmenting_a_complete_store_makes_nothing(open_data):
    trainer().augment(datamodule=open_data(Plain()))
    data = open_data(Plain())
    written = {path: path.stat().st_mtime_ns for path in data.collection.folder.rglob("*.jpg")}
    trainer().augment(datamodule=data)
    assert {path: path.stat().st_mtime_ns for path in data.collection.folder.rglob("*.jpg")} == written
    assert len(written) == 8


def test_one_trainer_augments_and_then_fits(open_data):
    data, diary = open_data(Plain()), Diary()
    run = trainer(callbacks=diary)
    run.augment(datamodule=data)
    assert diary.entries == []
    run.fit(classifier(), datamodule=data)
    assert diary.entries == ["fit", "batch", "batch"]


def test_an_unreadable_image_is_an_error_after_all_others_are_augmented(open_data, disc_folder):
    path = disc_folder / "train" / "plum" / "plum_0.png"
    sound = path.read_bytes()
    path.write_bytes(sound[:100])
    aga = AGA(segmenter=GrabCut(iterations=1), gates=[])
    with pytest.raises(DatasetError, match=r"1 of 8 training images cannot be read, .* first: .*plum_0\.png cannot"):
        trainer().augment(datamodule=open_data(aga))
    data = open_data(aga, bad_images="skip")
    with pytest.warns(UserWarning, match="1 of 8 images cannot be read and are left out"):
        trainer().augment(datamodule=data)
    assert len(data.collection.requests) == 7
    path.write_bytes(sound)
    data = open_data(aga)
    trainer().augment(datamodule=data)
    assert len(data.collection.find_all()) == 8 and not data.collection.rejections()


def test_augment_says_what_it_lacks(open_data):
    with pytest.raises(DatasetError, match=r"set --data\.augmenter"):
        trainer().augment()
    with pytest.raises(DatasetError, match=r"set --data\.augmenter"):
        trainer().augment(datamodule=open_data())


def test_a_trial_run_can_fit_what_it_has_augmented(open_data):
    data = open_data(Plain())
    run = trainer(fast_dev_run=True)
    run.augment(datamodule=data)
    run.fit(classifier(), datamodule=data)
    assert run.global_step == 1


def test_the_bar_is_drawn_a_few_times_a_second_unless_the_user_has_one():
    (bar,) = [one for one in AgaTrainer(accelerator="cpu", logger=False).callbacks if isinstance(one, ProgressBar)]
    assert isinstance(bar, RichProgressBar) and bar.refresh_rate == 5
    for given in (TQDMProgressBar(), [Diary(), TQDMProgressBar()]):
        callbacks = AgaTrainer(accelerator="cpu", logger=False, callbacks=given).callbacks
        assert [type(one) for one in callbacks if isinstance(one, ProgressBar)] == [TQDMProgressBar]
    silent = AgaTrainer(accelerator="cpu", logger=False, enable_progress_bar=False)
    assert not any(isinstance(one, ProgressBar) for one in silent.callbacks)


def test_export_writes_what_was_augmented(open_data):
    data = open_data(Plain(), degree=2)
    trainer().augment(datamodule=data)
    trainer().export(datamodule=data, to="out", originals=True)
    made = sorted(path.read_bytes() for path in data.collection.folder.rglob("*.jpg"))
    assert sorted(path.read_bytes() for path in Path("out").rglob("*.jpg")) == made and len(made) == 16
    originals = sorted(record.path.read_bytes() for record in data.train_records)
    assert sorted(path.read_bytes() for path in Path("out").rglob("*.png")) == originals
    assert sorted(path.name for path in Path("out/train").iterdir() if path.is_dir()) == ["lime", "plum"]


def test_the_first_rank_alone_exports(open_data, monkeypatch):
    data = open_data(Plain())
    trainer().augment(datamodule=data)
    monkeypatch.setattr(AgaTrainer, "is_global_zero", False)
    trainer().export(datamodule=data, to="out")
    assert not Path("out").exists()


def test_export_says_what_it_lacks(open_data):
    with pytest.raises(DatasetError, match="nothing to export"):
        trainer().export(to="out")
    with pytest.raises(DatasetError, match=r"set --data\.augmenter"):
        trainer().export(datamodule=open_data(), to="out")
