import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aga_lightning.augment.base import Detection
from aga_lightning.augment.detectors.boxes_found import MOST, best_first

numbers = st.floats(width=32)


def test_boxes_come_best_first_and_above_the_threshold():
    boxes = [(0, 0, 10, 10), (1, 1, 10, 10), (2, 2, 10, 10)]
    assert best_first(boxes, [0.4, 0.9, 0.35], (20, 20), 0.35, "all") == [
        Detection((1, 1, 10, 10), 0.9),
        Detection((0, 0, 10, 10), 0.4),
    ]
    assert best_first(boxes, [0.4, 0.9, 0.35], (20, 20), 0.35, "best") == [Detection((1, 1, 10, 10), 0.9)]
    assert best_first(boxes, [0.4, 0.9, 0.35], (20, 20), 0.95, "all") == []


def test_edges_are_rounded_to_a_quarter_pixel_and_scores_to_four_decimals():
    [found] = best_first([(0.13, -0.05, 9.88, 10.1)], [0.123456], (20, 20), 0, "all")
    assert found == Detection((0.25, 0.0, 10.0, 10.0), 0.1235)
    assert math.copysign(1, found.box[1]) == 1


def test_equal_scores_do_not_depend_on_the_order_of_the_boxes():
    boxes = [(3, 0, 10, 10), (0, 0, 10, 10), (1, 0, 10, 10)]
    forwards = best_first(boxes, [0.5, 0.50001, 0.5], (20, 20), 0, "all")
    assert forwards == best_first(boxes[::-1], [0.5, 0.5, 0.49999], (20, 20), 0, "all")


def test_height_and_width_are_not_mixed_up():
    assert best_first([(-5, -5, 99, 99)], [1], (10, 30), 0, "all")[0].box == (0, 0, 30, 10)


@pytest.mark.parametrize("box", [(math.nan, 0, 9, 9), (5, 5, 5, 9), (9, 0, 1, 9), (30, 30, 40, 40), (math.inf,) * 4])
def test_boxes_without_area_are_dropped(box):
    assert best_first([box, (0, 0, 9, 9)], [0.9, 0.5], (20, 20), 0, "all") == [Detection((0, 0, 9, 9), 0.5)]


def test_no_more_than_twenty_boxes_are_given():
    boxes = [(0, 0, 10, 10 + number) for number in range(30)]
    found = best_first(boxes, [number / 30 for number in range(30)], (50, 50), 0, "all")
    assert len(found) == MOST == 20 and found[0].box[3] == 39


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.tuples(numbers, numbers, numbers, numbers), numbers), max_size=4))
def test_whatever_a_model_answers_what_is_given_lies_in_the_image(answers):
    for found in best_first([box for box, _ in answers], [score for _, score in answers], (30, 40), 0.3, "all"):
        left, top, right, bottom = found.box
        assert 0 <= left < right <= 40 and 0 <= top < bottom <= 30 and 0.3 <= found.score <= 1
