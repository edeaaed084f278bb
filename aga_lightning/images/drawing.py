"""Pictures, outlines and words on the axes of a sheet."""

import io
import textwrap
from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from aga_lightning.files import shown
from aga_lightning.images.pixels import Image, Mask

# Colours that can be distinguished with red-green blindness, after Okabe and Ito 2008; dark enough for text.
RIGHT_COLOUR, WRONG_COLOUR = "#00694c", "#b84700"
RIGHT_MARK, WRONG_MARK = "\N{CHECK MARK}", "\N{BALLOT X}"


def blank_figure(width: float, height: float, dpi: int = 110) -> Figure:
    """A figure without a window.

    Args:
        width: Inches.
        height: Inches.
        dpi: Pixels an inch.
    """
    figure = Figure(figsize=(width, height), dpi=dpi)
    FigureCanvasAgg(figure)
    return figure


def png(figure: Figure, **settings: Any) -> bytes:  # noqa: ANN401 they are matplotlib's
    """A figure as a PNG file.

    Args:
        figure: The figure.
        settings: Of `Figure.savefig`.
    """
    picture = io.BytesIO()
    # matplotlib would write its version into the file; without it the same figure gives the same bytes.
    figure.savefig(picture, format="png", metadata={"Software": None}, **settings)
    return picture.getvalue()


def show(axis: Axes, picture: Image | Mask | None, title: str = "") -> None:
    """Draw a picture without ticks under its title, which is cut after three lines; None draws the title alone."""
    axis.set_axis_off()
    axis.set_title(wrapped(title), fontsize=6, parse_math=False)  # a dollar in a caption is a dollar
    if picture is not None:
        axis.imshow(picture, cmap=matplotlib.colormaps["gray"], interpolation="nearest", vmin=0)


def outline(axis: Axes, mask: Mask) -> None:
    """Draw the border of a mask over its image, visible on light and dark; an empty mask has none."""
    if not mask.any():
        return
    height, width = mask.shape
    padded = np.pad(mask, 1).astype(float)  # a border needs an outside
    columns, rows = np.arange(-1, width + 1), np.arange(-1, height + 1)
    for colour, thickness in (("black", 2.2), ("yellow", 1.1)):
        axis.contour(columns, rows, padded, levels=[0.5], colors=[colour], linewidths=[thickness])
    axis.set_xlim(-0.5, width - 0.5)
    axis.set_ylim(height - 0.5, -0.5)


def write(axis: Axes, paragraphs: Sequence[tuple[str, str, int]], width: int = 40) -> None:
    """Fill an axis with words from its top.

    Args:
        axis: The axis.
        paragraphs: A text, its colour, and its largest number of lines each.
        width: Characters of a line.
    """
    axis.set_axis_off()
    top = 1.0
    for text, colour, most in paragraphs:
        lines = wrapped(text, width, most)
        axis.text(0, top, lines, color=colour, fontsize=7, va="top", parse_math=False, transform=axis.transAxes)
        top -= 0.105 * (1 + lines.count("\n")) + 0.05


def wrapped(text: str, width: int = 34, lines: int = 3) -> str:
    """A text in lines of at most `width` characters, cut after the last of the lines."""
    return textwrap.fill(shown(" ".join(text.split())), width, max_lines=lines, placeholder=" ...")
