"""An augmenter that takes no time, and a trainer that says nothing."""

import numpy as np

from aga_lightning.augment.augmenter import Augmenter
from aga_lightning.augment.base import Augmented
from aga_lightning.cli.trainer import AgaTrainer


class Plain(Augmenter):
    """A grey picture."""

    def augment(self, requests, cache):
        for request in requests:
            yield Augmented(request, np.full((48, 48, 3), 128, np.uint8))


def trainer(**settings):
    quiet = {"logger": False, "enable_checkpointing": False, "limit_val_batches": 0, "max_epochs": 1}
    return AgaTrainer(accelerator="cpu", enable_progress_bar=False, enable_model_summary=False, **(quiet | settings))
