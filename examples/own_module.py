"""A LightningModule of one's own learns from augmented images, under Lightning's own Trainer."""

import torch
from lightning.pytorch import LightningModule, Trainer
from torchvision.models import resnet18

from aga_lightning import AGA, AGADataModule, FieldGuide


class Own(LightningModule):
    def configure_model(self):
        self.net = resnet18(num_classes=8)

    def training_step(self, batch, batch_idx):
        return torch.nn.functional.cross_entropy(self.net(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters())


Trainer(max_epochs=1).fit(Own(), datamodule=AGADataModule(FieldGuide(), AGA(), image_size=64))
