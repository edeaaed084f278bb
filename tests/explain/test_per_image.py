"""What a measure says of each image: the reasons, and the images that two models can both use."""

import pytest
import torch

from aga_lightning.explain.per_image import PerImage, Skip, common


def per_image(skips, ids=None, seed=0):
    """Random values and curves; of skipped images, none."""
    skips = torch.tensor(skips, dtype=torch.int8)
    curves = torch.rand(len(skips), 5, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    curves[skips != Skip.USED] = torch.nan
    ids = torch.arange(len(skips)) if ids is None else torch.tensor(ids)
    return PerImage(ids, curves.mean(dim=1), skips, torch.linspace(0, 1, 5), curves)


def test_two_models_are_compared_on_the_images_that_both_can_use():
    first = per_image([Skip.USED, Skip.USED, Skip.LOW_PREDICTION, Skip.USED], ids=[7, 3, 5, 11], seed=1)
    second = per_image([Skip.USED, Skip.NO_PREDICTION_GAP, Skip.USED, Skip.USED], ids=[11, 3, 5, 2], seed=2)
    one, two = common(first, second)
    assert one.ids.tolist() == two.ids.tolist() == [3, 5, 11]
    assert one.skips.tolist() == [Skip.NOT_COMMON, Skip.LOW_PREDICTION, Skip.USED]
    assert two.skips.tolist() == [Skip.NO_PREDICTION_GAP, Skip.NOT_COMMON, Skip.USED]
    assert one.skipped == {Skip.NOT_COMMON: 1, Skip.LOW_PREDICTION: 1}
    for restricted, images, row in ((one, first, 3), (two, second, 0)):
        assert restricted.values.isnan().tolist() == [True, True, False]
        assert restricted.curves.isnan().all(dim=1).tolist() == [True, True, False]
        assert restricted.values[2] == images.values[row] and restricted.curves[2].equal(images.curves[row])
        assert restricted.skips.dtype == torch.int8
    assert first.used.sum() == 3, "the originals stay as they were"


def test_models_without_a_common_image_have_none():
    one, two = common(per_image([Skip.USED], ids=[0]), per_image([Skip.USED], ids=[1]))
    assert len(one.ids) == len(two.ids) == 0


def test_images_that_cannot_be_told_apart_are_refused():
    with pytest.raises(ValueError, match="stands twice"):
        common(per_image([Skip.USED] * 2, ids=[1, 1]), per_image([Skip.USED] * 2))


def test_every_reason_has_words():
    images = per_image(list(Skip))
    assert len(set(images.reasons)) == len(Skip) and images.reasons[Skip.USED] == ""
