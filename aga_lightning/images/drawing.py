"""Pictures, outlines and words on the axes of a sheet."""

import io
import textwrap
import unicodedata
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import matplotlib
import numpy as np
from lightning.pytorch.utilities import rank_zero_warn
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, fontManager, get_font
from matplotlib.text import Text

from aga_lightning.files import shown
from aga_lightning.images.pixels import Image, Mask

# Colours that can be distinguished with red-green blindness, after Okabe and Ito 2008; dark enough for text.
RIGHT_COLOUR, WRONG_COLOUR = "#00694c", "#b84700"
_FILLER = "\ue000"  # of Unicode's area for private use
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
    with all_letters(figure):
        figure.savefig(picture, format="png", metadata={"Software": None}, **settings)
    return picture.getvalue()


@contextmanager
def all_letters(figure: Figure) -> Iterator[None]:
    """A block to draw a figure in, whose words get other installed fonts for letters that matplotlib's own font lacks.

    A warning tells how many letters no installed font has; boxes are drawn in their place.
    """
    texts = figure.findobj(Text)
    lacking = {ord(letter) for text in texts for letter in text.get_text() if letter.isprintable()}
    lacking -= _letters_of(findfont("DejaVu Sans"))
    families = []
    for font in fontManager.ttflist if lacking else ():
        plain = font.style == "normal" and font.weight == 400 and not font.name.startswith("Last Resort")  # boxes alone
        if plain and not lacking.isdisjoint(_letters_of(font.fname)):
            families.append(font.name)
            lacking -= _letters_of(font.fname)
    if lacking:
        letters = "".join(map(chr, sorted(lacking)[:5]))
        rank_zero_warn(
            f"no font of this machine has {len(lacking)} letters of a figure, such as {letters}: boxes are drawn in "
            "their place until you install one, such as Noto Sans"
        )
    for text in texts if families else ():
        text.set_fontfamily([*text.get_fontfamily(), *families])
    with letters_may_be_missing():
        yield


@contextmanager
def letters_may_be_missing() -> Iterator[None]:
    """A block in which matplotlib warns of no letter that a font lacks; `all_letters` tells of all of them at once."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph \d+ .*missing from")
        yield


@cache
def _letters_of(font: str) -> frozenset[int]:
    """The letters that a font's file has."""
    return frozenset(get_font(font).get_charmap())


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
    """A text in lines of at most `width` characters, cut after the last of the lines; wide ones count twice."""
    text = "".join(
        f"{letter}{_FILLER}" if unicodedata.east_asian_width(letter) in "WF" else letter
        for letter in shown(" ".join(text.split()))
    )
    return textwrap.fill(text, width, max_lines=lines, placeholder=" ...").replace(_FILLER, "")
