import numpy as np
import pytest

from aga_lightning.datasets.fieldguide.canvas import Canvas, points
from aga_lightning.datasets.fieldguide.perches import PERCHES

FEET = points((0.47, 0.7), (0.53, 0.7))


@pytest.mark.parametrize(
    "perch", dict.fromkeys(perch for perches in PERCHES.values() for perch in perches), ids=lambda p: p.__name__
)
def test_a_perch_is_under_the_feet_and_no_part_of_the_subject(perch):
    for seed in range(8):
        canvas = Canvas(100)
        canvas.pixels[:] = 180
        perch(canvas, np.random.default_rng(seed), FEET)
        changed = (canvas.pixels != 180).any(axis=2)
        assert changed[68:78, 45:55].any()
        assert not changed[:40].any()
        assert not canvas.coverage.any()
