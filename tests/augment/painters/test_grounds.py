import numpy as np
import pytest

from aga_lightning.augment.painters import grounds

GREY = ((0.3, 0.3, 0.3), (0.6, 0.6, 0.6))


@pytest.mark.parametrize("lay", [grounds.sand, grounds.pebbles, lambda one: grounds.plants(one, GREY)])
def test_grounds_fill_the_ground_and_whiten_in_winter(make_canvas, lay):
    summer, winter = make_canvas("noon"), make_canvas("winter")
    for one in (summer, winter):
        lay(one)
        assert (one.pixels[:40] == 0.5).all()
        assert one.ground.std() > 0.02
    assert np.ptp(winter.ground.mean(axis=(0, 1))) < 0.12
    assert winter.ground.mean() > summer.ground.mean()


def test_calm_water_mirrors_what_stands_above_it(make_canvas):
    one = make_canvas(value=0.0)
    one.pixels[:40, :64] = (0.9, 0.1, 0.1)
    one.pixels[:40, 64:] = (0.1, 0.1, 0.9)
    grounds.water(one, (0.1, 0.2, 0.2), choppiness=0.0)
    left, right = one.ground[10:30, :54].mean(axis=(0, 1)), one.ground[10:30, 74:].mean(axis=(0, 1))
    assert left[0] > left[2] + 0.2 and right[2] > right[0] + 0.2


def test_a_shore_divides_water_from_land(make_canvas):
    one = make_canvas(value=0.0)
    coverage = grounds.shore(one, np.ones((56, 128, 3), np.float32), slope=0.0, level=0.5)
    assert coverage[0].max() == 0 and coverage[-1].min() == 1
    assert one.ground[-1].min() > 0.9 and one.ground[2].max() < 0.2
