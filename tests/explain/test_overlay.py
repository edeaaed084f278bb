"""Attributions over photos: what shows, in which colour, and what is drawn where there is nothing to draw."""

import matplotlib
import numpy as np
import pytest
import torch
from PIL import Image

from aga_lightning.explain.overlay import COLOUR_MAP, overlay

PHOTO = torch.randint(256, (3, 9, 12), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
RAMP = torch.linspace(0, 1, 108).view(9, 12)


def in_grey(pixels):
    """Pillow's own greys, which round down what ours round to the nearest."""
    return np.asarray(Image.fromarray(pixels.permute(1, 2, 0).numpy()).convert("L").convert("RGB")).astype(int)


@pytest.mark.parametrize(
    "attribution",
    [torch.zeros(9, 12), -RAMP, RAMP.clone().index_fill_(0, torch.tensor([3]), torch.nan), RAMP * torch.inf],
)
def test_a_map_that_says_nothing_leaves_the_photo_in_grey(attribution):
    drawn = overlay(PHOTO, attribution)
    assert drawn.dtype == np.uint8 and drawn.shape == (9, 12, 3)
    assert np.abs(drawn - in_grey(PHOTO)).max() <= 1


def test_the_maximum_has_the_last_colour_and_the_minimum_none():
    drawn = overlay(PHOTO, RAMP * 1e-6, strength=1.0)
    last = np.round(255 * np.array(matplotlib.colormaps[COLOUR_MAP](1.0)[:3]))
    assert (drawn[-1, -1] == last).all()
    assert np.abs(drawn[0, 0] - in_grey(PHOTO)[0, 0]).max() <= 1


def test_opacity_grows_with_the_attribution():
    """Over black and over white alike, the photo shows the less the more a pixel matters."""
    black, white = torch.zeros(1, 9, 12, dtype=torch.uint8), torch.full((1, 9, 12), 255, dtype=torch.uint8)
    shows = overlay(white, RAMP, strength=0.75).astype(int) - overlay(black, RAMP, strength=0.75)
    np.testing.assert_allclose(shows, np.broadcast_to(255 * (1 - 0.75 * RAMP[..., None]), shows.shape), atol=1)


def test_one_scale_for_all():
    assert (overlay(PHOTO, RAMP) == overlay(PHOTO, RAMP * 1000)).all()
    assert (overlay(PHOTO, RAMP.clamp(min=0.5)) != overlay(PHOTO, RAMP)).any()
    assert (overlay(PHOTO, RAMP - 0.5) == overlay(PHOTO, (RAMP - 0.5).relu())).all()


def test_no_strength_no_colour():
    assert np.abs(overlay(PHOTO, RAMP, strength=0) - in_grey(PHOTO)).max() <= 1


def test_another_colour_map():
    assert (overlay(PHOTO, RAMP, colour_map="turbo") != overlay(PHOTO, RAMP)).any()
    with pytest.raises(KeyError, match="no_such_map"):
        overlay(PHOTO, RAMP, colour_map="no_such_map")


@pytest.mark.parametrize(
    ("pixels", "attribution", "strength", "words"),
    [
        (PHOTO, torch.zeros(8, 12), 0.5, r"\(9, 12\), not torch.float32 \(8, 12\); enlarge"),
        (PHOTO, torch.zeros(9, 12, dtype=torch.int64), 0.5, "not torch.int64"),
        (PHOTO.float(), RAMP, 0.5, "uint8.*not torch.float32"),
        (PHOTO[None], RAMP, 0.5, r"not torch.uint8 \(1, 3, 9, 12\)"),
        (PHOTO[:2], RAMP, 0.5, r"\(2, 9, 12\)"),
        (PHOTO, RAMP, 1.5, "0..1, not 1.5"),
    ],
)
def test_what_does_not_fit_is_named(pixels, attribution, strength, words):
    with pytest.raises(ValueError, match=words):
        overlay(pixels, attribution, strength=strength)
