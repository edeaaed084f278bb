import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aga_lightning.images.boxes import bounding_box, box_overlap, clamp, components, mask_overlap

coordinates = st.floats(-50, 150)
calm = settings(max_examples=50, deadline=None, derandomize=True)


@calm
@given(st.tuples(coordinates, coordinates, coordinates, coordinates), st.integers(1, 100), st.integers(1, 100))
def test_a_clamped_box_lies_in_the_image_and_clamping_again_changes_nothing(box, width, height):
    inside = clamp(box, width, height)
    if inside is not None:
        assert 0 <= inside[0] < inside[2] <= width
        assert 0 <= inside[1] < inside[3] <= height
        assert clamp(inside, width, height) == inside


@pytest.mark.parametrize("box", [(5, 5, 5, 9), (9, 2, 3, 8), (20, 20, 30, 30), (math.nan, 0, 5, 5)])
def test_degenerate_boxes_are_none(box):
    assert clamp(box, 10, 10) is None


@calm
@given(st.integers(0, 19), st.integers(0, 14), st.integers(1, 20), st.integers(1, 15))
def test_the_box_of_a_filled_rectangle_is_the_rectangle(left, top, width, height):
    mask = np.zeros((15, 20), bool)
    mask[top : top + height, left : left + width] = True
    box = bounding_box(mask)
    assert box == (left, top, min(20, left + width), min(15, top + height))
    assert box_overlap(box, box) == 1
    assert mask_overlap(mask, mask) == 1


def test_an_empty_mask_has_no_box_no_overlap_and_no_parts():
    empty = np.zeros((4, 4), bool)
    assert bounding_box(empty) is None
    assert mask_overlap(empty, empty) == 0
    assert components(empty)[1] == []
