"""Where a classifier of one's own looks, on plain DataLoaders: `python examples/callbacks_on_loaders.py PHOTOS`."""

import sys

import torch
from lightning.pytorch import LightningModule, Trainer
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.models import ResNet18_Weights, resnet18

from aga_lightning import AttributionPanels, Faithfulness


class Own(LightningModule):
    def __init__(self, classes):
        super().__init__()
        self.net = resnet18(num_classes=classes)

    def training_step(self, batch, batch_idx):
        return torch.nn.functional.cross_entropy(self.net(batch[0]), batch[1])

    def test_step(self, batch, batch_idx):
        self.log("test/loss", self.training_step(batch, batch_idx))

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters())


transform = ResNet18_Weights.DEFAULT.transforms()
train, test = (ImageFolder(f"{sys.argv[1]}/{split}", transform) for split in ("train", "test"))
how = {"mean": transform.mean, "std": transform.std, "class_names": test.classes}
module = Own(len(train.classes))
trainer = Trainer(max_epochs=5, callbacks=[AttributionPanels(**how), Faithfulness(**how)])
trainer.fit(module, DataLoader(train, batch_size=32, shuffle=True))
trainer.test(module, DataLoader(test, batch_size=32))
