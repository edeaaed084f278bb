"""The sheet of augmentations: that it is drawn where there is something to draw, and what stands on it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tiny.explained import open_trainer
from torch.utils.data import DataLoader

from aga_lightning.augment.augmenter import Augmenter
from aga_lightning.augment.base import Augmented, Gate
from aga_lightning.augment.engine.collection import Collection
from aga_lightning.augment.engine.store import Store
from aga_lightning.augment.methods.aga import AGA
from aga_lightning.augment.segmenters.embedded import GrabCut
from aga_lightning.callbacks.augmentation_gallery import AugmentationGallery, draw_gallery
from aga_lightning.datasets.folder import ImageFolder
from aga_lightning.images.reading import read_image
from aga_lightning.training.datamodule import AGADataModule


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


class TooLate(Gate):
    stage = "image"

    def objection(self, draft):
        return f"{draft.sample.record.path} comes too late"


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


def shown(figure):
    """What stands in each place of the sheet, in reading order: an array of pixels, or words."""
    return [
        axes.get_images()[0].get_array() if axes.get_images() else " ".join(axes.texts[0].get_text().split())
        for axes in figure.axes
    ]


def rows(figure, variants):
    """The headings, then for each row its pictures and the words below them."""
    places, pictures, words = shown(figure), 2 + 2 * variants, 2 + variants
    below = places[pictures:]
    size = pictures + words
    return places[:pictures], [
        (below[at:][:pictures], below[at + pictures :][:words]) for at in range(0, len(below), size)
    ]


def fit(tmp_path, disc_folder, augmenter, logger, **settings):
    data = AGADataModule(
        ImageFolder(str(disc_folder)),
        augmenter,
        mode="lazy",
        cache_dir=str(tmp_path / "cache"),
        num_workers=0,
        image_size=32,
    )
    settings |= {"max_steps": 1, "limit_val_batches": 0, "default_root_dir": tmp_path}
    open_trainer([AugmentationGallery()], logger=logger, **settings).fit(Still(), datamodule=data)


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


def test_other_ranks_draw_nothing_but_help_to_find_the_folder(tmp_path, monkeypatch):
    # Lightning's log_dir is a broadcast: were it asked for on the first rank alone, a fit on several would stand still.
    asked = []
    monkeypatch.setattr(Trainer, "log_dir", property(lambda self: asked.append(self) or str(tmp_path / "run")))
    monkeypatch.setattr(Trainer, "is_global_zero", False)
    trainer = Trainer(accelerator="cpu", logger=CSVLogger(tmp_path, "run", ""))
    trainer.datamodule = AGADataModule(ImageFolder(str(tmp_path / "nowhere")), aga())
    AugmentationGallery().on_fit_start(trainer, Still())
    assert asked and not (tmp_path / "run").exists()


def test_rejects_that_there_are_already_go_to_tensorboard_on_a_sheet_of_their_own(tmp_path, disc_folder):
    choosy = AGA(segmenter=GrabCut(size=48), gates=[NoPlums()])
    for name in ("first", "second"):
        fit(tmp_path, disc_folder, choosy, TensorBoardLogger(tmp_path / name, "", ""))
    events = EventAccumulator(str(tmp_path / "second")).Reload()
    assert events.Tags()["images"] == ["augmentations", "rejects"]


def test_a_fit_without_a_data_module_goes_on(tmp_path):
    logger = CSVLogger(tmp_path, "", "")
    trainer = open_trainer([AugmentationGallery()], logger=logger, max_steps=1, limit_val_batches=0)
    trainer.fit(Still(), DataLoader([0, 1]), DataLoader([0, 1]))
    assert trainer.global_step == 1


def test_a_row_shows_original_mask_and_each_background_beside_its_result_over_the_caption(tmp_path, disc_records):
    collection = collect(tmp_path, disc_records)
    headings, drawn = rows(draw_gallery(collection, images=2, variants=2), variants=2)
    assert headings == ["original", "mask", "background", "result", "background", "result"]
    assert len(drawn) == 2
    for (pictures, words), record in zip(drawn, (disc_records[0], disc_records[-1]), strict=True):
        assert np.array_equal(pictures[0], read_image(record.path))
        assert np.array_equal(pictures[1], collection.augmenter.subject(record, collection.store)[1].mask)
        assert words[:2] == [record.class_name, ""]
        requests = [request for request in collection.requests if request.record == record][:2]
        for request, background, result, caption in zip(
            requests, pictures[2::2], pictures[3::2], words[2:], strict=True
        ):
            assert np.array_equal(background, collection.augmenter.kept(request, collection.store).background)
            assert np.array_equal(result, read_image(collection.find(request).path))
            assert caption == collection.find(request).caption


def test_images_without_a_subject_are_not_shown(tmp_path, disc_records):
    records = [replace(record, superclass="") if record.class_name == "lime" else record for record in disc_records]
    collection = collect(tmp_path, records, Grey(), degree=2)
    _, drawn = rows(draw_gallery(collection, images=4, variants=2), variants=2)
    plums = [record for record in records if record.has_subject]
    assert len(drawn) == len(plums) == 4
    for (pictures, _), record in zip(drawn, plums, strict=True):
        assert np.array_equal(pictures[0], np.asarray(read_image(record.path)))


def test_rows_are_spread_over_the_training_set_and_none_is_drawn_twice(tmp_path, disc_records):
    collection = collect(tmp_path, disc_records, degree=1)
    for images, expected in ((4, ["plum", "plum", "lime", "lime"]), (20, ["plum"] * 4 + ["lime"] * 4), (1, ["plum"])):
        _, drawn = rows(draw_gallery(collection, images, variants=5), variants=1)
        assert [words[0] for _, words in drawn] == expected


def test_what_is_not_there_is_said_in_words(tmp_path, disc_records):
    refused = collect(tmp_path / "refused", disc_records, AGA(segmenter=GrabCut(size=48), gates=[NoPlums()]), degree=1)
    _, ((pictures, words),) = rows(draw_gallery(refused, 1, 1), variants=1)
    assert pictures[2:] == ["no background", "rejected"]
    assert words[2] == "plums are out of season"
    assert pictures[1].dtype == bool  # the mask was made before the gate spoke


def test_of_what_a_gate_rejects_at_the_end_the_background_is_shown(tmp_path, disc_records):
    late = collect(tmp_path, disc_records, AGA(segmenter=GrabCut(size=48), gates=[TooLate()]), degree=1)
    _, ((pictures, words),) = rows(draw_gallery(late, 1, 1), variants=1)
    assert pictures[2].shape == (48, 48, 3)
    assert (pictures[3], words[2]) == ("rejected", "plum_0.png comes too late")


def test_nothing_is_made_for_it(tmp_path, disc_records, monkeypatch):
    monkeypatch.setattr(GrabCut, "segment", lambda *_: pytest.fail("a sheet makes nothing"))
    unmade = Collection(aga(), Store(tmp_path / "unmade"), disc_records, 1, 0)
    _, ((pictures, words),) = rows(draw_gallery(unmade, 1, 1), variants=1)
    assert pictures[1:] == ["no mask", "no background", "not made yet"]
    assert words == ["plum", "", ""]
    assert unmade.find_all() == {}


def test_a_method_that_keeps_nothing_and_writes_odd_captions_can_be_drawn(tmp_path, disc_records):
    figure = draw_gallery(collect(tmp_path, disc_records, Grey(), degree=1), 1, 1)
    figure.savefig(tmp_path / "sheet.png")
    _, ((pictures, words),) = rows(figure, variants=1)
    assert pictures[1:3] == ["no mask", "no background"]
    assert (pictures[3] == 128).all()
    assert words[2] == "for $5 or {$6 \\frac{"


def test_an_image_that_cannot_be_read_any_more_is_said_in_words(tmp_path, disc_records):
    collection = collect(tmp_path, disc_records, degree=1)
    disc_records[0].path.write_bytes(disc_records[0].path.read_bytes()[:60])
    fresh = Collection(aga(), Store(tmp_path / "cache"), disc_records, 1, 0)
    _, ((pictures, _),) = rows(draw_gallery(fresh, 1, 1), variants=1)
    assert collection.find_all() and pictures[:3] == ["cannot be read", "no mask", "no background"]


class Wordy(Grey):
    """Writes as much as a language model may."""

    def augment(self, requests, cache):
        for made in super().augment(requests, cache):
            yield Augmented(made.request, made.image, {"caption": "A meadow of warm summer mist, somewhere. " * 40})


def test_no_words_reach_beyond_their_place(tmp_path, disc_records):
    records = [replace(record, class_name="Chestnut-sided American warbler, mimicking " * 4) for record in disc_records]
    figure = draw_gallery(collect(tmp_path, records, Wordy(), degree=2), 2, 2)
    figure.draw_without_rendering()
    whole = figure.bbox
    boxes = [text.get_window_extent() for axes in figure.axes for text in axes.texts if text.get_text()]
    pictures = [axes.get_window_extent() for axes in figure.axes if axes.get_images()]
    for box in boxes:
        assert whole.x0 <= box.x0 and box.x1 <= whole.x1 and whole.y0 <= box.y0 and box.y1 <= whole.y1
        assert not any(box.overlaps(picture) for picture in pictures)
        assert not any(box.overlaps(other) for other in boxes if other is not box)


@pytest.mark.parametrize("setting", ["images", "variants"])
def test_a_sheet_of_nothing_is_refused(setting):
    with pytest.raises(ValueError, match=f"{setting} is 1 or more, not 0"):
        AugmentationGallery(**{setting: 0})
