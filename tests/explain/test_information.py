"""The information of an image, against the authors' package, and what is remembered of it."""

import numpy as np
import pytest
from PIL import features
from saliency.metrics import pic as reference

from aga_lightning.explain.information import InformationMemory, lossless_bytes, webp_version


def images():
    rng = np.random.default_rng(0)
    row, column = np.mgrid[:40, :56]
    ramp = np.stack([row, column, row + column], axis=2).astype(np.uint8)
    return {"noise": rng.integers(0, 256, (40, 56, 3), dtype=np.uint8), "ramp": ramp, "flat": np.full_like(ramp, 7)}


@pytest.mark.parametrize("name", images())
def test_lengths_are_the_authors(name):
    image = images()[name]
    assert lossless_bytes(image) == reference.estimate_image_entropy(image)
    assert lossless_bytes(image[:, :, :1]) == reference.estimate_image_entropy(image[:, :, 0])


def test_noise_holds_more_than_a_ramp_and_a_ramp_more_than_one_colour():
    lengths = {name: lossless_bytes(image) for name, image in images().items()}
    assert lengths["noise"] > lengths["ramp"] > lengths["flat"] > 0


def test_a_view_is_as_long_as_a_copy():
    image = images()["noise"]
    assert lossless_bytes(image.transpose(1, 0, 2)) == lossless_bytes(image.transpose(1, 0, 2).copy())


@pytest.mark.parametrize(
    "image", [np.zeros((4, 4, 3)), np.zeros((4, 4), dtype=np.uint8), np.zeros((4, 4, 2), dtype=np.uint8)]
)
def test_other_images_are_named(image):
    with pytest.raises(ValueError, match=r"uint8.*1 or 3.*\(4, 4"):
        lossless_bytes(image)


def test_the_version_is_that_of_the_encoder():
    assert webp_version() == features.version("webp")


def test_a_memory_gives_back_what_it_was_told():
    memory = InformationMemory()
    image, known = images()["noise"], np.zeros((40, 56), dtype=bool)
    key = memory.key(image, known, "exact")
    assert memory.recall(key) is None
    memory.keep(key, 1000, 10)
    memory.keep(key, 1000, 10)
    assert memory.recall(memory.key(image.copy(), known.copy(), "exact")) == (1000, 10)
    assert len(memory) == 1


def test_a_key_changes_with_all_that_the_lengths_depend_on():
    image, known = images()["noise"], np.zeros((40, 56), dtype=bool)
    other, elsewhere = image.copy(), known.copy()
    other[3, 5, 1] ^= 1
    elsewhere[3, 5] = True
    cases = [
        (image, known, "exact"),
        (other, known, "exact"),
        (image, elsewhere, "exact"),
        (image, known, "reduced"),
        (image.reshape(56, 40, 3), known.reshape(56, 40), "exact"),
    ]
    assert len({InformationMemory.key(*case) for case in cases}) == len(cases)
