import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aga_lightning.training.background_sets.pictures import around, mixed, no_fg, only_bg_b, only_bg_t, only_fg


def numbered(height, width):
    """An image whose every pixel is another colour, none of them black."""
    places = np.arange(height * width).reshape(height, width)
    return np.stack([places // 256 + 1, places % 256, places % 7], axis=2).astype(np.uint8)


def mask_of(height, width, *pixels):
    mask = np.zeros((height, width), np.bool_)
    for row, column in pixels:
        mask[row, column] = True
    return mask


def test_the_rectangle_holds_mask_and_box():
    mask = mask_of(10, 12, (2, 3), (5, 7))
    assert around(mask, None) == (3, 2, 8, 6)
    assert around(mask, (4.5, 3.0, 5.0, 4.0)) == (3, 2, 8, 6)
    assert around(mask, (2.9, 2.0, 8.1, 6.0)) == (2, 2, 9, 6)
    assert around(mask, (-3.0, -1.0, 40.0, 30.0)) == (0, 0, 12, 10)


def test_the_subject_and_the_rest_stand_on_black():
    image, mask = numbered(3, 4), mask_of(3, 4, (1, 1), (1, 2))
    alone, rest = only_fg(image, mask), no_fg(image, mask)
    assert (alone[1, 1:3] == image[1, 1:3]).all()
    assert not alone[~mask].any()
    assert not rest[mask].any()
    assert (alone + rest == image).all()
    assert alone.dtype == rest.dtype == np.uint8


def test_the_box_is_black():
    image = numbered(5, 6)
    black = only_bg_b(image, (1, 2, 4, 5))
    assert not black[2:5, 1:4].any()
    black[2:5, 1:4] = image[2:5, 1:4]
    assert (black == image).all()


@pytest.mark.parametrize(
    ("box", "rows", "columns"),
    [
        # Of 10 x 6 pixels: above, 3 rows high, is the largest, and begins again in rows 3 and 6.
        ((1, 3, 9, 6), [0, 1, 2], range(1, 9)),
        # Below: rows 2 to 5, laid from row 0 on, so that row 0 shows row 2.
        ((1, 0, 9, 2), [2, 3], range(1, 9)),
        # To the left: columns 0 to 5, and column 6 shows column 0.
        ((6, 0, 10, 6), range(6), [0, 1, 2, 3]),
        # To the right: columns 7 to 9, laid from column 0 on, so that column 2 shows column 9.
        ((2, 1, 7, 6), range(1, 6), [9, 7, 8, 9, 7]),
    ],
)
def test_tiles_of_the_largest_strip_fill_the_box(box, rows, columns):
    image = numbered(6, 10)
    left, top, right, bottom = box
    filled = only_bg_t(image, box)
    assert (filled[top:bottom, left:right] == image[np.ix_(list(rows), list(columns))]).all()
    filled[top:bottom, left:right] = image[top:bottom, left:right]
    assert (filled == image).all()


def test_a_box_that_leaves_nothing_cannot_be_filled():
    with pytest.raises(ValueError, match="leaves nothing of an image of 4 x 3 pixels"):
        only_bg_t(numbered(3, 4), (0, 0, 4, 3))


@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.data())
def test_nothing_of_the_box_is_left(data):
    height, width = data.draw(st.integers(1, 9)), data.draw(st.integers(2, 9))
    left = data.draw(st.integers(0, width - 1))
    top = data.draw(st.integers(0, height - 1))
    right, bottom = data.draw(st.integers(left + 1, width)), data.draw(st.integers(top + 1, height))
    if (right - left, bottom - top) == (width, height):
        right, left = width - 1, 0
    image = numbered(height, width)
    inside = {tuple(pixel) for pixel in image[top:bottom, left:right].reshape(-1, 3)}
    shown = {tuple(pixel) for pixel in only_bg_t(image, (left, top, right, bottom)).reshape(-1, 3)}
    assert not inside & shown


def test_the_subject_stays_where_it_was_before_a_background_of_any_size():
    image, mask = numbered(6, 8), mask_of(6, 8, (2, 2), (2, 3), (3, 2))
    background = np.full((30, 9, 3), (7, 8, 9), np.uint8)
    made = mixed(image, mask, background)
    assert made.shape == image.shape and made.dtype == np.uint8
    assert (made[mask] == image[mask]).all()
    assert (made[~mask] == (7, 8, 9)).all()
