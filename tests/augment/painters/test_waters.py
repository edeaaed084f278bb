import numpy as np
import pytest

from aga_lightning.augment.painters import waters


@pytest.mark.parametrize("name", ["lakeshore", "coast", "beach", "riverbank", "marsh"])
def test_water_takes_its_colour_from_the_sky(make_canvas, name):
    blueness = {}
    for light in ("noon", "sunset"):
        grounds = []
        for seed in range(4):
            one = make_canvas(light, seed)
            getattr(waters, name)(one)
            grounds.append(one.ground.mean(axis=(0, 1)))
        red, _, blue = np.mean(grounds, axis=0)
        blueness[light] = blue / red
    assert blueness["noon"] > 1.4 * blueness["sunset"]
