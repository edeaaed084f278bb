"""What a placement makes of a subject, by where its mask lands; `test_compositing.py` has its own place and scale."""

import numpy as np
import pytest

from aga_lightning.augment.compositing import merge
from aga_lightning.augment.placement import Placement, land

HEIGHT, WIDTH = 100, 160
LEFT, TOP, RIGHT, BOTTOM = (np.s_[30:60, :40], np.s_[:30, 60:100], np.s_[30:60, 120:], np.s_[70:, 60:100])
INSIDE = np.s_[30:50, 60:100]


def landed(where, **placement):
    """Left, top, right and bottom of what lands of a subject, and its mask; edges are feathered."""
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[where] = True
    black = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    image, found = merge(black + np.uint8(255), mask, black, Placement(**placement), 0.7)
    rows, columns = np.flatnonzero(found.any(1)), np.flatnonzero(found.any(0))
    return (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1), image[..., 0]


@pytest.mark.parametrize(
    ("position", "shift", "box"),
    [
        ((0.0, 0.0), (0, 0), (0, 0, 40, 20)),
        ((1.0, 1.0), (0, 0), (120, 80, 160, 100)),
        ((0.5, 0.5), (0, 0), (60, 40, 100, 60)),
        ((0.5, 0.5), (0.1, -0.1), (76, 30, 116, 50)),
        ((1.0, 0.25), (0.3, 0), (120, 20, 160, 40)),
    ],
)
def test_a_position_is_a_share_of_the_room_that_is_left(position, shift, box):
    assert landed(INSIDE, position=position, shift=shift)[0] == box


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize(("size", "width", "height"), [(0.25, 40, 20), (0.5, 80, 40), (0.1, 16, 8), (1.0, 160, 80)])
def test_a_size_is_a_share_of_the_side_that_the_subject_takes_most_of(size, width, height, flip):
    left, top, right, bottom = landed(INSIDE, size=size, flip=flip, scale=3.0)[0]
    assert (right - left, bottom - top) == pytest.approx((width, height), abs=1)
    assert (left + right, top + bottom) == pytest.approx((WIDTH, 80), abs=1), "about its own centre"


def test_a_turned_subject_is_shrunk_until_it_fits():
    left, top, right, bottom = landed(INSIDE, size=1.0, rotation=90.0, position=(0.5, 0.5))[0]
    assert (right - left, bottom - top) == pytest.approx((50, 100), abs=1)


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("free", [{"position": (0.4, 0.6)}, {"size": 0.5}, {"size": 0.2, "position": (0.9, 0.1)}])
@pytest.mark.parametrize(("where", "side"), [(LEFT, 0), (TOP, 1), (RIGHT, 2), (BOTTOM, 3)])
def test_a_subject_that_was_cut_off_stays_at_its_border_unturned_and_does_not_fade_there(where, side, free, flip):
    box, image = landed(where, flip=flip, rotation=20.0, shift=(0.02, 0.02), **free)
    if flip and side % 2 == 0:
        side = 2 - side
    borders = (0, 0, WIDTH, HEIGHT)
    assert [one == border for one, border in zip(box, borders, strict=True)] == [place == side for place in range(4)]
    line = (image[:, 0], image[0], image[:, -1], image[-1])[side]
    assert line.max() >= 254
    width, height = box[2] - box[0], box[3] - box[1]
    assert width / height == pytest.approx(4 / 3, abs=0.1), "a turned box is wider"


def test_at_its_own_place_and_scale_a_cut_off_subject_is_treated_as_any_other():
    assert landed(BOTTOM, shift=(0.0, -0.2))[0] == (60, 50, 100, 80)
    turned, _ = landed(BOTTOM, rotation=20.0)
    assert turned[2] - turned[0] > 45


def test_a_mask_that_ends_just_short_of_the_border_belongs_to_it():
    assert landed(np.s_[70:99, 60:100], position=(0.0, 0.0))[0] == (0, 71, 40, 100)
    assert landed(np.s_[70:97, 60:100], position=(0.0, 0.0))[0] == (0, 0, 40, 27)


def test_a_subject_from_border_to_border_keeps_its_size_and_moves_along_them_alone():
    band = np.s_[40:60, :]
    assert landed(band, size=0.3, position=(0.9, 0.0), rotation=10.0)[0] == (0, 0, 160, 20)
    everything = np.s_[:, :]
    assert landed(everything, size=0.3, position=(0.9, 0.0))[0] == (0, 0, 160, 100)


def test_what_is_only_moved_is_not_resampled():
    solid = np.full((20, 40), 255, np.uint8)
    assert not land(solid, (60, 30), Placement(position=(0.33, 0.77)), (HEIGHT, WIDTH)).resampled
    assert land(solid, (60, 30), Placement(size=0.3), (HEIGHT, WIDTH)).scale == pytest.approx(1.2)
