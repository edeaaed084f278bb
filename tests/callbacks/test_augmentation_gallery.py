"""When the sheet of augmentations is drawn, and where it goes."""

import numpy as np
import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tiny.explained import open_trainer
from torch.utils.data import DataLoader

from aga_lightning.augment.base import Gate
from aga_lightning.augment.methods.aga import AGA
from aga_lightning.augment.segmenters.embedded import GrabCut
from aga_lightning.callbacks.augmentation_gallery import AugmentationGallery
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


def aga():
    return AGA(segmenter=GrabCut(size=48))


def fit(tmp_path, disc_folder, augmenter, logger, mode="lazy", **settings):
    data = AGADataModule(
        ImageFolder(str(disc_folder)),
        augmenter,
        mode=mode,
        cache_dir=str(tmp_path / "cache"),
        num_workers=0,
        image_size=32,
    )
    settings |= {"max_steps": 1, "limit_val_batches": 0, "default_root_dir": tmp_path}
    open_trainer([AugmentationGallery()], logger=logger, **settings).fit(Still(), datamodule=data)


@pytest.mark.parametrize(
    ("mode", "gates", "sheets"),
    [("lazy", [], ["augmentations"]), ("pregenerate", [NoPlums()], ["augmentations", "rejects"])],
)
def test_the_sheets_come_into_the_folder_and_into_tensorboard(tmp_path, disc_folder, mode, gates, sheets):
    augmenter = AGA(segmenter=GrabCut(size=48), gates=gates)
    fit(tmp_path, disc_folder, augmenter, TensorBoardLogger(tmp_path / "run", "", ""), mode)
    sheet = np.asarray(read_image(tmp_path / "run" / "augmentations.png"))
    assert min(sheet.shape[:2]) > 300
    assert sheet.std() > 20
    assert len(np.unique(sheet.reshape(-1, 3), axis=0)) > 1000
    events = EventAccumulator(str(tmp_path / "run")).Reload()
    assert events.Tags()["images"] == sheets


@pytest.mark.parametrize(("augmenter", "trial"), [(None, False), (aga(), True)], ids=["no augmenter", "no folder"])
def test_where_there_is_nothing_to_draw_or_no_place_for_it_nothing_is_done(tmp_path, disc_folder, augmenter, trial):
    fit(tmp_path, disc_folder, augmenter, CSVLogger(tmp_path / "run", "", ""), fast_dev_run=trial)
    assert list(tmp_path.rglob("augmentations.png")) == []


def test_other_ranks_draw_nothing_but_help_to_find_the_folder(tmp_path, monkeypatch):
    # The first rank tells the others: were it asked on the first rank alone, a fit on several would stand still.
    asked = []
    monkeypatch.setattr(Trainer, "is_global_zero", False)
    trainer = Trainer(accelerator="cpu", logger=CSVLogger(tmp_path, "run", ""))
    monkeypatch.setattr(trainer.strategy, "broadcast", lambda place: asked.append(place) or str(tmp_path / "run"))
    trainer.datamodule = AGADataModule(ImageFolder(str(tmp_path / "nowhere")), aga())
    AugmentationGallery().on_fit_start(trainer, Still())
    assert asked == [None] and not (tmp_path / "run").exists()


def test_a_fit_without_a_data_module_goes_on(tmp_path):
    logger = CSVLogger(tmp_path, "", "")
    trainer = open_trainer([AugmentationGallery()], logger=logger, max_steps=1, limit_val_batches=0)
    trainer.fit(Still(), DataLoader([0, 1]), DataLoader([0, 1]))
    assert trainer.global_step == 1


@pytest.mark.parametrize("setting", ["images", "variants"])
def test_a_sheet_of_nothing_is_refused(setting):
    with pytest.raises(ValueError, match=f"{setting} is 1 or more, not 0"):
        AugmentationGallery(**{setting: 0})
