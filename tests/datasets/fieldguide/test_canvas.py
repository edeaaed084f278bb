import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aga_lightning.datasets.fieldguide.canvas import Canvas, ellipse, mix, noise, points, ribbon, shifted, spline, vary

SQUARE = points((0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75))
quick = settings(max_examples=25, deadline=None, derandomize=True)
unit = st.floats(0.05, 0.95)


@quick
@given(st.lists(st.tuples(unit, unit), min_size=3, max_size=8, unique=True), st.booleans())
def test_spline_passes_through_its_knots(pairs, closed):
    knots = points(*pairs)
    curve = spline(knots, closed, steps=5)
    assert np.allclose(curve[::5], knots)
    assert len(curve) == (5 * len(knots) if closed else 5 * (len(knots) - 1) + 1)


@quick
@given(unit, unit, st.floats(0.01, 0.2))
def test_ribbon_is_as_wide_as_asked(x, y, width):
    line = np.linspace((x, y), (x + 0.6, y + 0.8), 7)
    outline = ribbon(line, width, 2 * width)
    across = np.linalg.norm(outline[:7] - outline[::-1][:7], axis=1)
    assert np.allclose(across, np.linspace(width, 2 * width, 7), atol=1e-6)
    assert np.allclose((outline[:7] + outline[::-1][:7]) / 2, line)


@quick
@given(unit, unit, st.floats(0.05, 0.2), st.floats(0.05, 0.2), st.floats(0, 3))
def test_ellipse_encloses_its_area(x, y, across, down, turn):
    outline = shifted(ellipse(0, 0, across, down, turn, corners=200), x, y)
    a, b = outline.T
    area = 0.5 * abs(np.dot(a, np.roll(b, 1)) - np.dot(b, np.roll(a, 1)))
    assert area == pytest.approx(np.pi * across * down, rel=0.01)


def test_noise_is_the_same_cloud_at_any_size():
    small, large = (noise(np.random.default_rng(3), size) for size in (32, 96))
    shrunk = large.reshape(32, 3, 32, 3).mean(axis=(1, 3))
    assert small.shape == (32, 32)
    assert 0 <= small.min() < small.max() <= 1
    assert np.abs(shrunk - small).mean() < 0.03


def test_colours_stay_in_range_and_mix():
    assert vary(np.random.default_rng(0), (255, 0, 128), 80).min() >= 0
    assert vary(np.random.default_rng(0), (255, 0, 128), 80).max() <= 255
    assert np.allclose(mix((0, 0, 0), (100, 200, 50), 0.5), (50, 100, 25))


def test_fill_covers_the_right_area_with_smooth_edges():
    canvas = Canvas(100)
    canvas.painting_subject = True
    circle = ellipse(0.5, 0.5, 0.3, 0.3, corners=100)
    canvas.fill(circle, (200, 100, 50))
    assert canvas.pixels[50, 50].tolist() == [200, 100, 50]
    assert canvas.pixels[2, 2].tolist() == [0, 0, 0]
    # OpenCV draws the anti-aliased edge on the outside: half a pixel more.
    assert float(canvas.subject.mean()) == pytest.approx(np.pi * (0.3 + 0.005) ** 2, rel=0.02)
    assert ((canvas.subject > 0.1) & (canvas.subject < 0.9)).any()


def test_overlapping_outlines_leave_no_hole():
    canvas = Canvas(40)
    canvas.fill([SQUARE, shifted(SQUARE, 0.1)], (255, 255, 255))
    assert canvas.pixels[20, 20].tolist() == [255, 255, 255]


def test_what_is_painted_later_uncovers_the_subject():
    canvas = Canvas(40)
    canvas.painting_subject = True
    canvas.fill(SQUARE, (255, 255, 255))
    canvas.painting_subject = False
    canvas.fill(points((0, 0.45), (1, 0.45), (1, 0.55), (0, 0.55)), (9, 9, 9))
    assert canvas.subject[20, 20] == 0
    assert canvas.subject[12, 20] == 1


def test_opacity_softness_and_limits_of_a_fill():
    half, soft, limited = Canvas(80), Canvas(80), Canvas(80)
    half.fill(SQUARE, (200, 200, 200), opacity=0.5)
    assert int(half.pixels[40, 40, 0]) == pytest.approx(100, abs=1)
    soft.fill(SQUARE, (200, 200, 200), soft=0.05)
    assert int(soft.pixels[40, 20, 0]) == pytest.approx(100, abs=30)
    limited.fill(SQUARE, (200, 200, 200), within=limited.mask(points((0, 0), (0.5, 0), (0.5, 1), (0, 1))))
    assert limited.pixels[40, 30, 0] == 200
    assert limited.pixels[40, 50, 0] == 0


def test_a_shape_outside_the_frame_changes_nothing():
    canvas = Canvas(20)
    canvas.fill(shifted(SQUARE, 3.0), (255, 255, 255), soft=0.05)
    canvas.fill(shifted(SQUARE, -3.0), (255, 255, 255))
    assert not canvas.pixels.any()


def test_gradient_shade_and_blur_keep_to_eight_bits():
    canvas = Canvas(32)
    canvas.gradient(np.float32([0, 0, 0]), np.float32([240, 240, 240]), 0.0, 1.0)
    rows = canvas.pixels[:, 0, 0].astype(int)
    assert (np.diff(rows) > 0).all()
    canvas.blur(0.05)
    canvas.shade(np.full((32, 32), 3.0))
    assert canvas.pixels.dtype == np.uint8
    assert canvas.pixels[-1, 0, 0] == 255
