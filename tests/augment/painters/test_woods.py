import numpy as np
import pytest

from aga_lightning.augment.painters import woods


@pytest.mark.parametrize("name", ["pine_forest", "woodland"])
def test_stems_make_upright_edges(make_canvas, name):
    across = down = 0.0
    for seed in range(4):
        one = make_canvas("winter", seed, horizon=70)
        getattr(woods, name)(one)
        across += np.abs(np.diff(one.pixels[20:70], axis=1)).mean()
        down += np.abs(np.diff(one.pixels[20:70], axis=0)).mean()
    assert across > 1.1 * down


def test_woods_are_bare_in_winter_and_red_in_autumn(make_canvas):
    colours = {}
    for light in ("winter", "summer", "autumn"):
        pictures = [make_canvas(light, seed, horizon=70) for seed in range(4)]
        for one in pictures:
            woods.woodland(one)
        colours[light] = np.mean([one.pixels[:50].mean(axis=(0, 1)) for one in pictures], axis=0)
    assert np.ptp(colours["winter"]) < np.ptp(colours["summer"])
    assert colours["summer"][1] > colours["summer"][0] * 0.95
    assert colours["autumn"][0] > 1.15 * colours["autumn"][1]


def test_the_jungle_is_green_all_over(make_canvas):
    one = make_canvas()
    woods.jungle(one)
    assert (one.pixels[..., 1] > one.pixels[..., 2]).mean() > 0.8
