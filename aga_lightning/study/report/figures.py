"""Figures that follow the page's light or dark colours, as SVG in the page and as SVG and PNG files.

In the page, black, matplotlib's default for text, axes and ticks, becomes the colour of the surrounding text; white
areas and lines, such as the background of a legend, become the colour of the page. All other colours stay unchanged.
"""

import html
import io
import re
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from aga_lightning.files import shown
from aga_lightning.study.report.blocks import Figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

COLOURS: tuple[str, ...] = (
    "#0072b2",  # blue
    "#d55e00",  # vermilion
    "#639987",  # sage
    "#7733ff",  # violet
    "#cc0044",  # crimson
    "#249bb2",  # cyan
    "#6680ff",  # periwinkle
    "#e6735c",  # salmon
)
"""Colours of lines and bars, in the order of their use: each has a contrast of at least 3:1 on the white and on the
dark page, and they differ for readers with red-green blindness too (the first four best)."""

DARK_PAGE = "#14171a"
"""The background of the dark page, as in style.css."""

_PNG_DPI = 200
_PIXELS_PER_POINT = 96 / 72  # of CSS
_STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # part of matplotlib: the same bytes on all machines
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "black",
    "grid.alpha": 0.15,
    "lines.linewidth": 1.8,
    "svg.fonttype": "none",  # text stays text, which can be searched and read aloud
}


def new_figure(width_inches: float, height_inches: float) -> "Drawing":
    """An empty transparent figure in the report's style, made without pyplot and laid out so that all text fits.

    Args:
        width_inches: The figure's width; 7 to 10 fill the page's column. Text is 10 points high.
        height_inches: The figure's height, including titles and legends.
    """
    from cycler import cycler
    from matplotlib.figure import Figure as Drawing

    class Styled(Drawing):
        def add_subplot(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 as in matplotlib
            with _style():
                axes = super().add_subplot(*args, **kwargs)
            axes.set_prop_cycle(cycler(color=COLOURS))
            axes.patch.set_alpha(0)
            return axes

    with _style():
        return Styled(figsize=(width_inches, height_inches), layout="constrained", facecolor="none")


def svg_of(figure: Figure, name: str | None = None) -> str:
    """A figure as an `<svg>` element of a page, which scales with its place and follows the page's colours.

    Args:
        figure: The figure; its alt text labels the element.
        name: The prefix of the element's ids, unique in the page; None for the figure's own name.
    """
    name = figure.name if name is None else name
    drawn = _svg(figure, name, facecolor="none")
    body = drawn[drawn.index(">", drawn.index("<svg")) + 1 :].strip()
    # A title would pop up over the figure, comments repeat its text, and a style would apply to the whole page.
    body = re.sub(r"<title>.*?</title>\s*|<!--.*?-->\s*|<defs>\s*<style.*?</defs>\s*", "", body, flags=re.DOTALL)
    body = re.sub(r"(fill|stroke): #000000\b", r"\1: currentColor", body)
    body = re.sub(
        r"<(?:path|use|rect)\b[^>]*>",
        lambda element: re.sub(r"(fill|stroke): #ffffff\b", r"\1: var(--paper, #ffffff)", element[0]),
        body,
    )
    # DejaVu is wide, so that text in other fonts fits as well. Formulas are set glyph by glyph and keep DejaVu.
    body = re.sub(r"(<text [^>]*font-family: )'DejaVu Sans', sans-serif", r"\1system-ui, sans-serif", body)
    width, height = (72 * float(inches) for inches in figure.drawing.get_size_inches())
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{html.escape(shown(figure.alt))}" '
        f'viewBox="0 0 {width:g} {height:g}" style="--natural-width: {width * _PIXELS_PER_POINT:.0f}px" '
        'fill="currentColor" stroke-linejoin="round" stroke-linecap="butt">\n'
    )
    return opening + _own_ids(body, name).replace("xlink:href=", "href=")


def svg_file_of(figure: Figure) -> str:
    """A figure as an SVG file on white, with the alt text as its title."""
    return _svg(figure, figure.name, facecolor="white")


def png_of(figure: Figure) -> bytes:
    """A figure as a PNG file on white, with 200 dots per inch."""
    from aga_lightning.images.drawing import all_letters  # imports matplotlib

    _settle(figure.drawing)
    file = io.BytesIO()
    with _style(), all_letters(figure.drawing):
        figure.drawing.savefig(file, format="png", dpi=_PNG_DPI, facecolor="white", metadata={"Software": None})
    return file.getvalue()


def _svg(figure: Figure, name: str, facecolor: str) -> str:
    from aga_lightning.images.drawing import all_letters  # imports matplotlib

    _settle(figure.drawing)
    file = io.StringIO()
    # Neither the date nor matplotlib's release, so that a figure that is made again has the same bytes.
    metadata = {"Date": None, "Creator": None, "Type": None, "Format": None, "Title": figure.alt}
    with _style(name), all_letters(figure.drawing):
        figure.drawing.savefig(file, format="svg", facecolor=facecolor, metadata=metadata)
    return re.sub(r"\s*<metadata>.*?</metadata>", "", file.getvalue(), flags=re.DOTALL)


def _settle(drawing: "Drawing") -> None:
    """Lay the figure out, once: a layout that is made again moves by fractions of a point."""
    from matplotlib.layout_engine import ConstrainedLayoutEngine, TightLayoutEngine
    from matplotlib.legend import Legend

    from aga_lightning.images.drawing import letters_may_be_missing

    for legend in drawing.findobj(Legend):
        legend.get_frame().set_edgecolor("none")
    if isinstance(drawing.get_layout_engine(), ConstrainedLayoutEngine | TightLayoutEngine):
        with _style(), letters_may_be_missing():
            drawing.draw_without_rendering()
        drawing.set_layout_engine("none")


def _own_ids(body: str, name: str) -> str:
    """Remove ids without references and prefix the others with the figure's name."""
    prefix = re.sub(r"[^\w-]", "-", name)
    used = set(re.findall(r'(?:url\(|href=")#([^)"]+)', body))
    body = re.sub(r' id="([^"]*)"', lambda found: f' id="{prefix}-{found[1]}"' if found[1] in used else "", body)
    return re.sub(r'(url\(|href=")#', rf"\1#{prefix}-", body)


def _style(salt: str = "") -> AbstractContextManager[None]:
    import matplotlib as mpl

    return mpl.rc_context(_STYLE | {"svg.hashsalt": salt})
