"""Curves as figures: which lines there are, what they are called, and that nothing is cut off."""

import math

import pytest
import torch

from aga_lightning.callbacks.attributing import BASELINE, THIS_MODEL
from aga_lightning.callbacks.curve_sheet import draw_information_curves, draw_insertion_and_deletion
from aga_lightning.callbacks.faithfulness_summary import COMMON, OWN, Summary

X = torch.linspace(0, 1, 11, dtype=torch.float64)
SETS = ("test", "ood/habitats_of_other_species", "ood/sketch")


def summary(name, measure, model=THIS_MODEL, images=OWN, value=0.5, used=3, skipped=1):
    y = X * value if used else torch.full_like(X, math.nan)
    return Summary(name, model, images, measure, value, used, {"too low": skipped}, X, y)


def alone(*measures):
    return [summary(name, measure) for name in SETS for measure in measures]


def compared(*measures):
    return [
        summary(name, measure, model, images, value, 3 if images == OWN else 2, 1 if images == OWN else 2)
        for name in SETS
        for measure in measures
        for model, value in ((THIS_MODEL, 0.6), (BASELINE, 0.4))
        for images in (OWN, COMMON)
    ]


def words(axis):
    return [text.get_text() for text in axis.get_legend().get_texts()]


@pytest.mark.parametrize(
    ("draw", "measures"),
    [(draw_information_curves, ("aic", "sic")), (draw_insertion_and_deletion, ("insertion", "deletion"))],
)
def test_each_set_has_its_line(draw, measures):
    figure = draw(alone("aic", "sic", "insertion", "deletion", "pointing_game"))
    assert len(figure.axes) == 2
    for axis, measure in zip(figure.axes, measures, strict=True):
        assert measure in axis.get_title().lower()
        assert [line.get_linestyle() for line in axis.lines] == ["-"] * 3
        assert len({line.get_color() for line in axis.lines}) == 3
        assert list(axis.lines[0].get_ydata()) == pytest.approx((0.5 * X).tolist())
        assert words(axis)[1] == "ood/habitats_of_other_species: area 0.500, 3 of 4 images"


def test_the_baseline_is_dashed_in_the_colour_of_its_set_and_on_the_same_images():
    (axis,) = draw_information_curves(compared("sic")).axes
    assert [line.get_linestyle() for line in axis.lines] == ["-", "--"] * 3
    colours = [line.get_color() for line in axis.lines]
    assert colours[::2] == colours[1::2] and len(set(colours)) == 3
    assert "both models" in axis.get_title()
    assert words(axis)[:2] == [
        "test, this model: area 0.600, 2 of 4 images",
        "test, baseline: area 0.400, 2 of 4 images",
    ]


def test_a_set_without_a_usable_image_says_so():
    unused = summary("ood/sketch", "aic", value=math.nan, used=0, skipped=4)
    (axis,) = draw_information_curves([summary("test", "aic"), unused]).axes
    assert words(axis)[1] == "ood/sketch: none of 4 images can be used"
    assert [len(line.get_xdata()) for line in axis.lines] == [11, 0]


def test_without_its_measures_there_is_no_figure():
    assert draw_information_curves(alone("insertion")) is None
    assert draw_insertion_and_deletion(alone("aic")) is None
    assert draw_insertion_and_deletion([]) is None


@pytest.mark.parametrize("summaries", [alone("aic", "sic"), compared("aic", "sic"), alone("sic")])
def test_nothing_is_cut_off_or_written_over_something_else(summaries):
    figure = draw_information_curves(summaries)
    renderer = figure.canvas.get_renderer()
    figure.canvas.draw()
    boxes = []
    for axis in figure.axes:
        boxes.append([axis.get_legend().get_window_extent(renderer), axis.xaxis.label.get_window_extent(renderer)])
        boxes[-1] += [axis.title.get_window_extent(renderer), axis.yaxis.label.get_window_extent(renderer)]
    for box in (box for of_axis in boxes for box in of_axis):
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1
    for legend, label, *_ in boxes:
        assert legend.y1 <= label.y0
    if len(boxes) == 2:
        assert boxes[0][0].y0 > boxes[1][2].y1  # a legend, and the title below it
