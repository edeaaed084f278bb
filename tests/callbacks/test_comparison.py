"""Two models' answers on the same images: what each has right, in counts, shares and samples."""

import pytest
import torch

from aga_lightning.callbacks.comparison import Comparison
from aga_lightning.callbacks.evaluation_sample import EvaluationSample

IDS = [3, 5, 8, 13, 21, 34, 55, 89]


def compared(this, baseline):
    sample = EvaluationSample("ood/dusk", object(), IDS[: len(this)], object())
    return Comparison(sample, torch.tensor(this) == 1, torch.tensor(baseline) == 1)


def test_each_image_is_of_one_of_four_kinds():
    comparison = compared([1, 1, 1, 0, 0], [1, 0, 0, 1, 0])
    assert comparison.both.tolist() == [True, False, False, False, False]
    assert comparison.only_this.tolist() == [False, True, True, False, False]
    assert comparison.only_baseline.tolist() == [False, False, False, True, False]
    assert comparison.words_alone() == "2 of 5: only this model is right; 1: only the baseline"
    assert comparison.words_both() == "1 of 5: both models are right"
    assert comparison.shares() == pytest.approx(
        {
            "ood/dusk/only_this_model_is_right": 0.4,
            "ood/dusk/only_the_baseline_is_right": 0.2,
            "ood/dusk/both_models_are_right": 0.2,
        }
    )


@pytest.mark.parametrize(
    ("count", "expected"),
    [(1, [5]), (2, [5, 89]), (3, [5, 21, 89]), (5, [5, 13, 21, 55, 89]), (64, [5, 13, 21, 55, 89])],
)
def test_samples_are_spread_over_all_of_a_kind(count, expected):
    comparison = compared([0, 1, 0, 1, 1, 0, 1, 1], [0] * 8)
    shown = comparison.spread(comparison.only_this, count)
    assert list(shown.ids) == expected
    assert (shown.name, shown.dataset, shown.datamodule) == (
        comparison.sample.name,
        comparison.sample.dataset,
        comparison.sample.datamodule,
    )


def test_of_a_kind_without_images_the_sample_is_empty():
    comparison = compared([1, 0], [0, 1])
    assert len(comparison.spread(comparison.both, 4)) == 0
