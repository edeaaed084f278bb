"""The parts of a section: paragraphs, tables, figures and pictures. `page` turns them into HTML."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of text.

    Args:
        text: Plain text.
        tone: The kind of paragraph: "plain", "note" (small print), "good", "bad" or "open" (a verdict on a claim).
    """

    text: str
    tone: str = "plain"


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Args:
        text: The content.
        detail: Small print below it, such as an interval.
        tone: "plain", "good", "bad", "best" (of its column) or "open".
    """

    text: str
    detail: str = ""
    tone: str = "plain"


@dataclass(frozen=True)
class Table:
    """A table, also written as CSV.

    Args:
        name: The file's name without its ending.
        caption: A description of the table and of its numbers.
        header: The columns' titles; the first `labels` columns are titles of the rows.
        rows: The rows; each has a cell for each column.
        labels: The number of columns that are titles of the rows.
        notes: Sentences below the table.
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
        name: The files' name without its ending.
        drawing: A figure made by `figures.new_figure`, which follows the page's light or dark colours.
        alt: A description for readers who cannot see the figure.
        caption: A description of the figure.
    """

    name: str
    drawing: "Drawing"
    alt: str
    caption: str


@dataclass(frozen=True, eq=False)
class Picture:
    """An image of pixels.

    Args:
        image: The image in RGB.
        alt: A description for readers who cannot see the picture.
        caption: The text below it.
        width: The largest width in CSS pixels; None for as wide as the page.
    """

    image: Image.Image
    alt: str
    caption: str = ""
    width: int | None = None


@dataclass(frozen=True)
class Gallery:
    """Pictures in rows, such as an original and its augmentations.

    Args:
        caption: A description of the pictures.
        rows: A title and the pictures of each row.
    """

    caption: str
    rows: Sequence[tuple[str, Sequence[Picture]]] = field(default_factory=tuple)


@dataclass(frozen=True)
class Listing:
    """Text in a fixed-width font, such as a command or a log.

    Args:
        text: The lines.
        caption: A description of the lines.
        folded: Whether the listing is closed until the reader opens it.
    """

    text: str
    caption: str
    folded: bool = False


Block = Paragraph | Table | Figure | Picture | Gallery | Listing
