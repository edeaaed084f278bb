import numpy as np
import pytest

from aga_lightning.datasets.fieldguide.render import Picture, render
from aga_lightning.datasets.fieldguide.species import HABITATS, NEW_HABITATS, SPECIES

EVERYWHERE = (*HABITATS, *NEW_HABITATS, "paper")


@pytest.mark.parametrize("habitat", EVERYWHERE)
def test_the_same_generator_gives_the_same_bytes(habitat):
    one, other = (render(SPECIES[0], habitat, 48, np.random.default_rng(5)) for _ in range(2))
    assert one.image.tobytes() == other.image.tobytes()
    assert (one.mask == other.mask).all()
    assert one.image.shape == (48, 48, 3)
    assert one.image.dtype == np.uint8


@pytest.mark.parametrize("species", SPECIES, ids=lambda species: species.name)
def test_the_bird_is_seen_well(species):
    pictures = [render(species, habitat, 48, np.random.default_rng(seed)) for seed, habitat in enumerate(EVERYWHERE)]
    for picture in pictures:
        assert 0.04 < picture.mask.mean() < 0.6
        left, top, right, bottom = picture.box
        assert 0 <= left < right <= 48
        assert 0 <= top < bottom <= 48
        outside = picture.mask.copy()
        outside[int(top) : int(bottom), int(left) : int(right)] = False
        assert not outside.any()


def test_the_box_is_tight():
    mask = np.zeros((10, 12), bool)
    mask[2:5, 3:9] = True
    mask[3, 5] = False
    assert Picture(np.zeros((10, 12, 3), np.uint8), mask).box == (3.0, 2.0, 9.0, 5.0)


def test_the_picture_is_the_same_at_any_size():
    small, large = (render(SPECIES[2], "lake", size, np.random.default_rng(11)) for size in (48, 144))
    shrunk = large.image.reshape(48, 3, 48, 3, 3).mean(axis=(1, 3))
    assert np.abs(shrunk - small.image).mean() < 10
    coarse = large.mask.reshape(48, 3, 48, 3).mean(axis=(1, 3)) > 0.5
    assert (coarse & small.mask).sum() / (coarse | small.mask).sum() > 0.8


def test_a_sketch_is_grey():
    image = render(SPECIES[5], "paper", 64, np.random.default_rng(1)).image.astype(float)
    assert np.ptp(image.mean(axis=(0, 1))) < 2
