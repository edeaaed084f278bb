import numpy as np
import pytest

from aga_lightning.augment.cutout import beyond, continued, extended, unmixed


def half_plane(size=40, at=20, softness=4):
    """A subject that is right of a column, in which a ramp of alpha has its middle."""
    share = np.clip((np.arange(size) + 0.5 - at) / softness + 0.5, 0, 1)[None].repeat(size, 0)
    return np.round(255 * share).astype(np.uint8)


def test_the_margin_has_the_colours_of_what_is_near():
    colours = np.zeros((30, 30, 3), np.uint8)
    colours[:, :15], colours[:, 15:] = (200, 0, 0), (0, 0, 200)
    cutout = extended(colours, np.full((30, 30), 255, np.uint8), 5)
    assert cutout.shape == (40, 40, 4)
    assert cutout[20, [0, 39], :3].tolist() == [[200, 0, 0], [0, 0, 200]]
    assert cutout[5:-5, 5:-5, 3].min() == 255 and cutout[..., 3].sum() == 30 * 30 * 255


@pytest.mark.parametrize("margin", [4, 9])
def test_a_mixture_is_taken_apart_and_what_is_solid_is_kept(margin):
    alpha = half_plane()
    share = alpha[..., None] / 255
    texture = np.random.default_rng(0).integers(80, 120, (40, 40, 3))
    image = np.round(share * texture + (1 - share) * (10, 240, 10)).astype(np.uint8)
    cutout = unmixed(image, alpha, (20, 0, 20, 40), margin)
    assert cutout.shape == (40 + 2 * margin, 20 + 2 * margin, 4)
    inner = np.s_[margin:-margin, : -margin if margin <= 20 else None]
    seen, colours = alpha[:, 20 - margin :], cutout[inner]
    assert np.array_equal(colours[..., 3], seen)
    assert np.array_equal(colours[..., :3][seen == 255], image[:, 20 - margin :][seen == 255])
    assert np.abs(colours[..., :3][(seen > 0) & (seen < 255)].astype(int) - 100).max() < 45, "no green is left"
    assert cutout[:margin, :, 3].max() == 0 and cutout[:, -margin:, 3].max() == 0, "there is nothing beyond the photo"


def test_how_far_alpha_reaches_beyond_the_box():
    alpha = np.zeros((30, 40), np.uint8)
    alpha[10:20, 10:30], alpha[8, 12], alpha[12, 33] = 255, 3, 9
    assert beyond(alpha, (10, 10, 20, 10)) == 4


def test_a_cutout_goes_on_beyond_the_sides_where_it_was_cut_off():
    cutout = np.zeros((8, 9, 4), np.uint8)
    cutout[2:-2, 2:-2] = 7
    held = np.array([[True, False], [False, True]])
    continued(cutout, 2, held)
    expected = np.zeros((8, 9), np.uint8)
    expected[2:, :-2] = 7
    assert np.array_equal(cutout[..., 3], expected)
    continued(cutout, 0, ~held)
    assert np.array_equal(cutout[..., 3], expected)
