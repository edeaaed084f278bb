"""Pictures, outlines and words on the axes of a sheet."""

from itertools import pairwise

import numpy as np
import pytest

from aga_lightning.images.drawing import blank_figure, outline, png, show, wrapped, write


@pytest.fixture
def figure():
    return blank_figure(2, 2)


@pytest.fixture
def axis(figure):
    return figure.subplots()


def pixels(figure):
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3].astype(int)


def yellow(figure):
    red, green, blue = np.moveaxis(pixels(figure), -1, 0)
    return int(((red > 200) & (green > 200) & (blue < 80)).sum())


def test_a_picture_is_shown_as_it_is_and_a_dollar_is_a_dollar(axis, figure):
    picture = np.arange(27, dtype=np.uint8).reshape(3, 3, 3)
    show(axis, picture, "for $5 or {$6 \\frac{")
    assert np.array_equal(axis.get_images()[0].get_array(), picture)
    assert axis.get_title() == "for $5 or {$6 \\frac{"
    pixels(figure)


def test_an_outline_surrounds_the_mask_and_leaves_the_image_where_it_is(axis, figure):
    mask = np.zeros((40, 60), bool)
    mask[10:30, 20:40] = True
    show(axis, np.zeros((40, 60, 3), np.uint8))
    frame = axis.get_xlim(), axis.get_ylim()
    before = yellow(figure)
    outline(axis, mask)
    assert before == 0 and yellow(figure) > 50
    assert (axis.get_xlim(), axis.get_ylim()) == frame
    path = axis.collections[-1].get_paths()[0].vertices
    assert path.min(0) == pytest.approx([19.5, 9.5]) and path.max(0) == pytest.approx([39.5, 29.5])


def test_a_mask_of_the_whole_image_is_outlined_too_and_an_empty_one_is_not(axis, figure):
    show(axis, np.zeros((40, 60, 3), np.uint8))
    outline(axis, np.zeros((40, 60), bool))
    assert yellow(figure) == 0
    outline(axis, np.ones((40, 60), bool))
    assert yellow(figure) > 50


def test_paragraphs_stand_below_each_other(axis, figure):
    figure.set_size_inches(2.5, 1.3)  # about a cell of the sheet of rejects
    figure.subplots_adjust(0, 0, 1, 1)
    words = "many words " * 30
    write(axis, [("a title", "black", 1), (words, "red", 5), (words, "grey", 3)])
    figure.canvas.draw()
    boxes = [text.get_window_extent() for text in axis.texts]
    assert [text.get_text().count("\n") for text in axis.texts] == [0, 4, 2]
    assert all(above.y0 >= below.y1 for above, below in pairwise(boxes))
    assert [text.get_color() for text in axis.texts] == ["black", "red", "grey"]


def test_long_words_are_broken_and_long_texts_cut():
    lines = wrapped("x" * 100 + " and more", width=20, lines=3).splitlines()
    assert len(lines) == 3 and max(map(len, lines)) <= 20 and lines[-1].endswith("...")
    assert wrapped("short") == "short"


def test_letters_of_wide_scripts_count_twice():
    assert wrapped("\u732b" * 24, width=20) == "\n".join(["\u732b" * 10, "\u732b" * 10, "\u732b" * 4])
    assert wrapped("\ud55c\uae00 word", width=20) == "\ud55c\uae00 word"


def test_letters_are_drawn_in_another_font_where_there_is_one_and_told_where_there_is_none(recwarn):
    """STIX, which comes with matplotlib, has two letters that its usual font lacks; nobody has the last of Unicode."""

    def drawn(words):
        figure = blank_figure(1, 1)
        figure.text(0.1, 0.5, words)
        return png(figure)

    one, other, box = map(drawn, ("a\u1d81", "a\u1d84", "a"))
    assert len({one, other, box}) == 3 and not recwarn.list
    with pytest.warns(UserWarning, match=r"no font .* has 1 letters of a figure, such as \U0003134a: boxes"):
        drawn("a\U0003134a" * 2)
