"""The sheet of panels: what stands on it, that photos are shown as they are, and that no word is cut off."""

from itertools import combinations

import numpy as np
import pytest
import torch

from aga_lightning.callbacks.panel_sheet import (
    RIGHT_COLOUR,
    RIGHT_MARK,
    WRONG_COLOUR,
    WRONG_MARK,
    Photos,
    View,
    draw_panels,
    percentage,
)
from aga_lightning.explain.overlay import overlay

NAMES = ("plum", "black_footed_ferret")


def photos(count=2, height=8, width=10, channels=3, masks=None):
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (count, channels, height, width), dtype=torch.uint8, generator=generator)
    return Photos(pixels, torch.arange(count) % len(NAMES), masks or [None] * count)


def view(pictures, heading="this model", predicted=None, confidence=0.876):
    count, (height, width) = len(pictures.labels), pictures.pixels.shape[2:]
    maps = torch.rand(count, height, width, generator=torch.Generator().manual_seed(len(heading)))
    predicted = pictures.labels if predicted is None else torch.tensor(predicted)
    return View(heading, predicted, torch.full((count,), confidence), maps)


def words(figure):
    return [text.get_text() for text in figure.texts]


def colour_of(figure, start):
    return next(text.get_color() for text in figure.texts if text.get_text().startswith(start))


def drawn(figure):
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3]


def place_of(axis):
    """Left, top, right, bottom of axes in pixels of the sheet."""
    box, height = axis.get_window_extent(), axis.figure.bbox.height
    return tuple(round(value) for value in (box.x0, height - box.y1, box.x1, height - box.y0))


def test_each_photo_stands_below_its_class_and_each_overlay_below_what_the_model_says():
    pictures = photos(2)
    baseline, model = view(pictures, "baseline", predicted=[1, 0]), view(pictures)
    figure = draw_panels("A title", "A caption.", pictures, [baseline, model], NAMES)
    found = [text.replace("\n", " ") for text in words(figure)]
    assert found[0] == "A title" and found[-1] == "A caption."
    assert found[1:7:2] == ["photo", "baseline", "this model"]
    for expected in (
        "plum",
        f"{WRONG_MARK} 88 % black footed ferret",
        f"{RIGHT_MARK} 88 % plum",
        "black footed ferret",
        f"{WRONG_MARK} 88 % plum",
        f"{RIGHT_MARK} 88 % black footed ferret",
    ):
        assert found.count(expected) == 1
    assert colour_of(figure, RIGHT_MARK) == RIGHT_COLOUR and colour_of(figure, WRONG_MARK) == WRONG_COLOUR
    shown = [axis.get_images()[0].get_array() for axis in figure.axes]
    for number in range(2):
        photo, *overlays = shown[3 * number : 3 * number + 3]
        assert np.array_equal(photo, pictures.pixels[number].permute(1, 2, 0))
        for picture, column in zip(overlays, (baseline, model), strict=True):
            assert np.array_equal(picture, overlay(pictures.pixels[number], column.attributions[number]))


def test_the_legend_has_the_colours_of_the_panels():
    figure = draw_panels("", "", photos(1), [view(photos(1))], NAMES)
    assert "least" in words(figure) and "most important" in words(figure)
    bar = np.asarray(figure.axes[-1].get_images()[0].get_array())
    grey = torch.full((1, 1, 2), 128, dtype=torch.uint8)
    ends = overlay(grey, torch.tensor([[0.0, 1.0]]))[0]
    assert np.array_equal(bar[0, [0, -1]], ends)
    assert np.array_equal(ends[0], [128, 128, 128])
    assert (np.abs(np.diff(bar[0].astype(int), axis=0)).sum(1) < 16).all()


@pytest.mark.parametrize(("height", "width", "scale"), [(64, 64, 3), (50, 100, 2), (224, 224, 1)])
def test_a_pixel_of_a_photo_becomes_a_square_of_whole_pixels(height, width, scale):
    pictures = photos(3, height, width)
    figure = draw_panels("A title", "A caption.", pictures, [view(pictures)], NAMES)
    sheet = drawn(figure)
    for number in range(3):
        left, top, right, bottom = place_of(figure.axes[2 * number])
        expected = np.kron(pictures.pixels[number].permute(1, 2, 0), np.ones((scale, scale, 1), np.uint8))
        assert np.array_equal(sheet[top:bottom, left:right], expected)


def test_a_large_photo_is_made_smaller_and_keeps_its_shape():
    pictures = photos(1, 300, 600)
    figure = draw_panels("", "", pictures, [view(pictures)], NAMES)
    left, top, right, bottom = place_of(figure.axes[0])
    assert (right - left, bottom - top) == (240, 120)


@pytest.mark.parametrize(
    ("count", "views", "height", "width"),
    [(1, 1, 64, 64), (1, 2, 32, 48), (3, 2, 64, 64), (8, 1, 64, 64), (8, 2, 32, 48), (12, 2, 400, 500)],
)
def test_no_word_is_cut_off_or_written_over(count, views, height, width):
    pictures = photos(count, height, width)
    names = ("a name of a class that is very long, and longer than it should be, with WWWWWWWWWWW", "x" * 70)
    columns = [view(pictures, heading, [1] * count, 1.0) for heading in ("baseline", "this model")[:views]]
    figure = draw_panels("ood/a_long_name: " + "title " * 20, "caption " * 60, pictures, columns, names)
    figure.canvas.draw()
    boxes = [text.get_window_extent() for text in figure.texts]
    for box in boxes:
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.bbox.width and box.y1 <= figure.bbox.height
    frames = [axis.get_window_extent() for axis in figure.axes]
    for first, second in combinations(boxes + frames, 2):
        assert not first.padded(-1).overlaps(second.padded(-1))
    assert figure.bbox.width < 5.5 * figure.bbox.height < 28 * figure.bbox.width


def test_what_cannot_be_drawn_is_said():
    pictures = photos(3)
    maps = torch.rand(3, 8, 10)
    maps[0, 0, 0], maps[1] = torch.nan, 0
    confidences = torch.tensor([torch.nan, 0.5, 0.996])
    figure = draw_panels("", "", pictures, [View("this model", pictures.labels, confidences, maps)], NAMES)
    notes = [[text.get_text() for text in axis.texts] for axis in figure.axes[1:6:2]]
    assert notes == [["not finite"], ["nowhere positive"], []]
    # An answer that is not a number is not right, even where the class happens to be.
    assert f"{WRONG_MARK} ? %\nplum" in words(figure)
    assert f"{RIGHT_MARK} 100 %\nplum" in words(figure)
    grey = np.asarray(figure.axes[1].get_images()[0].get_array())
    assert (grey == grey[..., :1]).all()


def test_grey_photos_are_grey():
    pictures = photos(1, channels=1)
    figure = draw_panels("", "", pictures, [view(pictures)], NAMES)
    photo = figure.axes[0].get_images()[0].get_array()
    assert np.array_equal(photo, pictures.pixels[0, 0, :, :, None].expand(-1, -1, 3))


def test_the_subject_is_outlined_on_overlays_where_it_is_known():
    mask = torch.zeros(8, 10, dtype=torch.bool)
    mask[2:6, 3:7] = True
    pictures = photos(2, masks=[mask, None])
    figure = draw_panels("", "", pictures, [view(pictures)], NAMES)
    assert [bool(axis.collections) for axis in figure.axes] == [False, True, False, False, False]


def test_a_class_without_a_name_has_its_number_and_a_dollar_is_a_dollar():
    pictures = photos(2)
    figure = draw_panels("$5 {$6", "\\frac{", pictures, [view(pictures, predicted=[7, 0])], ("for $5 or {$6 \\frac{",))
    drawn(figure)
    assert {f"{WRONG_MARK} 88 %\n7", "1", "for $5 or {$6 \\frac{"} <= set(words(figure))


@pytest.mark.parametrize(
    ("probability", "expected"), [(0.0, "0 %"), (0.506, "51 %"), (1.0, "100 %"), (float("nan"), "? %")]
)
def test_percentages(probability, expected):
    assert percentage(probability) == expected
