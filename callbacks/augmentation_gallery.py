"""What the augmenter does to the training images, as a picture: original, mask, augmentations."""

import textwrap
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import TensorBoardLogger
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from aga_lightning.augment.base import Image, Mask
from aga_lightning.augment.collection import Collection
from aga_lightning.data.images import read_image


class AugmentationGallery(Callback):
    """Draws a sheet of augmentations when a fit starts: `augmentations.png` in the run's folder, and TensorBoard.

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
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                logger.experiment.add_figure("augmentations", figure, close=False)


def draw_gallery(collection: Collection, images: int, variants: int) -> Figure:
    """A figure with a row for each training image: original, mask, finished augmentations with their captions.

    Args:
        collection: What to show; nothing is made that is not finished.
        images: Rows.
        variants: Augmentations a row, at most.
    """
    chosen = sorted({round(index) for index in np.linspace(0, len(collection.records) - 1, images)})
    columns = 2 + min(variants, collection.degree)
    figure = Figure(figsize=(1.9 * columns, 2.3 * len(chosen)), dpi=110)
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(chosen), columns, squeeze=False)
    for row, index in zip(axes, chosen, strict=True):
        _draw_row(row, collection, index)
    figure.tight_layout(pad=0.4)
    return figure


def _draw_row(axes: np.ndarray, collection: Collection, index: int) -> None:
    record = collection.records[index]
    _show(axes[0], np.asarray(read_image(record.path)), record.class_name)
    kept = collection.augmenter.subject(record, collection.store)
    if kept is not None and kept[1] is not None:
        _show(axes[1], kept[1].mask, "mask")
    else:
        _show(axes[1], None, "no mask")
    requests = [request for request in collection.requests if request.record == record]
    for axis, request in zip(axes[2:], requests, strict=False):
        outcome = collection.find(request)
        if outcome is None:
            _show(axis, None, "not made yet")
        elif outcome.path is None:
            _show(axis, None, f"rejected: {outcome.reason}")
        else:
            _show(axis, np.asarray(read_image(outcome.path)), outcome.caption)


def _show(axis: Axes, picture: Image | Mask | None, title: str) -> None:
    axis.set_axis_off()
    axis.set_title(_wrapped(title), fontsize=6, parse_math=False)  # a dollar in a caption is a dollar
    if picture is not None:
        axis.imshow(picture, cmap=matplotlib.colormaps["gray"], interpolation="nearest", vmin=0)


def _wrapped(text: str, width: int = 34, lines: int = 3) -> str:
    return textwrap.fill(text, width, max_lines=lines, placeholder=" ...")
