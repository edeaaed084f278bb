from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aga_lightning.augment.base import ImageRecord
from aga_lightning.augment.detectors.embedded import CentrePrior, DatasetBoxes, SaliencyBox
from aga_lightning.images.boxes import box_overlap
from aga_lightning.images.samples import Sample


def sample(image, box=None):
    return Sample(image, ImageRecord(Path("x.png"), 0, "a", "a", box), "0" * 64, box)


def blank(height, width):
    return sample(np.full((height, width, 3), 120, np.uint8))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(1, 60), st.integers(1, 60), st.floats(0, 0.49))
def test_the_centred_box_is_centred_and_inside(height, width, margin):
    [[found]] = CentrePrior(margin=margin).detect([blank(height, width)])
    left, top, right, bottom = found.box
    assert 0 <= left < right <= width and 0 <= top < bottom <= height
    assert left + right == pytest.approx(width) and top + bottom == pytest.approx(height)


@pytest.mark.parametrize("settings", [{"margin": 0.5}, {"margin": -0.1}, {"score": 2}])
def test_settings_out_of_range_are_named(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        CentrePrior(**settings)


def test_shipped_boxes_are_clamped_and_missing_or_degenerate_ones_ask_the_fallback():
    image = np.zeros((20, 30, 3), np.uint8)
    samples = [sample(image, (-5, 2, 40, 9)), sample(image), sample(image, (7, 7, 7, 9)), sample(image, (1, 1, 3, 3))]
    alone = DatasetBoxes().detect(samples)
    assert [[d.box for d in found] for found in alone] == [[(0, 2, 30, 9)], [], [], [(1, 1, 3, 3)]]
    assert alone[0][0].score == 1
    helped = DatasetBoxes(fallback=CentrePrior(margin=0.1, score=0.4)).detect(samples)
    assert [found[0].score for found in helped] == [1, 0.4, 0.4, 1]
    assert helped[1][0].box == pytest.approx((3, 2, 27, 18))


def test_a_salient_disc_is_boxed_in_colour_and_in_grey():
    rng = np.random.default_rng(0)
    image = rng.integers(70, 100, (80, 120, 3), dtype=np.uint8)
    y, x = np.mgrid[:80, :120]
    image[np.hypot(x - 50, y - 40) < 20] = (220, 60, 40)
    grey = np.repeat(image.mean(2, keepdims=True).astype(np.uint8) // 2 + image[..., :1] // 2, 3, 2)
    for picture in (image, grey):
        [[found]] = SaliencyBox().detect([sample(picture)])
        assert box_overlap(found.box, (30, 20, 71, 61)) > 0.8
        assert found.score > 0.5


@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (40, 40)])
def test_nothing_stands_out_of_a_blank_picture(shape):
    assert SaliencyBox().detect([blank(*shape)]) == [[]]
