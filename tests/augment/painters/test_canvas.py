import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from aga_lightning.augment.painters.canvas import Canvas, blend, eight_bit, haze, polygons, ramp, strokes, to_bytes
from aga_lightning.augment.painters.light import LIGHTS


def canvas(light="noon", value=0.5):
    pixels = np.full((20, 30, 3), value, np.float32)
    return Canvas(np.random.default_rng(0), LIGHTS[light], pixels, horizon=8, zoom=1.0, sun_side=0.5)


def test_a_canvas_knows_its_ground():
    one = canvas()
    assert (one.height, one.width, one.ground_shape) == (20, 30, (12, 30))
    one.ground[...] = 1
    assert (one.pixels[:8] == 0.5).all() and (one.pixels[8:] == 1).all()
    assert one.nearness()[0] < 0.1 and one.nearness()[-1] > 0.9


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.floats(-1, 2))
def test_a_ramp_runs_from_its_first_colour_to_its_last(t):
    colour = ramp(((0, 0, 1), (0.5, 0, 0), (1, 1, 0)), np.full((1, 2), t, np.float32))[0, 0]
    assert colour[0] == np.float32(colour[0]) and abs(colour[0] - np.clip(t, 0, 1)) < 0.005


def test_blending_covers_in_proportion():
    under = np.zeros((1, 3, 3), np.float32)
    blend(under, (1.0, 0.5, 0.0), np.array([[0, 0.5, 1]], np.float32))
    assert np.allclose(under[0], [[0, 0, 0], [0.5, 0.25, 0], [1, 0.5, 0]])


def test_haze_hides_more_in_fog():
    distances = {}
    for light in ("noon", "fog"):
        pixels = np.zeros((1, 1, 3), np.float32)
        haze(canvas(light), pixels, 0.5)
        distances[light] = pixels.mean() / np.mean(LIGHTS[light].horizon)
    assert distances["fog"] > 1.4 * distances["noon"]


def test_shapes_are_drawn_smooth_edged_where_asked():
    one = canvas(value=0.0)
    polygons(one, np.array([[[2, 2], [10.5, 2], [10.5, 10], [2, 10]]]), np.ones((1, 3), np.float32))
    assert (one.pixels[4:8, 4:9] == 1).all() and (one.pixels[:, 13:] == 0).all()
    assert 0 < one.pixels[5, 11].mean() < 1
    strokes(one, np.array([[[20.0, 0.0], [20.0, 19.0]]]), np.array([[1.0, 0.0, 0.0]]))
    assert one.pixels[10, 20, 0] > 0.5 and one.pixels[10, 20, 1] == 0


def test_lending_the_picture_loses_less_than_one_level():
    one = canvas(value=0.3331)
    with eight_bit(one):
        pass
    assert np.abs(one.pixels - 0.3331).max() <= 0.5 / 255 + 1e-6
    assert (to_bytes(np.array([-1.0, 0.5, 2.0])) == [0, 128, 255]).all()
