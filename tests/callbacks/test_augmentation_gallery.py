"""The sheet of augmentations: that it is drawn where there is something to draw, and what stands on it."""

import numpy as np
import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.data import DataLoader

from aga_lightning.augment.aga import AGA
from aga_lightning.augment.augmenter import Augmenter
from aga_lightning.augment.base import Augmented, Gate
from aga_lightning.augment.collection import Collection
from aga_lightning.augment.segmenters.embedded import GrabCut
from aga_lightning.augment.store import Store
from aga_lightning.callbacks.augmentation_gallery import AugmentationGallery, draw_gallery
from aga_lightning.data.datamodule import AGADataModule
from aga_lightning.data.folder import ImageFolder
from aga_lightning.data.images import read_image


class Still(LightningModule):
    """Learns nothing."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def training_step(self, batch):
        return self.weight.sum()

    def validation_step(self, batch, batch_idx, dataloader_idx=0):
        pass

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


class NoPlums(Gate):
    stage = "subject"

    def objection(self, draft):
        return "plums are out of season" if draft.sample.record.class_name == "plum" else None


class Grey(Augmenter):
    """Isolates nothing; its captions are hard to typeset."""

    def augment(self, requests, cache):
        for request in requests:
            yield Augmented(request, np.full((48, 48, 3), 128, np.uint8), {"caption": "for $5 or {$6 \\frac{"})


def aga():
    return AGA(segmenter=GrabCut(size=48))


def collect(tmp_path, records, augmenter=None, degree=3):
    collection = Collection(augmenter or aga(), Store(tmp_path / "cache"), records, degree, 0)
    for requests in collection.pending():
        collection.make(requests)
    return collection


def titles(figure):
    return [" ".join(axes.get_title().split()) for axes in figure.axes]


def pictures(figure):
    return [axes.get_images()[0].get_array() if axes.get_images() else None for axes in figure.axes]


def fit(tmp_path, disc_folder, augmenter, logger, **settings):
    data = AGADataModule(
        ImageFolder(str(disc_folder)),
        augmenter,
        mode="lazy",
        cache_dir=str(tmp_path / "cache"),
        num_workers=0,
        image_size=32,
    )
    trainer = Trainer(
        accelerator="cpu",
        max_steps=1,
        limit_val_batches=0,
        logger=logger,
        callbacks=AugmentationGallery(),
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=tmp_path,
        **settings,
    )
    trainer.fit(Still(), datamodule=data)


def test_a_fit_starts_with_the_sheet_in_its_folder_and_in_tensorboard(tmp_path, disc_folder):
    fit(tmp_path, disc_folder, aga(), TensorBoardLogger(tmp_path / "run", "", ""))
    sheet = np.asarray(read_image(tmp_path / "run" / "augmentations.png"))
    assert min(sheet.shape[:2]) > 300
    assert sheet.std() > 20
    assert len(np.unique(sheet.reshape(-1, 3), axis=0)) > 1000
    events = EventAccumulator(str(tmp_path / "run")).Reload()
    assert events.Tags()["images"] == ["augmentations"]


@pytest.mark.parametrize(("augmenter", "trial"), [(None, False), (aga(), True)], ids=["no augmenter", "no folder"])
def test_where_there_is_nothing_to_draw_or_no_place_for_it_nothing_is_done(tmp_path, disc_folder, augmenter, trial):
    fit(tmp_path, disc_folder, augmenter, CSVLogger(tmp_path / "run", "", ""), fast_dev_run=trial)
    assert list(tmp_path.rglob("augmentations.png")) == []


def test_rejects_that_there_are_already_go_to_tensorboard_on_a_sheet_of_their_own(tmp_path, disc_folder):
    choosy = AGA(segmenter=GrabCut(size=48), gates=[NoPlums()])
    for name in ("first", "second"):
        fit(tmp_path, disc_folder, choosy, TensorBoardLogger(tmp_path / name, "", ""))
    events = EventAccumulator(str(tmp_path / "second")).Reload()
    assert events.Tags()["images"] == ["augmentations", "rejects"]


def test_a_fit_without_a_data_module_goes_on(tmp_path):
    trainer = Trainer(
        accelerator="cpu",
        max_steps=1,
        limit_val_batches=0,
        logger=CSVLogger(tmp_path, "", ""),
        callbacks=AugmentationGallery(),
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(Still(), DataLoader([0, 1]), DataLoader([0, 1]))
    assert trainer.global_step == 1


def test_a_row_shows_original_mask_and_augmentations_with_their_captions(tmp_path, disc_records):
    collection = collect(tmp_path, disc_records)
    figure = draw_gallery(collection, images=2, variants=2)
    first, last = disc_records[0], disc_records[-1]
    shown, words = pictures(figure), titles(figure)
    assert len(shown) == 8
    assert [words[0], words[1], words[4]] == ["plum", "mask", "lime"]
    for row, record in ((shown[:4], first), (shown[4:], last)):
        assert np.array_equal(row[0], read_image(record.path))
        assert np.array_equal(row[1], collection.augmenter.subject(record, collection.store)[1].mask)
        requests = [request for request in collection.requests if request.record == record]
        for picture, request in zip(row[2:], requests, strict=False):
            assert np.array_equal(picture, read_image(collection.find(request).path))
    caption = collection.find(collection.requests[0]).caption
    assert words[2] == caption or (words[2].endswith(" ...") and caption.startswith(words[2][:-4]))


def test_rows_are_spread_over_the_training_set_and_none_is_drawn_twice(tmp_path, disc_records):
    collection = collect(tmp_path, disc_records, degree=1)
    assert titles(draw_gallery(collection, images=4, variants=1))[::3] == ["plum", "plum", "lime", "lime"]
    assert len(titles(draw_gallery(collection, images=20, variants=5))) == 8 * 3
    assert titles(draw_gallery(collection, images=1, variants=1))[0] == "plum"


def test_what_is_not_there_is_said_in_words(tmp_path, disc_records):
    refused = collect(tmp_path / "refused", disc_records, AGA(segmenter=GrabCut(size=48), gates=[NoPlums()]), degree=1)
    assert titles(draw_gallery(refused, 2, 1))[2] == "rejected: plums are out of season"
    unmade = Collection(aga(), Store(tmp_path / "unmade"), disc_records, 1, 0)
    assert titles(draw_gallery(unmade, 2, 1))[2] == "not made yet"
    assert unmade.find_all() == {}


def test_a_method_without_masks_and_with_odd_captions_can_be_drawn(tmp_path, disc_records):
    figure = draw_gallery(collect(tmp_path, disc_records, Grey(), degree=1), 1, 1)
    figure.savefig(tmp_path / "sheet.png")
    assert titles(figure)[1:] == ["no mask", "for $5 or {$6 \\frac{"]
