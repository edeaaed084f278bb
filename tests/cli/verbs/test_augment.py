"""The verb `augment`."""

import logging
from pathlib import Path

import numpy as np
import pytest
from lightning.pytorch.callbacks import Callback
from PIL import Image
from tiny.augmented import Plain, trainer

from aga_lightning.augment.augmenter import Augmenter
from aga_lightning.augment.base import Augmented, Rejected
from aga_lightning.augment.methods.aga import AGA
from aga_lightning.augment.segmenters.embedded import GrabCut
from aga_lightning.cli.trainer import AgaTrainer
from aga_lightning.images.records import DatasetError
from aga_lightning.training.models.classifier import ImageClassifier


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


def test_augment_says_what_it_does_and_in_a_sentence_what_came_of_it(open_data, capsys, caplog):
    data = open_data(Picky(), degree=3)
    with caplog.at_level(logging.INFO):
        AgaTrainer(accelerator="cpu").augment(datamodule=data)
    assert "Augmenting" in capsys.readouterr().err
    folder = data.collection.folder
    assert caplog.messages[-2:] == [
        f"8 of 24 augmentations in {folder} were accepted (33%), the others were rejected because it covers less than "
        "5.0% of the picture: rejected.png shows some",
        f"To look at: {folder / 'augmentations.png'}",
    ]
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
        "augmentations.png",
    }
    with Image.open(data.collection.folder / "augmentations.png") as sheet:
        assert min(sheet.size) > 400


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
