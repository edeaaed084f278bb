"""Random numbers of an epoch depend on the run's seed and the epoch alone, so that a resumed run draws the same."""

import os
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

_STRIDE = 1_000_003  # a prime, so that no epoch of a seed has the numbers of an epoch of the next seeds


class EpochSeed(Callback):
    """Seeds torch before the first batch of each epoch of a fit.

    Dropout and the mixing of batches draw from torch's global generator. The generator's state depends on everything
    that drew from it before, such as the loaders, whose workers stay or are started anew. Without a run's seed the
    callback does nothing.
    """

    def on_train_batch_start(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        batch: Any,  # noqa: ANN401 Lightning's type
        batch_idx: int,
    ) -> None:
        """Seed torch where an epoch starts."""
        seed = os.environ.get("PL_GLOBAL_SEED")
        if batch_idx == 0 and seed is not None:
            torch.manual_seed((int(seed) * _STRIDE + trainer.current_epoch) % 2**63)
