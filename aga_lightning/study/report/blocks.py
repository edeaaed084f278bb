"""What a section is made of: paragraphs, tables, figures and pictures. No HTML here: `page` writes that."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing


@dataclass(frozen=True)
class Paragraph:
    """Words.

    Args:
        text: Plain text.
        tone: How it is to be taken: "plain", "note" (small print), "good", "bad" or "open" (a verdict on a claim).
    """

    text: str
    tone: str = "plain"


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Args:
        text: What it says.
        detail: What stands below it in small print, such as an interval.
        tone: "plain", "good", "bad", "best" (of its column) or "open".
    """

    text: str
    detail: str = ""
    tone: str = "plain"


@dataclass(frozen=True)
class Table:
    """A table, also written as CSV.

    Args:
        name: Of its file, without an ending.
        caption: What it shows, with what is meant by its numbers.
        header: The columns' titles; the first columns, `labels` of them, are titles of the rows.
        rows: As many cells each as there are columns.
        labels: How many columns are titles of the rows.
        notes: Sentences below it.
    """

    name: str
    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[Cell | str]]
    labels: int = 1
    notes: Sequence[str] = ()


@dataclass(frozen=True, eq=False)
class Figure:
    """A drawing by matplotlib, also written as PNG and SVG.

    Args:
        name: Of its files, without an ending.
        drawing: What is shown; made on a figure of `figures.new_figure`, which follows the page's light or dark.
        alt: What a reader who cannot see it has to know.
        caption: What it shows.
    """

    name: str
    drawing: "Drawing"
    alt: str
    caption: str


@dataclass(frozen=True, eq=False)
class Picture:
    """An image of pixels.

    Args:
        image: RGB.
        alt: What a reader who cannot see it has to know.
        caption: What stands below it.
        width: CSS pixels that it is shown at, at most; None for as wide as the page.
    """

    image: Image.Image
    alt: str
    caption: str = ""
    width: int | None = None


@dataclass(frozen=True)
class Gallery:
    """Pictures in rows, such as an original and its augmentations.

    Args:
        caption: What it shows.
        rows: A title for each row, and its pictures.
    """

    caption: str
    rows: Sequence[tuple[str, Sequence[Picture]]] = field(default_factory=tuple)


@dataclass(frozen=True)
class Listing:
    """Words as they are typed or logged.

    Args:
        text: Lines.
        caption: What they are.
        folded: Whether the reader has to open it.
    """

    text: str
    caption: str
    folded: bool = False


Block = Paragraph | Table | Figure | Picture | Gallery | Listing
