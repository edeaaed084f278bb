import numpy as np

from aga_lightning.augment.painters import skies
from aga_lightning.augment.painters.light import LIGHTS


def test_the_sky_fades_to_its_horizon(make_canvas):
    for light in ("noon", "night", "fog"):
        one = make_canvas(light)
        skies.sky(one)
        bottom = one.pixels[36:40].mean(axis=(0, 1))
        assert np.abs(bottom - LIGHTS[light].horizon).max() < 0.2
        assert (one.pixels[44:] == 0.5).all(), "the ground is left alone"


def test_the_moon_shines_and_stars_are_out(make_canvas):
    bright = {}
    for light in ("moonlight", "night", "storm"):
        pictures = [make_canvas(light, seed, horizon=80) for seed in range(8)]
        for one in pictures:
            skies.sky(one)
        bright[light] = np.mean([one.pixels[:80].max() - np.median(one.pixels[:80]) for one in pictures])
    assert bright["moonlight"] > 0.5 and bright["night"] > 0.5 > bright["storm"]
