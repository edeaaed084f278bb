import numpy as np
import pytest

from aga_lightning.datasets.fieldguide import anatomy
from aga_lightning.datasets.fieldguide.canvas import Canvas

SHRINK, MIDDLE = 0.2, 0.5


def mask(*shapes):
    return Canvas(400).mask([shape * SHRINK + MIDDLE for shape in shapes]) > 0.5


BODY, WING = mask(anatomy.BODY), mask(anatomy.WING)


@pytest.mark.parametrize("marks", [anatomy.STREAKS, anatomy.SPOTS, [anatomy.COLLAR], [anatomy.CAP], [anatomy.LORES]])
def test_marks_lie_on_the_body_where_the_wing_leaves_them_to_be_seen(marks):
    assert (mask(*marks) & BODY & ~WING).sum() > 0.35 * mask(*marks).sum()


@pytest.mark.parametrize("bar", anatomy.WING_BARS)
def test_wing_bars_cross_the_wing(bar):
    crossed = mask(bar) & WING
    assert crossed.sum() > 0.6 * mask(bar).sum()
    assert np.ptp(np.nonzero(crossed)[0]) > 0.5 * SHRINK * 400


def test_tails_beaks_and_crest_grow_from_the_body_and_reach_beyond_it():
    for part in ([*anatomy.BEAKS.values()] + [feather for tail in anatomy.TAILS.values() for feather in tail]
                 + [anatomy.CREST]):  # fmt: skip
        assert (mask(part) & BODY).any()
        assert (mask(part) & ~BODY).sum() > 0.3 * mask(part).sum()


def test_the_shapes_of_tails_and_beaks_are_far_apart():
    for kinds in (anatomy.TAILS, {name: (shape,) for name, shape in anatomy.BEAKS.items()}):
        masks = [mask(*shapes) & ~BODY for shapes in kinds.values()]
        for first in range(3):
            for second in range(first):
                overlap = (masks[first] & masks[second]).sum() / (masks[first] | masks[second]).sum()
                assert overlap < 0.6
