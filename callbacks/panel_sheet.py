"""A sheet of photos, each beside what a model says of it and where the model looks."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Rectangle
from torch import Tensor

from aga_lightning.explain.overlay import overlay
from aga_lightning.files import shown
from aga_lightning.images.drawing import (
    RIGHT_COLOUR,
    RIGHT_MARK,
    WRONG_COLOUR,
    WRONG_MARK,
    blank_figure,
    letters_may_be_missing,
    outline,
    wrapped,
)
from aga_lightning.images.pixels import Image

# Lengths are in pixels of the sheet, so that each pixel of a small photo becomes a square of whole pixels.
_DPI = 110
_MARGIN, _GAP, _BLOCK_GAP = 18, 8, 40
_PICTURE, _WIDEST, _NARROWEST_SHEET, _WIDEST_SHEET = 200, 240, 560, 1060  # two blocks of the widest side by side
_TITLE, _HEADING, _LINE, _BAR = 34, 30, 24, 18
# Sizes of words in points: large beside the pictures, since TensorBoard shows a sheet at two fifths of its size.
_TITLE_WORDS, _WORDS = 16, 13
_RULER = RendererAgg(1, 1, _DPI)  # type: ignore[no-untyped-call] # matplotlib has no types for it
_NARROW = 3  # the width of a narrow letter


@dataclass(frozen=True, slots=True)
class Photos:
    """Images of one evaluation set.

    Args:
        pixels: (N, C, H, W) uint8, C is 3 or 1.
        labels: (N,) int64, the true classes.
        masks: For each image where the subject is, (H, W) bool, or None where nothing is to be outlined.
    """

    pixels: Tensor
    labels: Tensor
    masks: Sequence[Tensor | None]


@dataclass(frozen=True, slots=True)
class View:
    """How a model sees those images.

    Args:
        heading: What its column is called.
        predicted: (N,) int64, the likeliest classes.
        confidences: (N,) float32, their probabilities.
        attributions: (N, H, W) float32; where one is not finite or nowhere positive, the sheet says so.
    """

    heading: str
    predicted: Tensor
    confidences: Tensor
    attributions: Tensor


class _Column(NamedTuple):
    """What stands on a sheet below one heading: for each image a label, its colour, and a picture."""

    heading: str
    labels: list[str]
    colours: list[str]
    pictures: list[Image]


def draw_panels(title: str, caption: str, photos: Photos, views: Sequence[View], class_names: Sequence[str]) -> Figure:
    """A figure with a block for each image: the photo below its true class, then an overlay for each model.

    Args:
        title: What stands above all.
        caption: What stands below all, after the legend of the colours.
        photos: The images, at least one.
        views: How each of the models sees them, from left to right.
        class_names: The classes' names, in label order.
    """
    count, (height, width) = len(photos.labels), photos.pixels.shape[-2:]
    scale = max(1, round(_PICTURE / width)) if width <= _WIDEST else _WIDEST / width
    cell_width, cell_height = round(scale * width), round(scale * height)
    columns = [_of_the_photos(photos, class_names), *(_of_a_view(view, photos, class_names) for view in views)]
    labels = [[_lines(words, cell_width) for words in column.labels] for column in columns]
    strip = _LINE * (1 + max(words.count("\n") for column in labels for words in column)) + 4
    block, row = len(columns) * (cell_width + _GAP) - _GAP, strip + cell_height + _GAP
    across = _blocks_side_by_side(count, block + _BLOCK_GAP, row)
    sheet_width = max(_NARROWEST_SHEET, 2 * _MARGIN + across * (block + _BLOCK_GAP) - _BLOCK_GAP)
    room = sheet_width - 2 * _MARGIN
    title, caption = _fitted(title, room, 4, _TITLE_WORDS, "bold"), _fitted(caption, room, 12, _WORDS)
    head = _MARGIN + _TITLE * (1 + title.count("\n"))
    foot = head + _HEADING + -(-count // across) * row + _LINE // 2
    sheet = _Sheet(sheet_width, foot + _LINE * (3 + caption.count("\n")) + _MARGIN)
    sheet.write(_MARGIN, _MARGIN, title, _TITLE_WORDS, weight="bold")
    for number, mask in enumerate(photos.masks):
        top = head + _HEADING + number // across * row
        for place, column in enumerate(columns):
            left = _MARGIN + number % across * (block + _BLOCK_GAP) + place * (cell_width + _GAP)
            if number < across:
                sheet.write(left, head, column.heading, _WORDS, "dimgrey")
            sheet.write(left, top + strip - 4, labels[place][number], _WORDS, column.colours[number], anchor="bottom")
            axis = sheet.frame(left, top + strip, cell_width, cell_height)
            _paint(axis, column.pictures[number])
            if place > 0:
                _finish(axis, mask, column.colours[number], views[place - 1].attributions[number])
    sheet.write_legend(_MARGIN, foot)
    sheet.write(_MARGIN, foot + 2 * _LINE, caption, _WORDS)
    return sheet.figure


def _lines(label: str, width: int) -> str:
    """A label's lines, each in as many as it takes, two at most."""
    return "\n".join(_fitted(line, width, 2, _WORDS) for line in label.splitlines())


def _fitted(words: str, width: int, lines: int, size: int, weight: str = "normal") -> str:
    """Words in lines of at most `width` pixels; what is beyond the last of the lines is cut."""
    font = FontProperties(size=size, weight=weight)
    letters = max(8, min(len(words), width // _NARROW))
    while True:
        text = wrapped(words, letters, lines)
        widest = max((_width(line, font) for line in text.splitlines()), default=0)
        if widest <= width or letters <= 8:
            return text
        letters -= max(1, int(letters * (1 - width / widest) / 2))


def _width(line: str, font: FontProperties) -> float:
    """Pixels that a line takes."""
    with letters_may_be_missing():
        width, _, _ = _RULER.get_text_width_height_descent(line, font, ismath=False)  # type: ignore[no-untyped-call] # as above
    return float(width)


def percentage(probability: float) -> str:
    """A probability in whole per cent; "? %" of one that is not a number."""
    return f"{100 * probability:.0f} %" if math.isfinite(probability) else "? %"


class _Sheet:
    """A figure that is measured in pixels, from its upper left."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.figure = blank_figure(width / _DPI, height / _DPI)
        self.figure.set_dpi(_DPI)

    def frame(self, left: int, top: int, width: int, height: int) -> Axes:
        """Axes that hold a picture."""
        bottom = self.height - top - height
        place = (left / self.width, bottom / self.height, width / self.width, height / self.height)
        axis = self.figure.add_axes(place)
        axis.set_axis_off()
        return axis

    def write(
        self,
        left: int,
        top: int,
        words: str,
        size: int,
        colour: str = "black",
        weight: str = "normal",
        anchor: Literal["top", "bottom"] = "top",
    ) -> None:
        """Words right of a place, and below it or, with their bottom there, above it."""
        place = (left / self.width, 1 - top / self.height)
        self.figure.text(*place, words, fontsize=size, color=colour, fontweight=weight, va=anchor, parse_math=False)

    def write_legend(self, left: int, top: int) -> None:
        """The colours, from the least to the most."""
        least, most, length = "least", "most important", 160
        start = left + round(_width(least, FontProperties(size=_WORDS))) + _GAP
        self.write(left, top, least, _WORDS)
        # Drawn by what draws the panels, over a photo of medium grey: least is where the photo shows through.
        grey, ramp = torch.full((1, _BAR, length), 128, dtype=torch.uint8), torch.linspace(0, 1, length)
        _paint(self.frame(start, top, length, _BAR), overlay(grey, ramp.expand(_BAR, -1)))
        self.write(start + length + _GAP, top, most, _WORDS)


def _blocks_side_by_side(count: int, width: int, height: int) -> int:
    """How many blocks of a size a row has, for a sheet about as wide as high and not too wide to read when shrunk."""
    return min(count, max(1, min(round(math.sqrt(count * height / width)), _WIDEST_SHEET // width)))


def _of_the_photos(photos: Photos, class_names: Sequence[str]) -> _Column:
    labels = [_name(class_names, label) for label in photos.labels.tolist()]
    pictures = [pixels.expand(3, -1, -1).permute(1, 2, 0).numpy() for pixels in photos.pixels]
    return _Column("photo", labels, ["black"] * len(labels), pictures)


def _of_a_view(view: View, photos: Photos, class_names: Sequence[str]) -> _Column:
    column = _Column(view.heading, [], [], [])
    answers = zip(view.predicted.tolist(), view.confidences.tolist(), photos.labels.tolist(), strict=True)
    for predicted, confidence, label in answers:
        right = predicted == label and math.isfinite(confidence)
        mark, colour = (RIGHT_MARK, RIGHT_COLOUR) if right else (WRONG_MARK, WRONG_COLOUR)
        column.labels.append(f"{mark} {percentage(confidence)}\n{_name(class_names, predicted)}")
        column.colours.append(colour)
    column.pictures.extend(map(overlay, photos.pixels, view.attributions))
    return column


def _finish(axis: Axes, mask: Tensor | None, colour: str, attribution: Tensor) -> None:
    """Draw over an overlay the subject's outline, a frame, and why there is no colour where there is none."""
    if mask is not None:
        outline(axis, mask.numpy())
    frame = Rectangle((0, 0), 1, 1, transform=axis.transAxes, fill=False, edgecolor=colour, linewidth=3)
    axis.add_patch(frame)
    if not (attribution.isfinite().all() and attribution.max() > 0):
        words = "nowhere positive" if attribution.isfinite().all() else "not finite"
        style = {"facecolor": "black", "edgecolor": "none", "pad": 2}
        axis.annotate(
            words, (0.5, 0.06), xycoords="axes fraction", ha="center", color="white", fontsize=_WORDS, bbox=style
        )


def _paint(axis: Axes, picture: Image) -> None:
    smaller = picture.shape[1] > _WIDEST
    axis.imshow(picture, interpolation="antialiased" if smaller else "nearest", aspect="auto")


def _name(class_names: Sequence[str], label: int) -> str:
    """A class's name, with spaces to break it at; its number where it has no name."""
    return shown(class_names[label].replace("_", " ")) if 0 <= label < len(class_names) else str(label)
