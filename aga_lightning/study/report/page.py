"""Blocks as one HTML file: for screens of any width, light and dark, and for paper; it fetches nothing."""

import html
import importlib.resources
import itertools
import re
from collections.abc import Mapping, Sequence

from aga_lightning.files import shown
from aga_lightning.study.report.blocks import Block, Cell, Figure, Gallery, Listing, Paragraph, Picture, Table
from aga_lightning.study.report.figures import svg_of
from aga_lightning.study.report.names import distinct
from aga_lightning.study.report.pictures import data_uri, shown_width

_SIGNS = {"good": ("✓", "good"), "bad": ("✗", "bad"), "open": ("?", "open"), "best": ("★", "best of its column")}
_WIDE = 8  # columns from which on a table is set smaller on paper
_NUMBER = re.compile(
    r"[-\u2212+±<>≈]?\s*\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?\s*(?:%|\u00d7|x|s|min|h|points)?"
    r"(?:\s*±\s*[\d.]+|\s*\[[-+\d., ]+\])?"
)
_NO_NUMBER = ("", "-", "\u2013", "\u2014", "n/a")
_GALLERY_WIDTH = 240  # CSS pixels of a large picture that asks for no width


def page(
    title: str,
    about: str,
    sections: Sequence[tuple[str, Sequence[Block]]],
    facts: Mapping[str, str],
    generated: str = "",
) -> str:
    """Write a page.

    Args:
        title: The heading.
        about: Paragraphs below it, with blank lines between them.
        sections: A title for each, and what stands below it.
        facts: Short answers by short questions, shown at the top.
        generated: The last line, such as when the page was made.
    """
    titles = [name for name, _ in sections]
    anchors = distinct(f"section-{name.lower()}" for name in titles)
    writer = _Writer()
    style = importlib.resources.files(__package__).joinpath("style.css").read_text(encoding="utf-8")
    contents = "\n".join(
        f'<li><a href="#{anchor}">{_text(name)}</a></li>' for anchor, name in zip(anchors, titles, strict=True)
    )
    body = "\n".join(
        f'<section aria-labelledby="{anchor}">\n<h2 id="{anchor}">{_text(name)}</h2>\n'
        f"{writer.blocks(blocks)}\n</section>"
        for anchor, (name, blocks) in zip(anchors, sections, strict=True)
    )
    answers = "".join(f"<div><dt>{_text(name)}</dt><dd>{_text(fact)}</dd></div>" for name, fact in facts.items())
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{_text(title)}</title>
<style>
{style.strip()}
</style>
</head>
<body>
<header>
<h1>{_text(title)}</h1>
{_paragraphs(about)}
{f"<dl>{answers}</dl>" if answers else ""}
</header>
<nav aria-label="Contents">
<h2>Contents</h2>
<ol>
{contents}
</ol>
</nav>
<main>
{body}
</main>
<footer>{_text(generated)}</footer>
</body>
</html>
"""


class _Writer:
    """Blocks as HTML, with tables and figures numbered through the page."""

    def __init__(self) -> None:
        self._tables = itertools.count(1)
        self._figures = itertools.count(1)

    def blocks(self, blocks: Sequence[Block]) -> str:
        return "\n".join(map(self.block, blocks)) or '<p class="note">There is nothing to show.</p>'

    def block(self, block: Block) -> str:
        match block:
            case Paragraph():
                return _paragraph(block)
            case Table():
                return _table(block, next(self._tables))
            case Figure():
                return self._figure(block)
            case Picture():
                return f'<div class="scroll">{_picture(block, shown_width(block.image, block.width))}</div>'
            case Gallery():
                return _gallery(block)
            case Listing():
                return _listing(block)

    def _figure(self, figure: Figure) -> str:
        number = next(self._figures)
        return (
            f'<figure class="drawing">\n<div class="scroll" tabindex="0">{svg_of(figure, f"figure-{number}")}</div>\n'
            f"<figcaption><b>Figure {number}.</b> {_text(figure.caption)} {_file('figures', figure.name, 'svg')}"
            "</figcaption>\n</figure>"
        )


def _paragraph(paragraph: Paragraph) -> str:
    if paragraph.tone == "plain":
        return _paragraphs(paragraph.text)
    return f'<p class="{_text(paragraph.tone)}">{_sign(paragraph.tone)}{_text(paragraph.text)}</p>'


def rows_of(table: Table) -> list[list[Cell]]:
    """The rows of a table, with cells where it has mere words."""
    return [[Cell(cell) if isinstance(cell, str) else cell for cell in row] for row in table.rows]


def _table(table: Table, number: int) -> str:
    rows = rows_of(table)
    numeric = [_numeric(column) for column in zip(*rows, strict=True)] or [False] * len(table.header)
    kinds = ["number" if is_number else "words" for is_number in numeric]
    kinds[: table.labels] = ["label"] * table.labels
    head = "".join(
        f'<th scope="col" class="{kind}">{_text(name)}</th>' for kind, name in zip(kinds, table.header, strict=True)
    )
    body = "\n".join(
        "<tr>" + "".join(_cell(cell, kind) for cell, kind in zip(row, kinds, strict=True)) + "</tr>" for row in rows
    )
    tones = dict.fromkeys(cell.tone for row in rows for cell in row if cell.tone in _SIGNS)
    key = ["; ".join(f"{_SIGNS[tone][0]} {_SIGNS[tone][1]}" for tone in tones) + "."] if tones else []
    empty = [] if rows else ["There are no rows."]
    notes = "".join(f'<p class="note">{_text(note)}</p>\n' for note in (*empty, *table.notes, *key))
    wide = ' class="wide"' if len(table.header) >= _WIDE else ""
    caption = f"table-{number}"
    return (
        f'<figure class="table">\n<figcaption id="{caption}"><b>Table {number}.</b> {_text(table.caption)} '
        f"{_file('tables', table.name, 'csv')}</figcaption>\n"
        f'<div class="scroll" role="region" aria-labelledby="{caption}" tabindex="0">\n'
        f'<table{wide} aria-labelledby="{caption}">\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n'
        f"</table>\n</div>\n{notes}</figure>"
    )


def _numeric(column: Sequence[Cell]) -> bool:
    """Whether a column holds numbers, and nothing else but gaps."""
    texts = [cell.text for cell in column if cell.text.strip() not in _NO_NUMBER]
    return bool(texts) and all(_NUMBER.fullmatch(text.strip()) for text in texts)


def _cell(cell: Cell, kind: str) -> str:
    tag, scope = ("th", ' scope="row"') if kind == "label" else ("td", "")
    tone = "" if cell.tone == "plain" else f" {_text(cell.tone)}"
    # What a middle dot joins stands line by line, so that a column is as wide as its widest part.
    detail = "".join(f"<small>{_text(part)}</small>" for part in cell.detail.split(" \N{MIDDLE DOT} ") if part)
    return f'<{tag}{scope} class="{kind}{tone}">{_sign(cell.tone)}{_text(cell.text)}{detail}</{tag}>'


def _gallery(gallery: Gallery) -> str:
    rows = "\n".join(_row(title, pictures) for title, pictures in gallery.rows)
    return f'<figure class="gallery">\n<figcaption>{_text(gallery.caption)}</figcaption>\n{rows}\n</figure>'


def _row(title: str, pictures: Sequence[Picture]) -> str:
    widths = [
        shown_width(picture.image, picture.width) or min(picture.image.width, _GALLERY_WIDTH) for picture in pictures
    ]
    shown = "\n".join(_picture(picture, width) for picture, width in zip(pictures, widths, strict=True))
    return (
        f'<div class="row"><p>{_text(title)}</p>\n'
        f'<div class="pictures" style="--tile: {max(widths, default=0)}px">{shown}</div></div>'
    )


def _picture(picture: Picture, width: int | None) -> str:
    """A picture of a given width, or one as wide as the page, a sheet, which scrolls rather than becoming too small."""
    image = picture.image
    kind = "picture sheet" if width is None else "picture"
    style = f"--natural-width: {image.width}px" if width is None else f"width: {width}px"
    pixels = ' class="pixels"' if width is not None and width > image.width else ""
    caption = f"<figcaption>{_text(picture.caption)}</figcaption>" if picture.caption else ""
    return (
        f'<figure class="{kind}" style="{style}"><img{pixels} src="{data_uri(image, width)}" width="{image.width}" '
        f'height="{image.height}" alt="{_text(picture.alt)}">{caption}</figure>'
    )


def _listing(listing: Listing) -> str:
    lines = f'<pre tabindex="0"><code>{_text(listing.text)}</code></pre>'
    if listing.folded:
        return f'<details class="listing"><summary>{_text(listing.caption)}</summary>\n{lines}\n</details>'
    return f'<figure class="listing"><figcaption>{_text(listing.caption)}</figcaption>\n{lines}\n</figure>'


def _sign(tone: str) -> str:
    """What tells a tone without its colour; the words are for those who listen."""
    if tone not in _SIGNS:
        return ""
    sign, words = _SIGNS[tone]
    return f'<span class="sign" aria-hidden="true">{sign} </span><span class="unseen">{words}: </span>'


def _file(folder: str, name: str, ending: str) -> str:
    return f'<span class="file">{folder}/{_text(name)}.{ending}</span>'


def _paragraphs(text: str) -> str:
    return "\n".join(f"<p>{_text(part.strip())}</p>" for part in re.split(r"\n\s*\n", text) if part.strip())


def _text(text: str) -> str:
    return html.escape("\n".join(map(shown, text.expandtabs().split("\n"))))
