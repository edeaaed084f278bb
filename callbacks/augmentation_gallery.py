"""The accepted augmentations of a few training images, as a picture in the run's folder and in the loggers."""

from dataclasses import dataclass
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from aga_lightning.augment.engine.gallery import draw_gallery
from aga_lightning.augment.engine.reject_sheet import draw_rejects
from aga_lightning.callbacks.figures import show_figure, takes_figures
from aga_lightning.run_folder import GALLERY
from aga_lightning.training.run_stage import run_folder


@dataclass(kw_only=True, eq=False)
class AugmentationGallery(Callback):
    """Draws a sheet of augmentations when a fit starts: `augmentations.png` in the run's folder, and the loggers.

    A row shows a training image with the outline of its subject, and beside it accepted augmentations with the caption
    of the background. Small pictures in the last line are rejected images, above how many augmentations were rejected
    for which reason. The loggers also get a sheet of rejected augmentations. The sheets show only what the store holds
    already, and so are drawn when a fit ends in the mode lazy.

    Args:
        images: Training images to show, spread evenly over those with accepted augmentations.
        variants: Augmentations to show of each, at most.
    """

    images: int = 8
    variants: int = 3

    def __post_init__(self) -> None:
        for name, value in (("images", self.images), ("variants", self.variants)):
            if value < 1:
                raise ValueError(f"{name} is 1 or more, not {value}")

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw the sheets of what was made before training."""
        self._draw(trainer, lazy=False)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw the sheets of what was made during training."""
        self._draw(trainer, lazy=True)

    def _draw(self, trainer: Trainer, lazy: bool) -> None:
        data: Any = trainer.datamodule  # type: ignore[attr-defined] # set by the trainer where there is one
        if getattr(data, "augmenter", None) is None or (data.mode == "lazy") is not lazy:
            return
        folder = run_folder(trainer)  # the first rank tells the others, so all ranks have to ask
        if folder is None or not trainer.is_global_zero:
            return
        rejects = draw_rejects(data.collection) if takes_figures(trainer) else None
        show_figure(
            trainer, "augmentations", draw_gallery(data.collection, self.images, self.variants), folder / GALLERY
        )
        if rejects is not None:
            show_figure(trainer, "rejects", rejects)
