"""Every kind of block, with words and widths that a page has to stand."""

import numpy as np
from PIL import Image

from aga_lightning.study.report.blocks import Block, Cell, Figure, Gallery, Listing, Paragraph, Picture, Table
from aga_lightning.study.report.figures import new_figure


def picture(side: int = 64, alt: str = "A pattern", caption: str = "", width: int | None = None) -> Picture:
    """Random squares, side x side."""
    squares = np.random.default_rng(side).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return Picture(Image.fromarray(squares.repeat(side // 8, 0).repeat(side // 8, 1)), alt, caption, width)


def figure(name: str = "degree", width: float = 9, alt: str = "Accuracy rises with the degree") -> Figure:
    """Two lines with a legend, beside bars."""
    drawing = new_figure(width, 3)
    left, right = drawing.subplots(1, 2)
    left.plot([0, 1, 2], [0.5, 0.6, 0.7], label="AGA")
    left.plot([0, 1, 2], [0.5, 0.5, 0.4], label="baseline")
    left.set_title("a < b & c")
    left.legend()
    right.bar(["a", "b"], [1, 2])
    return Figure(name, drawing, alt, "Accuracy against degree.")


def wide_table(columns: int = 12) -> Table:
    """Long names in front, then numbers with intervals."""
    numbers = [Cell("81.5", "78.0 to 84.6", "best" if column == 3 else "plain") for column in range(columns - 2)]
    rows = [["copy-paste onto plain grey, as described", "efficientnet_v2_s", *numbers] for _ in range(3)]
    return Table("accuracy", "In per cent.", [f"column {number}" for number in range(columns)], rows, labels=2)


def every_block() -> list[tuple[str, list[Block]]]:
    """Sections with every kind of block."""
    verdicts = [["first", Cell("holds", "p = 0.01", "good")], ["second", Cell("fails", tone="bad")]]
    return [
        (
            "Words",
            [Paragraph("Plain."), *(Paragraph(f"It is {tone}.", tone) for tone in ("note", "good", "bad", "open"))],
        ),
        ("Tables", [wide_table(), Table("claims", "Verdicts.", ["Claim", "Verdict"], verdicts, notes=["A note."])]),
        ("Figures", [figure(), figure("small", 4)]),
        (
            "Pictures",
            [
                Gallery(
                    "Originals and augmentations.", [("wren.png", [picture(caption="a long prompt") for _ in range(9)])]
                ),
                picture(800, caption="A sheet"),
                picture(320, width=300),
                picture(),
            ],
        ),
        (
            "Listings",
            [Listing("word" * 100, "Long line"), Listing("a\nb", "Folded", folded=True), Paragraph("long" * 60)],
        ),
        ("Nothing", []),
    ]
