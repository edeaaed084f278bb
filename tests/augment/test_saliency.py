import numpy as np
import pytest

from aga_lightning.augment.saliency import saliency, superpixels


def disc_on_noise(size=96):
    rng = np.random.default_rng(0)
    image = rng.integers(70, 100, (size, size, 3), dtype=np.uint8)
    y, x = np.mgrid[:size, :size]
    disc = np.hypot(x - size * 0.4, y - size * 0.55) < size / 5
    image[disc] = (210, 60, 40)
    return image, disc


def test_a_disc_stands_out_and_the_border_does_not():
    image, disc = disc_on_noise()
    found = saliency(image)
    assert found.shape == disc.shape
    assert found.dtype == np.float32
    assert 0 <= found.min() and found.max() <= 1
    assert found[disc].mean() > 0.8
    assert found[0].max() < 0.2


def test_background_cut_in_two_by_the_subject_is_still_background():
    image = np.full((80, 120, 3), (60, 110, 60), np.uint8)
    image[:, 50:70] = (150, 120, 90)
    found = saliency(image)
    assert found[:, 55:65].mean() > found[:, 5:45].mean() + 0.3
    assert found[:, 5:45].mean() == pytest.approx(found[:, 75:115].mean(), abs=0.1)


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (2, 2), (30, 50)])
def test_pictures_without_contrast_have_no_saliency(shape):
    found = saliency(np.full((*shape, 3), 90, np.uint8))
    assert found.shape == shape
    assert found.max() == 0


def test_superpixels_are_numbered_without_gaps_and_follow_edges():
    lab = np.zeros((40, 60, 3), np.float32)
    lab[:, 33:, 0] = 100
    labels = superpixels(lab, 24)
    assert set(np.unique(labels)) == set(range(labels.max() + 1))
    assert not set(np.unique(labels[:, :33])) & set(np.unique(labels[:, 33:]))
