"""Mixed batches: what is blended or pasted is what the labels say, at the settings of the papers."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from aga_lightning.training.models.mixing import build_mixing

LABELS = torch.tensor([0, 1, 2, 3, 0, 1])
EACH_ITS_OWN = torch.arange(6)


def images(size: int = 16) -> torch.Tensor:
    """Each image has one value throughout, which tells where a pixel came from."""
    return torch.arange(1.0, 7.0).reshape(-1, 1, 1, 1).expand(-1, 3, size, size).contiguous()


def photos(seed: int) -> torch.Tensor:
    """Six images, no two pixels of them alike."""
    return torch.rand(6, 3, 12, 17, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_none_mixes_nothing():
    assert build_mixing("none", 4) is None
    assert build_mixing("none", 4, probability=0.5) is None


@pytest.mark.parametrize("mixing", ["mixup", "cutmix", "both"])
def test_soft_labels_sum_to_one_and_shapes_stay(mixing):
    torch.manual_seed(0)
    for _ in range(10):
        mixed, labels = build_mixing(mixing, 4)(images(), LABELS)
        assert mixed.shape == (6, 3, 16, 16)
        assert labels.shape == (6, 4)
        assert torch.allclose(labels.sum(1), torch.ones(6))
        assert (labels >= 0).all()


@given(st.integers(0, 10_000), st.floats(0.05, 4.0))
def test_mixup_blends_by_the_share_that_the_labels_tell(seed, alpha):
    torch.manual_seed(seed)
    before = photos(seed)
    mixed, labels = build_mixing("mixup", 6, mixup_alpha=alpha)(before.clone(), EACH_ITS_OWN)
    share = labels[0, 0].item()
    assert torch.allclose(labels, share * torch.eye(6) + (1 - share) * torch.eye(6).roll(1, 0))
    assert torch.allclose(mixed, share * before + (1 - share) * before.roll(1, 0), atol=1e-6)


@given(st.integers(0, 10_000), st.floats(0.05, 4.0))
def test_cutmix_pastes_one_rectangle_and_its_labels_count_the_pixels(seed, alpha):
    torch.manual_seed(seed)
    before = photos(seed)
    mixed, labels = build_mixing("cutmix", 6, cutmix_alpha=alpha)(before.clone(), EACH_ITS_OWN)
    pasted = (mixed != before).any(dim=(0, 1))
    assert torch.equal(mixed, torch.where(pasted, before.roll(1, 0), before))
    rows, columns = pasted.any(1).nonzero(), pasted.any(0).nonzero()
    if len(rows):
        assert pasted[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
    share = pasted.sum().item() / pasted.numel()
    expected = (1 - share) * torch.eye(6) + share * torch.eye(6).roll(1, 0)
    assert torch.allclose(labels, expected, rtol=0, atol=1e-7)


@pytest.mark.parametrize("mixing", ["mixup", "cutmix", "both"])
@pytest.mark.parametrize("probability", [1.0, 0.5])
def test_the_seed_decides_everything(mixing, probability):
    def draw(seed):
        torch.manual_seed(seed)
        return [build_mixing(mixing, 4, probability=probability)(images(), LABELS) for _ in range(8)]

    first, again, other = draw(1), draw(1), draw(2)
    assert all(torch.equal(a, b) for one, two in zip(first, again, strict=True) for a, b in zip(one, two, strict=True))
    assert any(not torch.equal(one[0], two[0]) for one, two in zip(first, other, strict=True))


def test_both_uses_both():
    torch.manual_seed(0)
    mix = build_mixing("both", 4)
    whole = [set(mix(images(), LABELS)[0].unique().tolist()) <= set(range(1, 7)) for _ in range(20)]
    assert 4 < sum(whole) < 16


@pytest.mark.parametrize("mixing", ["mixup", "cutmix", "both"])
@pytest.mark.parametrize(("probability", "mixed"), [(0.0, (0, 0)), (0.5, (75, 125)), (1.0, (200, 200))])
def test_a_share_of_batches_is_mixed_and_the_others_are_left_alone(mixing, probability, mixed):
    torch.manual_seed(0)
    mix, before = build_mixing(mixing, 4, probability=probability), images(4)
    batches = [mix(before, LABELS) for _ in range(200)]
    assert mixed[0] <= sum(labels.ndim == 2 for _, labels in batches) <= mixed[1]
    assert all(pixels is before and labels is LABELS for pixels, labels in batches if labels.ndim == 1)


def expected_share(mixing, alpha, size=32, draws=20_000):
    """The mean share of the image that has more of it, by the formulas of the papers."""
    rng = np.random.default_rng(0)
    share = rng.beta(alpha, alpha, draws)
    if mixing == "cutmix":
        half = (0.5 * np.sqrt(1 - share) * size).astype(int)
        sides = [np.minimum(at + half, size) - np.maximum(at - half, 0) for at in rng.integers(size, size=(2, draws))]
        share = 1 - sides[0] * sides[1] / size**2
    return np.maximum(share, 1 - share).mean()


@pytest.mark.parametrize(
    ("mixing", "settings", "alpha"),
    [
        ("mixup", {}, 0.2),
        ("cutmix", {}, 1.0),
        ("mixup", {"mixup_alpha": 2.0, "cutmix_alpha": 0.1}, 2.0),
        ("cutmix", {"mixup_alpha": 2.0, "cutmix_alpha": 0.1}, 0.1),
    ],
)
def test_shares_are_drawn_from_the_papers_distributions(mixing, settings, alpha):
    torch.manual_seed(0)
    mix = build_mixing(mixing, 6, **settings)
    larger = [mix(images(32), EACH_ITS_OWN)[1].max().item() for _ in range(500)]
    assert np.mean(larger) == pytest.approx(expected_share(mixing, alpha), abs=0.02)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mixup_alpha": 0.0}, "mixup_alpha and cutmix_alpha are above 0, not 0.0 and 1.0"),
        ({"cutmix_alpha": -1.0}, "are above 0, not 0.2 and -1.0"),
        ({"probability": 1.5}, "mixing_probability is a probability, not 1.5"),
        ({"probability": -0.1}, "mixing_probability is a probability, not -0.1"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        build_mixing("none", 4, **settings)
