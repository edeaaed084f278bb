"""What the augmenter does to the training images, as a picture: original, mask, augmentations."""

from pathlib import Path
from typing import Any

import numpy as np
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import TensorBoardLogger
from matplotlib.figure import Figure

from aga_lightning.augment.collection import Collection
from aga_lightning.callbacks.drawing import blank_figure, show
from aga_lightning.callbacks.reject_sheet import draw_rejects
from aga_lightning.data.images import read_image


class AugmentationGallery(Callback):
    """Draws a sheet of augmentations when a fit starts: `augmentations.png` in the run's folder, and TensorBoard.

    TensorBoard also gets a sheet of what was rejected, and why.

    Args:
        images: Training images to show, spread evenly over the training set.
        variants: Augmentations to show of each, at most.
    """

    def __init__(self, images: int = 8, variants: int = 4) -> None:
        self.images = images
        self.variants = variants

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw the sheet."""
        data: Any = trainer.datamodule  # type: ignore[attr-defined] # set by the trainer where there is one
        if (
            not trainer.is_global_zero
            or trainer.logger is None
            or trainer.log_dir is None
            or data is None
            or data.augmenter is None
        ):
            return
        figure = draw_gallery(data.collection, self.images, self.variants)
        path = Path(trainer.log_dir) / "augmentations.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, bbox_inches="tight")
        boards = [logger for logger in trainer.loggers if isinstance(logger, TensorBoardLogger)]
        for logger in boards:
            logger.experiment.add_figure("augmentations", figure, close=False)
        rejects = draw_rejects(data.collection) if boards else None
        if rejects is not None:
            for logger in boards:
                logger.experiment.add_figure("rejects", rejects, close=False)


def draw_gallery(collection: Collection, images: int, variants: int) -> Figure:
    """A figure with a row for each training image: original, mask, finished augmentations with their captions.

    Args:
        collection: What to show; nothing is made that is not finished.
        images: Rows.
        variants: Augmentations a row, at most.
    """
    chosen = sorted({round(index) for index in np.linspace(0, len(collection.records) - 1, images)})
    columns = 2 + min(variants, collection.degree)
    figure = blank_figure(1.9 * columns, 2.3 * len(chosen))
    axes = figure.subplots(len(chosen), columns, squeeze=False)
    for row, index in zip(axes, chosen, strict=True):
        _draw_row(row, collection, index)
    figure.tight_layout(pad=0.4)
    return figure


def _draw_row(axes: np.ndarray, collection: Collection, index: int) -> None:
    record = collection.records[index]
    show(axes[0], np.asarray(read_image(record.path)), record.class_name)
    kept = collection.augmenter.subject(record, collection.store)
    if kept is not None and kept[1] is not None:
        show(axes[1], kept[1].mask, "mask")
    else:
        show(axes[1], None, "no mask")
    requests = [request for request in collection.requests if request.record == record]
    for axis, request in zip(axes[2:], requests, strict=False):
        outcome = collection.find(request)
        if outcome is None:
            show(axis, None, "not made yet")
        elif outcome.path is None:
            show(axis, None, f"rejected: {outcome.reason}")
        else:
            show(axis, np.asarray(read_image(outcome.path)), outcome.caption)
