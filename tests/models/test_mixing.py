import numpy as np
import pytest
import torch

from aga_lightning.models.mixing import build_mixing

LABELS = torch.tensor([0, 1, 2, 3, 0, 1])


def images(size: int = 16) -> torch.Tensor:
    """Each image has one value throughout, which tells where a pixel came from."""
    return torch.arange(1.0, 7.0).reshape(-1, 1, 1, 1).expand(-1, 3, size, size).contiguous()


def test_none_mixes_nothing():
    assert build_mixing("none", 4) is None


@pytest.mark.parametrize("mixing", ["mixup", "cutmix", "both"])
def test_soft_labels_sum_to_one_and_shapes_stay(mixing):
    torch.manual_seed(0)
    for _ in range(10):
        mixed, labels = build_mixing(mixing, 4)(images(), LABELS)
        assert mixed.shape == (6, 3, 16, 16)
        assert labels.shape == (6, 4)
        assert torch.allclose(labels.sum(1), torch.ones(6))
        assert (labels >= 0).all()


@pytest.mark.parametrize("mixing", ["mixup", "cutmix", "both"])
def test_the_seed_decides_everything(mixing):
    def draw(seed):
        torch.manual_seed(seed)
        return [build_mixing(mixing, 4)(images(), LABELS) for _ in range(4)]

    first, again, other = draw(1), draw(1), draw(2)
    assert all(torch.equal(a, b) for one, two in zip(first, again, strict=True) for a, b in zip(one, two, strict=True))
    assert any(not torch.equal(one[0], two[0]) for one, two in zip(first, other, strict=True))


def test_labels_say_how_much_of_each_image_is_there():
    torch.manual_seed(0)
    values = torch.arange(1.0, 7.0)
    one_class_each = torch.arange(6)
    for mixing in ("mixup", "cutmix"):
        mixed, labels = build_mixing(mixing, 6)(images(), one_class_each)
        assert torch.allclose(mixed.mean((1, 2, 3)), labels @ values, atol=1e-4), mixing


def test_mixup_blends_and_cutmix_pastes():
    torch.manual_seed(0)
    blended, _ = build_mixing("mixup", 4)(images(), LABELS)
    pasted, _ = build_mixing("cutmix", 4)(images(), LABELS)
    assert all(len(image.unique()) == 1 for image in blended)
    assert not set(blended.unique().tolist()) <= set(range(1, 7))
    assert set(pasted.unique().tolist()) <= set(range(1, 7))


def test_both_uses_both():
    torch.manual_seed(0)
    mix = build_mixing("both", 4)
    whole = [set(mix(images(), LABELS)[0].unique().tolist()) <= set(range(1, 7)) for _ in range(20)]
    assert 4 < sum(whole) < 16


@pytest.mark.parametrize(("mixing", "alpha"), [("mixup", 0.2), ("cutmix", 1.0)])
def test_shares_are_drawn_as_torchvisions_recipe_does(mixing, alpha):
    torch.manual_seed(0)
    mix, one_class_each = build_mixing(mixing, 6), torch.arange(6)
    larger = [mix(images(), one_class_each)[1].max().item() for _ in range(300)]
    share = np.random.default_rng(0).beta(alpha, alpha, 100_000)
    assert np.mean(larger) == pytest.approx(np.maximum(share, 1 - share).mean(), abs=0.03)
