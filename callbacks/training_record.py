"""The cost of a training: optimiser steps, epochs, images and seconds, as a file in the run's folder."""

import time
from typing import Any, Literal

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities.types import STEP_OUTPUT
from torch import Tensor

from aga_lightning.files import write_json
from aga_lightning.run_folder import TRAINING, written_if_possible
from aga_lightning.training.run_stage import run_folder

_Activity = Literal["seconds", "validation_seconds"]


class TrainingRecord(Callback):
    """Writes `training.json` to the run's folder at the end of a fit.

    It holds `optimiser_steps` (of a model with one optimiser), `epochs`, `images_seen` (by all ranks together, each as
    often as it was shown, augmentations too; null where batches are not a tensor of images and more), `seconds` (from
    the start of the first epoch to the end of the last, without validations), `validation_seconds` and
    `images_per_second` (of the training alone). All are costs of the whole training: a fit that goes on from a
    checkpoint adds to the costs that the checkpoint holds, and work that was lost in between does not count. Where the
    checkpoint holds no costs, all but steps and epochs are null. Trial runs write nothing.
    """

    def __init__(self) -> None:
        self._fits = False
        self._activity: _Activity | None = None
        self._since = 0.0
        self._taken: dict[_Activity, float] = {"seconds": 0.0, "validation_seconds": 0.0}
        self._images: int | None = 0  # None where batches do not tell
        self._steps: int | None = 0  # what the numbers above are of; None where that is not known

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Note whether this is a fit: only a fit adds to the costs that a checkpoint holds."""
        self._fits = stage == "fit"

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start to measure the time of training."""
        if trainer.global_step == 0:
            self._taken, self._images, self._steps = dict.fromkeys(self._taken, 0.0), 0, 0
        elif self._steps != trainer.global_step:
            self._steps = None  # what came before is not known
        self._turn_to("seconds")

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Measure the time of the validation."""
        if self._activity is not None:
            self._turn_to("validation_seconds")

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Measure the time of training again."""
        if self._activity is not None:
            self._turn_to("seconds")

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: STEP_OUTPUT,
        batch: Any,  # noqa: ANN401 Lightning's type
        batch_idx: int,
    ) -> None:
        """Count steps and images."""
        if self._steps is not None:
            self._steps = trainer.global_step
        images = batch[0] if isinstance(batch, list | tuple) and batch else None
        if isinstance(images, Tensor) and self._images is not None:
            self._images += len(images) * trainer.world_size  # all ranks are given as many
        else:
            self._images = None

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop measuring time."""
        self._turn_to(None)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Stop measuring time."""
        self._turn_to(None)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the file."""
        folder = run_folder(trainer)  # the first rank tells the others, so all ranks have to ask
        if folder is None or not trainer.is_global_zero:
            return
        known = self._steps == trainer.global_step
        seconds = self._taken["seconds"] if known else None
        images = self._images if known else None
        content = {
            "optimiser_steps": trainer.global_step,
            "epochs": trainer.current_epoch,
            "images_seen": images,
            "seconds": seconds,
            "validation_seconds": self._taken["validation_seconds"] if known else None,
            "images_per_second": images / seconds if images is not None and seconds else None,
        }
        with written_if_possible(folder / TRAINING):
            write_json(folder / TRAINING, content)

    def state_dict(self) -> dict[str, Any]:
        """The costs so far, which a checkpoint keeps."""
        self._turn_to(self._activity)
        counts = {"images_seen": self._images, "optimiser_steps": self._steps}
        return {**counts, **{str(activity): seconds for activity, seconds in self._taken.items()}}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Add to the costs that a checkpoint holds."""
        if self._fits:
            self._images, self._steps = state_dict["images_seen"], state_dict["optimiser_steps"]
            self._taken = {activity: state_dict[activity] for activity in self._taken}

    def _turn_to(self, activity: _Activity | None) -> None:
        now = time.monotonic()
        if self._activity is not None:
            self._taken[self._activity] += now - self._since
        self._activity, self._since = activity, now
