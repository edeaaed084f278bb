import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tiny.photos import PHOTOS

from aga_lightning.images.perceptual_hash import as_hashes, distances, mirrored, perceptual_hash


def picture(seed, size=160):
    """Soft blobs of colour: all frequencies, most of them low, as in a photo."""
    noise = np.random.default_rng(seed).normal(size=(size, size, 3))
    soft = sum(cv2.GaussianBlur(noise, (0, 0), sigma) * sigma for sigma in (3, 8, 20))
    return np.interp(soft, (soft.min(), soft.max()), (30, 220)).astype(np.uint8)


def jpeg(image, quality):
    return cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)


def scaled(image, factor):
    return cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)


def brighter(image, levels):
    return np.clip(image.astype(int) + levels, 0, 255).astype(np.uint8)


def differing(first, second):
    return (perceptual_hash(first) ^ perceptual_hash(second)).bit_count()


CHANGES = {
    "jpeg": lambda image: jpeg(image, 50),
    "half the size": lambda image: scaled(image, 0.5),
    "twice the size": lambda image: scaled(image, 2),
    "squashed": lambda image: cv2.resize(image, (97, 141), interpolation=cv2.INTER_AREA),
    "brighter": lambda image: brighter(image, 12),
    "darker": lambda image: brighter(image, -12),
}


def test_the_hash_is_the_textbook_dct_against_its_median():
    image = picture(0, 32)
    waves = np.cos(np.pi * np.outer(np.arange(8), np.arange(32) + 0.5) / 32)
    waves[0] /= np.sqrt(2)
    low = (waves @ cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) @ waves.T / 16).ravel()
    bits = ["0", *("1" if value > np.median(low[1:]) else "0" for value in low[1:])]
    assert perceptual_hash(image) == int("".join(bits), 2)


@settings(max_examples=10, deadline=None, derandomize=True)
@given(st.integers(0, 10_000))
def test_another_picture_or_the_mirror_image_is_far_away(seed):
    assert differing(picture(seed), picture(seed + 10_001)) >= 10
    assert differing(picture(seed), mirrored(picture(seed))) >= 10
    assert differing(picture(seed), mirrored(mirrored(picture(seed)))) == 0


@pytest.mark.parametrize("level", [0, 17, 255])
@pytest.mark.parametrize("shape", [(1, 1, 3), (20, 300, 3), (400, 300, 3)])
def test_a_flat_picture_has_no_bits(level, shape):
    assert perceptual_hash(np.full(shape, level, np.uint8)) == 0


def test_half_of_the_bits_are_set_and_never_the_highest():
    hashes = [perceptual_hash(picture(seed)) for seed in range(10)]
    assert all(0 <= value < 2**63 for value in hashes)
    assert all(28 <= value.bit_count() <= 31 for value in hashes)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.integers(0, 2**64 - 1), st.lists(st.integers(0, 2**64 - 1), max_size=20))
def test_distances_count_differing_bits(one, others):
    assert distances(one, as_hashes(others)).tolist() == [bin(one ^ other).count("1") for other in others]


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_is_a_few_bits_away(change):
    for image in [*map(picture, range(5)), *(np.asarray(Image.open(path)) for path in PHOTOS)]:
        assert differing(image, CHANGES[change](image)) <= 4
