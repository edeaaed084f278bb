import numpy as np
import pytest

from aga_lightning.augment.painters import landscapes
from aga_lightning.augment.painters.light import LIGHTS


@pytest.mark.parametrize("name", ["meadow", "mountains", "dunes", "moor", "wheat", "canyon"])
def test_the_sky_is_above_and_the_land_below(make_canvas, name):
    pictures = [make_canvas(seed=seed) for seed in range(4)]
    for one in pictures:
        getattr(landscapes, name)(one)
    sky = np.mean([one.pixels[:8] for one in pictures], axis=(0, 1, 2))
    land = np.mean([one.pixels[70:] for one in pictures], axis=(0, 1, 2))
    assert sky[2] > sky[0], "blue at noon"
    assert land[2] < max(land[0], land[1]), "no land is blue"


def test_rocks_are_red_in_the_canyon_and_grass_is_green_in_spring(make_canvas):
    canyon, meadow = make_canvas(), make_canvas("spring")
    landscapes.canyon(canyon)
    landscapes.meadow(meadow)
    assert canyon.ground[..., 0].mean() > 1.4 * canyon.ground[..., 2].mean()
    assert meadow.ground[..., 1].mean() > meadow.ground[..., 0].mean()


def test_the_seasons_change_the_grass():
    spring, autumn = (landscapes.grasses(LIGHTS[season])[-1] for season in ("spring", "autumn"))
    assert spring[1] > spring[0] and autumn[0] > autumn[1]
