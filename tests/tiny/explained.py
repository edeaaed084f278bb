"""Runs that are explained: discs with known masks, a tiny classifier, and the same run on two ranks."""

from dataclasses import replace
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import torch
from lightning.pytorch import LightningModule, Trainer, seed_everything
from PIL import Image
from tiny.processes import Job
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from aga_lightning.datasets.folder import ImageFolder
from aga_lightning.training.datamodule import AGADataModule
from aga_lightning.training.models.classifier import ImageClassifier

_ROOT = TemporaryDirectory()


class Masked(ImageFolder):
    """Discs whose masks are known, but for those of the out-of-distribution set."""

    def records(self, split):
        return [replace(record, mask_path=self._disc_of(record.path)) for record in super().records(split)]

    def _disc_of(self, path):
        mask = path.parents[3] / "masks" / f"{path.stem}.png"
        if not mask.exists():
            mask.parent.mkdir(exist_ok=True)
            picture = cv2.circle(np.zeros((48, 48), np.uint8), (24, 24), 14, 255, -1)
            Image.fromarray(picture).save(mask)
        return mask


def open_data(folder, **settings):
    """The discs below a folder, with the set ood/dusk."""
    dataset = Masked(str(folder), ood={"dusk": str(folder / "dusk")})
    settings = {"cache_dir": str(folder.parent / "cache"), "image_size": 24, "num_workers": 0} | settings
    return AGADataModule(dataset, recipe="alia_cub", **settings)


def classifier(seed=0):
    """An untrained classifier of two classes."""
    seed_everything(seed, verbose=False)
    return ImageClassifier(2, stem="small", width=4)


def open_trainer(callbacks=(), **settings):
    """A trainer that shows nothing, and keeps what callbacks write until the tests end."""
    quiet = {
        "logger": False,
        "default_root_dir": _ROOT.name,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
    }
    quiet |= {"accelerator": "cpu", "enable_model_summary": False}
    return Trainer(callbacks=list(callbacks), **(quiet | settings))


def write_checkpoint(path, folder, seed, steps=2):
    """A checkpoint of a classifier that was trained for a moment."""
    trainer = open_trainer(max_steps=steps, limit_val_batches=0)
    trainer.fit(classifier(seed), datamodule=open_data(folder))
    trainer.save_checkpoint(path)
    return str(path)


class Small(LightningModule):
    """A classifier of one's own, with dropout and batch norm, whose state a look could disturb, or around a net."""

    def __init__(self, classes=2, channels=3, net=None):
        super().__init__()
        seed_everything(0, verbose=False)
        layers = nn.Conv2d(channels, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.2)
        small = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, classes))
        self.net = small if net is None else net

    def forward(self, images):
        return self.net(images)

    def training_step(self, batch, batch_idx):
        return nn.functional.cross_entropy(self(batch[0]), batch[1])

    def validation_step(self, batch, batch_idx, dataloader_idx=0):
        self(batch[0])

    test_step = validation_step

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1, momentum=0.9)


def noise(*labels, channels=3, size=(12, 16)):
    """A loader of noise with these labels."""
    pixels = torch.randint(256, (len(labels), channels, *size), generator=torch.Generator().manual_seed(0))
    return DataLoader(TensorDataset((pixels / 255).float(), torch.tensor(labels, dtype=torch.int64)), batch_size=2)


def on_two_ranks(folder, module, call):
    """Run a call of a test module's function in two processes."""
    script = f"import sys\nsys.path.insert(0, {str(module.parent)!r})\nfrom {module.stem} import *\n{call}\n"
    Job(script, folder, ranks=2).end()
