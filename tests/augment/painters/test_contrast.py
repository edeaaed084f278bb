import numpy as np
import pytest

from aga_lightning.augment.painters.contrast import BLANK, contrast


def test_one_colour_has_no_contrast_whatever_the_colour():
    assert contrast(np.full((5, 7, 3), (250, 10, 90), np.uint8)) == 0


def test_two_halves_have_half_their_distance():
    image = np.zeros((4, 6, 3), np.uint8)
    image[:, 3:] = 80
    assert contrast(image) == pytest.approx(40)
    assert contrast(image) > BLANK > contrast(image // 16)
