"""The augmentations of a few training images, as a picture: original, mask, background, caption, result."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aga_lightning.augment.base import Draft, Request
from aga_lightning.augment.engine.collection import Collection
from aga_lightning.augment.engine.reject_sheet import draw_rejects
from aga_lightning.callbacks.figures import show_figure, takes_figures
from aga_lightning.images.drawing import blank_figure, wrapped
from aga_lightning.images.pixels import Image, Mask
from aga_lightning.images.reading import ImageReadError, read_image
from aga_lightning.training.run_stage import run_folder

_SIDE, _GAP, _SLIT, _HEAD, _LINE = 1.15, 0.13, 0.02, 0.22, 0.13
"""Inches: a picture, the space between two, that between a background and its result, headings, a line of words."""

_POINTS = 7.0
_ACROSS = 38  # characters of that size below two pictures
_LINES = 6  # of a caption; what is longer is cut


@dataclass(kw_only=True, eq=False)
class AugmentationGallery(Callback):
    """Draws a sheet of augmentations when a fit starts: `augmentations.png` in the run's folder, and TensorBoard.

    A row shows a training image and its mask, and for each augmentation the background that was painted beside the
    result, with the caption below. TensorBoard also gets a sheet of the rejected augmentations with their reasons. The
    sheets show only what the store holds already.

    Args:
        images: Training images to show, spread evenly over the training set.
        variants: Augmentations to show of each, at most.
    """

    images: int = 8
    variants: int = 3

    def __post_init__(self) -> None:
        for name, value in (("images", self.images), ("variants", self.variants)):
            if value < 1:
                raise ValueError(f"{name} is 1 or more, not {value}")

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw the sheets."""
        data: Any = trainer.datamodule  # type: ignore[attr-defined] # set by the trainer where there is one
        folder = run_folder(trainer)  # the first rank tells the others, so all ranks have to ask
        if folder is None or not trainer.is_global_zero or data is None or data.augmenter is None:
            return
        rejects = draw_rejects(data.collection) if takes_figures(trainer) else None
        figure = draw_gallery(data.collection, self.images, self.variants)
        show_figure(trainer, "augmentations", figure, folder / "augmentations.png")
        if rejects is not None:
            show_figure(trainer, "rejects", rejects)


def draw_gallery(collection: Collection, images: int, variants: int) -> Figure:
    """A figure with a row for each training image, and in it two columns for each augmentation.

    Args:
        collection: The augmentations to show; unfinished ones are not made.
        images: Rows.
        variants: Augmentations a row, at most.
    """
    chosen = sorted({round(index) for index in np.linspace(0, len(collection.subjects) - 1, images)})
    pairs = min(variants, collection.degree)
    rows = [_row(collection, index, pairs) for index in chosen]
    beside = _SIDE + _GAP
    blocks = [0.0, beside, *(2 * beside + pair * (beside + _SIDE + _SLIT) for pair in range(pairs))]
    columns = [*blocks[:2], *(column for block in blocks[2:] for column in (block, block + _SIDE + _SLIT))]
    words = _LINE * max(1 + text.count("\n") for row in rows for text, _ in row.words)
    width, height = columns[-1] + _SIDE + 2 * _GAP, len(rows) * (_SIDE + words + _GAP) + _HEAD + _GAP
    figure = blank_figure(width, height)

    def axis(column: float, top: float, tall: float = _SIDE) -> Axes:
        place = ((column + _GAP) / width, 1 - (top + tall) / height, _SIDE / width, tall / height)
        return figure.add_axes(place, xticks=[], yticks=[])

    for column, heading in zip(columns, ["original", "mask", *["background", "result"] * pairs], strict=True):
        _write(axis(column, _GAP / 2, _HEAD), heading, "black", x=0.5, weight="bold")
    for number, row in enumerate(rows):
        top = _HEAD + _GAP / 2 + number * (_SIDE + words + _GAP)
        for column, picture in zip(columns, row.pictures, strict=True):
            _show(axis(column, top), picture)
        for block, (text, colour) in zip(blocks, row.words, strict=True):
            _write(axis(block, top + _SIDE, words), text, colour)
    return figure


class _Row(NamedTuple):
    """A row of the sheet: its pictures, or words in their place, and what stands below them, in a colour."""

    pictures: list[Image | Mask | str]
    words: list[tuple[str, str]]


def _row(collection: Collection, index: int, pairs: int) -> _Row:
    record = collection.subjects[index]
    requests = collection.requests[index * collection.degree :][:pairs]
    drafts = [_kept(collection, request) for request in requests]
    subject = next((draft.subject for draft in drafts if draft is not None and draft.subject is not None), None)
    row = _Row(
        [_read(record.path), "no mask" if subject is None else subject.mask],
        [(wrapped(record.class_name, _ACROSS // 2 - 1, _LINES), "black"), ("", "black")],
    )
    for request, draft in zip(requests, drafts, strict=True):
        outcome = collection.find(request, look=True)
        background = None if draft is None else draft.background
        row.pictures.append("no background" if background is None else background)
        if outcome is None:
            row.pictures.append("not made yet")
            words = "" if draft is None or draft.caption is None else draft.caption.text, "black"
        elif outcome.path is None:
            row.pictures.append("rejected")
            words = str(outcome.reason).replace(str(record.path), record.path.name), "firebrick"
        else:
            row.pictures.append(_read(outcome.path))
            words = outcome.caption, "black"
        row.words.append((wrapped(words[0], _ACROSS, _LINES), words[1]))
    return row


def _kept(collection: Collection, request: Request) -> Draft | None:
    """What there is of a request besides its result; None where nothing is kept or its image cannot be read."""
    try:
        return collection.augmenter.kept(request, collection.store)
    except ImageReadError:
        return None


def _read(path: Path) -> Image | str:
    try:
        return np.asarray(read_image(path))
    except ImageReadError:
        return "cannot be read"


def _show(axis: Axes, picture: Image | Mask | str) -> None:
    """A picture as large as its place allows, or words on a pale ground."""
    if isinstance(picture, str):
        axis.set_facecolor("whitesmoke")
        axis.spines[:].set_visible(False)
        axis.text(0.5, 0.5, picture, color="dimgrey", fontsize=_POINTS, ha="center", va="center")
    else:
        axis.set_axis_off()
        axis.imshow(picture, cmap=matplotlib.colormaps["gray"], interpolation="nearest", vmin=0)


def _write(axis: Axes, text: str, colour: str, x: float = 0.0, weight: str = "normal") -> None:
    """Words from the top of their place down; a dollar in a caption is a dollar."""
    axis.set_axis_off()
    align = "center" if x else "left"
    axis.text(x, 0.95, text, color=colour, fontsize=_POINTS, weight=weight, ha=align, va="top", linespacing=1.15,
              parse_math=False)  # fmt: skip
