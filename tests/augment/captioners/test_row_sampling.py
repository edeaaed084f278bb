import pytest
import torch

from aga_lightning.augment.captioners.row_sampling import RowSampler, warped


def logits(rows=4, vocabulary=50, seed=0):
    return torch.randn(rows, vocabulary, generator=torch.Generator().manual_seed(seed)) * 3


def draws(seeds, scores, steps=5, **settings):
    sampler = RowSampler(seeds, **{"temperature": 1.0, **settings})
    return torch.stack([sampler(None, scores).argmax(-1) for _ in range(steps)], dim=1)


@pytest.mark.parametrize(
    ("temperature", "top_k", "top_p"), [(0.7, 0, 1.0), (1.3, 7, 1.0), (0.9, 0, 0.8), (0.7, 20, 0.5)]
)
def test_the_tail_is_cut_as_transformers_cuts_it(temperature, top_k, top_p):
    from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

    expected = TemperatureLogitsWarper(temperature)(None, logits())
    if top_k:
        expected = TopKLogitsWarper(top_k)(None, expected)
    if top_p < 1:
        expected = TopPLogitsWarper(top_p)(None, expected)
    assert torch.equal(warped(logits(), temperature, top_k, top_p), expected)


def test_a_row_does_not_depend_on_its_companions_or_its_place():
    scores, seeds = logits(), [5, 6, 7, 8]
    together = draws(seeds, scores, top_k=20, top_p=0.95)
    for row in range(4):
        alone = draws(seeds[row : row + 1], scores[row : row + 1], top_k=20, top_p=0.95)
        assert torch.equal(alone[0], together[row])
    assert torch.equal(draws(seeds[::-1], scores.flip(0), top_k=20, top_p=0.95).flip(0), together)


def test_equal_rows_with_different_seeds_differ():
    scores = torch.zeros(3, 50)
    assert len({tuple(row.tolist()) for row in draws([1, 2, 3], scores)}) == 3


def test_draws_follow_the_distribution():
    probabilities = torch.tensor([0.5, 0.3, 0.15, 0.05])
    drawn = draws([0], probabilities.log()[None], steps=4000)[0]
    assert torch.allclose(drawn.bincount(minlength=4) / 4000, probabilities, atol=0.03)


def test_scores_that_are_not_numbers_still_give_a_token():
    broken = torch.full((2, 50), torch.nan)
    assert ((draws([1, 2], broken, top_k=5, top_p=0.9) >= 0) & (draws([1, 2], broken) < 50)).all()
