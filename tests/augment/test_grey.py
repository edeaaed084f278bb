"""Night and day told apart, on drawn pictures and on two photos, and the tone of one given to another."""

import io

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tiny.photos import photo

from aga_lightning.augment.grey import as_grey, is_grey

PHOTOS = ("china", "flower")
CASTS = {"neutral": (1, 1, 1), "purple": (1.08, 0.92, 1.12), "blue": (0.95, 0.98, 1.15), "sepia": (1.08, 1.0, 0.84)}


def jpeg(image, quality):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file).convert("RGB"))


def landscape(seed=0, height=240, width=320):
    """Blobs of colour at several scales, as a sunny wood might have them."""
    rng = np.random.default_rng(seed)
    scales = [rng.integers(0, 256, (side, side, 3), dtype=np.uint8) for side in (4, 12, 40)]
    layers = [cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.float32) for small in scales]
    return np.clip(sum(layers) / 3, 0, 255).astype(np.uint8)


def night(image, cast="neutral", gain=0.5, noise=3.0):
    """What an infrared camera would make of it: grey, dark, noisy, perhaps with a cast."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32) * gain
    grey += np.random.default_rng(1).normal(0, noise, grey.shape)
    return np.clip(np.round(grey[..., None] * np.array(CASTS[cast])), 0, 255).astype(np.uint8)


def with_banner(image):
    image = image.copy()
    height = len(image)
    image[-height // 14 :] = (20, 20, 90)
    image[-height // 20 : -4, -60:-10] = (240, 140, 10)
    image[: height // 20] = (230, 200, 20)
    return image


@pytest.mark.parametrize("cast", CASTS)
def test_night_is_grey_whatever_its_cast_its_banner_and_its_compression(cast):
    # Three times as large, as frames of cameras are.
    for frame in (night(landscape(height=720, width=960), cast), *(night(photo(name), cast) for name in PHOTOS)):
        assert is_grey(jpeg(frame, 95)) and is_grey(jpeg(with_banner(frame), 75))


def test_grey_photos_stay_grey_as_small_and_poor_jpegs():
    small = night(landscape(), noise=8.0)
    noisy = np.clip(small + np.random.default_rng(2).normal(0, 4, small.shape), 0, 255).astype(np.uint8)
    for quality in (20, 50, 90):
        assert is_grey(jpeg(small, quality)) and is_grey(jpeg(noisy, quality))


def test_day_is_not_grey_nor_is_a_little_colour_in_fog():
    day = landscape()
    assert not any(map(is_grey, (day, *map(photo, PHOTOS))))
    assert not is_grey(jpeg((day * 0.3).astype(np.uint8), 60))
    assert not is_grey(jpeg((day * 0.3 + 150).astype(np.uint8), 60))
    snow = night(day, gain=0.2) + np.uint8(190)
    assert is_grey(snow)
    for coat in ((170, 40, 40), (90, 66, 44)):  # a red jacket or a moose, on 2 % of the picture
        snow[150:200, 100:130] = coat
        assert not is_grey(snow)


def test_a_strong_single_hue_is_a_sunset_and_not_a_cast():
    grey = cv2.cvtColor(landscape(), cv2.COLOR_RGB2GRAY)[..., None] / 255
    assert not is_grey((grey * (255, 140, 30)).astype(np.uint8))


@pytest.mark.parametrize("shape", [(1, 1), (2, 7), (9, 3)])
@pytest.mark.parametrize("level", [0, 90, 255])
def test_flat_and_tiny_pictures_are_told_too(shape, level):
    flat = np.full((*shape, 3), level, np.uint8)
    assert is_grey(flat)
    mask = np.ones(shape, bool)
    assert np.abs(as_grey(flat, flat, mask).astype(int) - level).max() <= 1
    assert not is_grey(np.full((*shape, 3), (200, 30, 30), np.uint8))


def outside(image, mask):
    """Mean and standard deviation of lightness outside a mask."""
    lightness = cv2.cvtColor(image, cv2.COLOR_RGB2Lab)[..., 0].astype(float)
    height = len(lightness)
    rows = slice(round(0.1 * height), height - round(0.1 * height))
    return lightness[rows][~mask[rows]].mean(), lightness[rows][~mask[rows]].std()


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.integers(0, 9), st.floats(0.2, 0.9), st.floats(0.5, 1), st.floats(40, 100))
def test_a_background_gets_the_tone_of_the_photos_own(seed, gain, contrast, level):
    like = night(np.clip(landscape(seed) * contrast + 20, 0, 255).astype(np.uint8), gain=gain, noise=1.0)
    mask = np.zeros(like.shape[:2], bool)
    mask[60:180, 80:240] = True
    like[mask] = 255  # the subject, lit by the flash, does not count
    background = np.clip(landscape(seed + 1) * 0.9 + level, 0, 255).astype(np.uint8)[:200, :300]
    matched = as_grey(background, like, mask)
    assert matched.shape == background.shape
    assert (matched == matched[..., :1]).all(), "a neutral photo gives a neutral background"
    goal_mean, goal_spread = outside(like, mask)
    mean, spread = outside(matched, np.zeros(matched.shape[:2], bool))
    assert mean == pytest.approx(goal_mean, abs=2)
    limit = 1.5 * (outside(background, np.zeros(background.shape[:2], bool))[1] + 1)
    assert spread == pytest.approx(min(goal_spread, limit), rel=0.1, abs=1.5)


@pytest.mark.parametrize("cast", ["purple", "blue", "sepia"])
def test_a_background_gets_the_photos_cast(cast):
    like = night(landscape(3), cast, gain=0.7)
    mask = np.zeros(like.shape[:2], bool)
    mask[60:180, 80:240] = True
    matched = as_grey(landscape(4), like, mask)
    assert is_grey(matched)
    tint, goal = (cv2.cvtColor(image, cv2.COLOR_RGB2Lab)[..., 1:].mean((0, 1)) for image in (matched, like))
    assert np.abs(tint - goal).max() < 1.5
    assert np.abs(goal - 128).max() > 4


def test_banners_have_no_say_in_the_tone():
    like, background = night(landscape(5)), landscape(6)
    mask = np.zeros(like.shape[:2], bool)
    mask[100:140, 100:140] = True
    plain, banners = as_grey(background, like, mask), as_grey(background, with_banner(like), mask)
    assert np.abs(plain.astype(int) - banners).max() <= 1


def test_flat_backgrounds_stay_calm_and_inputs_as_they_were():
    like, flat = landscape(7), np.full((50, 60, 3), (120, 130, 90), np.uint8)
    flat[::2] += 1
    like = night(like, gain=1.0)
    before = like.copy(), flat.copy()
    mask = np.zeros(like.shape[:2], bool)
    assert as_grey(flat, like, mask).std() < 4  # grain of one level must not become stripes
    assert np.array_equal(like, before[0]) and np.array_equal(flat, before[1])
