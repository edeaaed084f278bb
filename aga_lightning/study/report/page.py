"""Blocks as one HTML file: for screens of any width, light and dark, and for paper; it fetches nothing."""

import importlib.resources
import re
from collections.abc import Mapping, Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined

from aga_lightning.files import shown
from aga_lightning.study.report.blocks import Block, Cell, Picture, Table
from aga_lightning.study.report.figures import svg_of
from aga_lightning.study.report.names import distinct
from aga_lightning.study.report.pictures import data_uri, shown_width

_SIGNS = {"good": ("✓", "good"), "bad": ("✗", "bad"), "open": ("?", "open"), "best": ("★", "best of its column")}
"""By tone, a sign that replaces the colour, and its name for screen readers."""

_WIDE = 8  # from this number of columns on, a table is set smaller
_NUMBER = re.compile(
    r"[-\u2212+±<>≈]?\s*\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?\s*(?:%|\u00d7|x|s|min|h|points)?"
    r"(?:\s*±\s*[\d.]+|\s*\[[-+\d., ]+\])?"
)
_NO_NUMBER = ("", "-", "\u2013", "\u2014", "n/a")
_GALLERY_WIDTH = 240  # CSS pixels of a large picture without a width of its own


def page(
    title: str,
    about: str,
    sections: Sequence[tuple[str, Sequence[Block]]],
    facts: Mapping[str, str],
    generated: str = "",
) -> str:
    """Write a page; `page.html` is its template.

    Args:
        title: The heading.
        about: Paragraphs below the heading, separated by blank lines.
        sections: The title and the blocks of each section.
        facts: Short labels with their values, shown at the top.
        generated: The last line, such as the date.
    """
    templates = Environment(
        loader=PackageLoader("aga_lightning.study.report", ""), autoescape=True, undefined=StrictUndefined
    )
    templates.filters |= {
        "data_uri": data_uri,
        "details": _details,
        "kind": lambda block: type(block).__name__,
        "kinds": _kinds,
        "page_width": lambda picture: shown_width(picture.image, picture.width),
        "parts": lambda text: [part.strip() for part in re.split(r"\n\s*\n", text) if part.strip()],
        "rows": rows_of,
        "svg": lambda figure, number: svg_of(figure, f"figure-{number}"),
        "tile_width": _tile_width,
        "words": lambda text: "\n".join(map(shown, text.expandtabs().split("\n"))),
    }
    anchors = distinct(f"section-{name.lower()}" for name, _ in sections)
    return templates.get_template("page.html").render(
        title=title,
        about=about,
        sections=[(anchor, *section) for anchor, section in zip(anchors, sections, strict=True)],
        facts=facts,
        generated=generated,
        signs=_SIGNS,
        wide=_WIDE,
        style=importlib.resources.files(__package__).joinpath("style.css").read_text(encoding="utf-8").strip(),
    )


def rows_of(table: Table) -> list[list[Cell]]:
    """The rows of a table, with plain texts turned into cells.

    Raises:
        ValueError: If the number of cells of a row differs from the number of columns.
    """
    if wrong := [len(row) for row in table.rows if len(row) != len(table.header)]:
        raise ValueError(f"table {table.name} has {len(table.header)} columns, but a row of {wrong[0]} cells")
    return [[Cell(cell) if isinstance(cell, str) else cell for cell in row] for row in table.rows]


def _kinds(table: Table) -> list[str]:
    """The class of each column in style.css: label, number or words."""
    numeric = [_numeric(column) for column in zip(*rows_of(table), strict=True)] or [False] * len(table.header)
    kinds = ["number" if is_number else "words" for is_number in numeric]
    return ["label"] * table.labels + kinds[table.labels :]


def _numeric(column: Sequence[Cell]) -> bool:
    """Whether a column holds numbers only, apart from gaps."""
    texts = [cell.text for cell in column if cell.text.strip() not in _NO_NUMBER]
    return bool(texts) and all(_NUMBER.fullmatch(text.strip()) for text in texts)


def _details(cell: Cell) -> list[str]:
    """The lines of a cell's small print: the parts that a middle dot joins, so that the column stays narrow."""
    return [part for part in cell.detail.split(" \N{MIDDLE DOT} ") if part]


def _tile_width(picture: Picture) -> int:
    """The width of a picture of a gallery in CSS pixels."""
    return shown_width(picture.image, picture.width) or min(picture.image.width, _GALLERY_WIDTH)
