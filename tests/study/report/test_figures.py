import importlib.resources
import io
import itertools
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from matplotlib.figure import Figure as Drawing
from PIL import Image
from tiny.study_page import figure

from aga_lightning.study.report.blocks import Figure
from aga_lightning.study.report.figures import COLOURS, DARK_PAGE, new_figure, png_of, svg_file_of, svg_of

# Machado, Oliveira and Fernandes 2009, severity 1.0, on linear RGB.
SIGHT = {
    "all colours": np.eye(3),
    "no red": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "no green": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}


def linear(colour):
    rgb = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def luminance(colour):
    return linear(colour) @ [0.2126, 0.7152, 0.0722]


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def lab(rgb):
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = to_xyz @ rgb / [0.9505, 1, 1.089]
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def difference(one, other, sight):
    seen = [lab(np.clip(sight @ linear(colour), 0, 1)) for colour in (one, other)]
    return np.linalg.norm(seen[0] - seen[1])


def elements(svg, tag):
    return [element for element in ET.fromstring(svg).iter() if element.tag.endswith(f"}}{tag}")]


def test_colours_are_seen_on_light_and_dark_paper():
    contrasts = {(colour, paper): contrast(colour, paper) for colour in COLOURS for paper in ("#ffffff", DARK_PAGE)}
    assert min(contrasts.values()) >= 3, contrasts  # WCAG 2.2, 1.4.11: graphical objects


@pytest.mark.parametrize("sight", SIGHT)
def test_colours_are_told_apart(sight):
    pairs = [difference(one, other, SIGHT[sight]) for one, other in itertools.combinations(COLOURS, 2)]
    first = [difference(one, other, SIGHT[sight]) for one, other in itertools.combinations(COLOURS[:4], 2)]
    assert min(pairs) > 15
    assert min(first) > 40


def test_the_dark_paper_is_the_page_s():
    style = importlib.resources.files("aga_lightning.study.report").joinpath("style.css").read_text(encoding="utf-8")
    assert re.findall(r"--paper: (#\w+)", style) == ["#ffffff", DARK_PAGE]


def test_the_first_line_has_the_first_colour_and_axes_are_see_through():
    axes = new_figure(4, 3).subplots()
    (line,) = axes.plot([0, 1])
    assert line.get_color() == COLOURS[0]
    assert axes.patch.get_alpha() == 0


def test_ink_follows_the_page_and_colours_stay():
    svg = svg_of(figure())
    assert "#000000" not in svg
    styles = " ".join(element.get("style", "") for element in elements(svg, "path"))
    assert f"stroke: {COLOURS[0]}" in styles
    assert "stroke: currentColor" in styles
    assert ET.fromstring(svg).get("fill") == "currentColor"  # words, which matplotlib leaves without a fill


def test_the_paper_behind_a_legend_follows_the_page():
    drawing = Drawing(figsize=(3, 2))  # by code that knows nothing of ours
    axes = drawing.subplots()
    axes.plot([0, 1], label="a")
    axes.legend()
    svg = svg_of(Figure("plain", drawing, "alt", "caption"))
    assert "fill: var(--paper, #ffffff)" in svg
    assert "fill: #ffffff" not in svg


def test_white_words_on_a_bar_stay_white():
    drawing = new_figure(3, 2)
    drawing.subplots().text(0.5, 0.5, "9", color="white")
    (words,) = [text for text in elements(svg_of(Figure("a", drawing, "", "")), "text") if text.text == "9"]
    assert "fill: #ffffff" in words.get("style")


def test_a_figure_in_a_page_has_words_a_label_the_pages_width_and_no_rule_for_the_rest():
    written = svg_of(figure(width=9, alt='AGA < "others" & more'))
    assert {"a < b & c", "baseline"} <= {text.text for text in elements(written, "text")}
    svg = ET.fromstring(written)
    assert (svg.get("role"), svg.get("aria-label")) == ("img", 'AGA < "others" & more')
    assert (svg.get("viewBox"), svg.get("width"), svg.get("height")) == ("0 0 648 216", None, None)
    assert "--natural-width: 864px" in svg.get("style")
    assert "<style" not in written and "<!DOCTYPE" not in written
    assert "http" not in written.replace("http://www.w3.org/2000/svg", "")


def test_two_figures_share_no_id_and_every_reference_is_answered():
    ids, references = [], []
    for name in ("figure-1", "figure-2"):
        svg = svg_of(figure(), name)
        ids += re.findall(r' id="([^"]+)"', svg)
        references += re.findall(r'(?:url\(#|href="#)([^)"]+)', svg)
    assert len(ids) == len(set(ids)) > 0
    assert set(references) == set(ids)


def test_the_same_figure_has_the_same_bytes_however_often_it_is_made():
    one, other = figure(), figure()
    for made in (svg_of, svg_file_of, png_of):
        assert made(one) == made(one) == made(other)


def test_a_figure_can_be_read_as_a_file_of_its_own():
    svg = svg_file_of(figure())
    background = elements(svg, "path")[0]
    assert "fill: #ffffff" in background.get("style")
    assert elements(svg, "title")[0].text == "Accuracy rises with the degree"
    assert "currentColor" not in svg
    assert "<dc:date>" not in svg


def test_a_png_is_sharp_and_on_white():
    image = Image.open(io.BytesIO(png_of(figure(width=9))))
    assert image.size == (9 * 200, 3 * 200)
    assert image.convert("RGBA").getpixel((2, 2)) == (255, 255, 255, 255)


def test_words_stay_inside_the_figure():
    drawing = new_figure(3, 2)
    axes = drawing.subplots()
    axes.set_ylabel("seconds for each image")
    axes.set_xlabel("degree")
    axes.set_title("time")
    png_of(Figure("a", drawing, "", ""))
    drawing.draw_without_rendering()
    for words in (axes.yaxis.label, axes.xaxis.label, axes.title):
        box = words.get_window_extent()
        assert box.x0 >= 0 and box.y0 >= 0
        assert box.x1 <= drawing.bbox.width and box.y1 <= drawing.bbox.height
