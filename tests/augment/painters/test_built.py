import numpy as np
import pytest

from aga_lightning.augment.painters import built


@pytest.mark.parametrize("name", ["brick_wall", "wooden_fence"])
def test_walls_fill_the_picture(make_canvas, name):
    for seed in range(4):
        one = make_canvas("fog", seed, value=-1.0)
        getattr(built, name)(one)
        assert one.pixels.min() >= 0


def test_bricks_repeat_in_courses(make_canvas):
    peaks = []
    for seed in range(6):
        one = make_canvas("winter", seed)
        built.brick_wall(one)
        rows = one.pixels.mean(axis=(1, 2))
        spectrum = np.abs(np.fft.rfft(rows - rows.mean()))[1:24]
        peaks.append(spectrum.max() / np.median(spectrum))
    assert np.median(peaks) > 4


def test_towers_stand_on_the_horizon(make_canvas):
    one = make_canvas(horizon=70)
    built.skyline(one)
    # Steps of walls and roofs: far more upright edges in the town than in the sky above it.
    edges = np.abs(np.diff(one.pixels, axis=1)).mean(axis=(1, 2))
    assert edges[50:90].mean() > 2 * edges[:15].mean()


def test_the_garden_is_colourful(make_canvas):
    garden, fence = make_canvas(), make_canvas()
    built.garden(garden)
    built.wooden_fence(fence)
    assert np.ptp(garden.pixels[60:], axis=2).mean() > 1.2 * np.ptp(fence.pixels[:40], axis=2).mean()
