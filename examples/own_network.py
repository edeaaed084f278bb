"""A network of timm, in a LightningModule of one's own, learns from augmented images and shows where it looks."""

import timm
import torch
from lightning.pytorch import LightningModule, Trainer

from aga_lightning import AGA, AGADataModule, AttributionPanels, FieldGuide


class Own(LightningModule):
    def __init__(self):
        super().__init__()
        self.net = timm.create_model("resnet10t", num_classes=8)

    def forward(self, images):
        return self.net(images)

    def training_step(self, batch, batch_idx):
        return torch.nn.functional.cross_entropy(self(batch[0]), batch[1])

    def test_step(self, batch, batch_idx, dataloader_idx=0):
        self.log("acc", (self(batch[0]).argmax(1) == batch[1]).float().mean())

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters())


module, data = Own(), AGADataModule(FieldGuide(), AGA(), image_size=64)
trainer = Trainer(max_epochs=1, callbacks=[AttributionPanels()])
trainer.fit(module, datamodule=data)
trainer.test(module, datamodule=data)
