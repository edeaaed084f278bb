"""A data module makes its own augmentations, under any Trainer and for any module."""

from collections import Counter
from types import SimpleNamespace

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import RichProgressBar, TQDMProgressBar
from tiny.costly import CostlyDetector, CostlyPainter, calls
from torch import nn

from aga_lightning.augment.engine.generation import Shard
from aga_lightning.augment.gates.embedded import MaskSanity
from aga_lightning.augment.methods.aga import AGA
from aga_lightning.augment.segmenters.embedded import GrabCut
from aga_lightning.datasets.folder import ImageFolder
from aga_lightning.training.augmenting import summary
from aga_lightning.training.datamodule import AGADataModule

pytestmark = pytest.mark.filterwarnings("ignore:.*num_workers:UserWarning")


class Own(LightningModule):
    """A user's module, which knows nothing of augmentation; it notes the batches."""

    def __init__(self):
        super().__init__()
        self.net = nn.Linear(3 * 32 * 32, 2)
        self.shown = []

    def training_step(self, batch, batch_idx):
        images, labels = batch
        self.shown += labels.tolist()
        return nn.functional.cross_entropy(self.net(images.flatten(1)), labels)

    def validation_step(self, batch, batch_idx, dataloader_idx=0):
        pass

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.01)


@pytest.fixture
def open_data(shared_disc_folder, tmp_path):
    def open_data(augmenter=None, **settings):
        settings = {"batch_size": 8, "image_size": 32, "num_workers": 0, "degree": 2} | settings
        augmenter = augmenter or AGA(segmenter=GrabCut(size=48), gates=[])
        dataset = ImageFolder(str(shared_disc_folder))
        return AGADataModule(dataset, augmenter, cache_dir=str(tmp_path / "cache"), **settings)

    return open_data


def fit(data, **settings):
    quiet = {"logger": False, "enable_checkpointing": False, "enable_model_summary": False, "max_epochs": 1}
    quiet |= {"enable_progress_bar": False, "limit_val_batches": 0}
    trainer, module = Trainer(accelerator="cpu", **(quiet | settings)), Own()
    trainer.fit(module, data)
    return trainer, module


@pytest.mark.parametrize(
    ("mode", "shown", "left"), [("pregenerate", 24, 0), ("online", 24, 0), ("lazy", 24, 0), ("off", 8, None)]
)
def test_a_plain_trainer_fits_any_module_in_each_mode(open_data, mode, shown, left):
    data = open_data(mode=mode)
    _, module = fit(data)
    assert len(module.shown) == shown
    if left is not None:
        assert sum(map(len, data.collection.pending())) == left
        assert (data.collection.folder / "metadata.jsonl").exists() == (mode != "lazy")


@pytest.mark.parametrize("mode", ["pregenerate", "lazy"])
def test_models_run_where_the_trainer_does_and_are_gone_before_training(open_data, tmp_path, monkeypatch, mode):
    log = tmp_path / "log.txt"
    places = []
    monkeypatch.setattr(CostlyPainter, "on", lambda self, device: places.append(device))
    data = open_data(
        AGA(segmenter=GrabCut(), detector=CostlyDetector(str(log)), painter=CostlyPainter(str(log)), gates=[]),
        mode=mode,
    )
    trainer, _ = fit(data)
    assert set(places) == {trainer.strategy.root_device}
    assert calls(log)["paint"] == 16 and calls(log)["load"] == calls(log)["release"] == 2


@pytest.mark.parametrize(
    ("mode", "bar"),
    [
        *(("pregenerate", TQDMProgressBar), ("pregenerate", RichProgressBar), ("pregenerate", None)),
        *(("lazy", TQDMProgressBar), ("lazy", None)),
    ],
)
def test_a_bar_says_augmenting_where_the_trainer_has_one(open_data, tmp_path, capsys, mode, bar):
    data = open_data(AGA(segmenter=GrabCut(), painter=CostlyPainter(str(tmp_path / "log.txt")), gates=[]), mode=mode)
    fit(data, enable_progress_bar=bar is not None, callbacks=[] if bar is None else [bar()])
    assert ("Augmenting" in "".join(capsys.readouterr())) == (bar is not None)


@pytest.mark.parametrize("stage", ["validate", "test", "predict"])
def test_only_training_needs_augmentations(open_data, tmp_path, stage):
    open_data().setup(stage)
    assert not (tmp_path / "cache").exists()


def test_a_data_module_without_a_trainer_makes_them_too(open_data):
    draws = []
    for _ in range(2):  # the second time the store is complete
        data = open_data(AGA(segmenter=GrabCut(size=48), gates=[MaskSanity(min_area=0.9, max_area=1.0)]))
        torch.manual_seed(5)
        data.setup("fit")
        draws.append(torch.rand(3).tolist())
    assert draws[0] == draws[1], "a fit depends on what was left to make"
    assert sum(data.collection.rejections().values()) == 16
    assert (data.collection.folder / "rejected.png").stat().st_size > 10_000


def test_a_job_makes_its_own_share_and_nothing_where_it_has_none(open_data):
    data = open_data()
    assert len(data.train_records) == 8
    data.augment(Shard(8, 9))
    assert data.collection.find_all() == {}
    data.augment(Shard(0, 2))
    assert len(data.collection.find_all()) == 8


@pytest.mark.parametrize(
    ("rejections", "told"),
    [
        ({}, "9 of 9 augmentations in made were accepted"),
        ({"dull": 2}, "(78%), the others were rejected because dull: "),
        ({"dull": 2, "small": 1}, "(67%), 2 of the others were rejected because dull: "),
        ({"small": 9}, "(0%), all were rejected because small: "),
    ],
)
def test_the_sentence_at_the_end_counts_what_it_speaks_of(rejections, told):
    made = SimpleNamespace(folder="made", augmenter=AGA(segmenter=GrabCut()), rejections=lambda: Counter(rejections))
    made.find_all = lambda: range(9)
    assert told in summary(made) and summary(made).startswith(f"{9 - sum(rejections.values())} of 9 ")
