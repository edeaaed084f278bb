import math
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import linregress

from aga_lightning.intervals import Interval, share
from aga_lightning.study.statistics import (
    FEWEST_IMAGES,
    accuracy,
    crossed_bootstrap,
    holm,
    in_words,
    mcnemar,
    paired_difference,
    slope,
    wilson,
)

nan = float("nan")


def judged(seeds=3, images=320, share=0.8, seed=0):
    """Hard and easy images, better and worse seeds."""
    random = np.random.default_rng(seed)
    ease, skill = random.normal(size=images), random.normal(scale=0.3, size=(seeds, 1))
    noise = random.normal(scale=0.5, size=(seeds, images))
    return (ease + skill + noise) < np.quantile(ease, share)


def one_by_one(values, resamples=4000):
    """The same bootstrap, drawn by indices and averaged table by table."""
    random = np.random.default_rng(7)
    seeds, images = values.shape
    means = []
    for _ in range(resamples):
        rows, columns = random.integers(0, seeds, seeds), random.integers(0, images, images)
        means.append(np.nanmean(values[rows][:, columns]))
    return np.quantile(means, [0.025, 0.975])


def test_images_that_were_not_judged_do_not_count():
    assert wilson([True] * 8 + [False] * 2 + [nan]) == share(8, 10)
    assert math.isnan(wilson([]).value)


def with_gaps():
    random = np.random.default_rng(1)
    values = random.normal(loc=np.linspace(0, 1, 60), size=(4, 60))
    values[random.random(values.shape) < 0.3] = nan
    values[2, :50] = nan
    return values


@pytest.mark.parametrize(("values", "near"), [(judged().astype(float), 0.006), (with_gaps(), 0.03)])
def test_a_bootstrap_agrees_with_one_that_is_drawn_table_by_table(values, near):
    found = crossed_bootstrap(values)
    assert found.value == pytest.approx(np.nanmean(values))
    assert [found.low, found.high] == pytest.approx(one_by_one(values), abs=near)


def test_seeds_and_images_each_add_their_spread():
    seeds, images = np.random.default_rng(2).normal(size=(40, 1)), np.random.default_rng(3).normal(size=(1, 200))
    found = crossed_bootstrap(seeds + images, resamples=8000)
    # Where seeds and images only add, the variance of a resampled mean is known.
    spread = math.sqrt(seeds.var() / 40 + images.var() / 200)
    assert found.high - found.low == pytest.approx(2 * 1.96 * spread, rel=0.05)


def test_seeds_are_not_independent_images():
    one = judged(seeds=1, images=400).astype(float)
    alone, thrice = crossed_bootstrap(one), crossed_bootstrap(np.repeat(one, 3, axis=0))
    pooled = crossed_bootstrap(np.repeat(one, 3, axis=0).reshape(1, -1))
    width = alone.high - alone.low
    assert thrice.high - thrice.low == pytest.approx(width, rel=0.1), "two copies of a seed tell nothing new"
    assert pooled.high - pooled.low < 0.7 * width, "which is what pooling gets wrong"


def test_one_seed_has_wilsons_interval_and_several_a_bootstrap():
    right = judged()
    assert accuracy(right[:1]) == accuracy(right[0]) == wilson(right[0])
    assert accuracy(right) == crossed_bootstrap(right)


def test_a_drawing_is_repeated_by_its_seed():
    right = judged()
    assert crossed_bootstrap(right) == crossed_bootstrap(right) != crossed_bootstrap(right, seed=1)


def test_few_images_have_a_mean_but_no_interval():
    few = crossed_bootstrap(np.ones((3, FEWEST_IMAGES - 1)))
    assert few.value == 1 and math.isnan(few.low) and few.verdict == "open" and not few.is_known
    assert "too few" in in_words(few)
    gaps = np.full((2, 400), nan)
    assert math.isnan(crossed_bootstrap(gaps).value)
    gaps[0, :3] = 1
    assert crossed_bootstrap(gaps).value == 1 and not crossed_bootstrap(gaps).is_known
    assert crossed_bootstrap(np.ones((3, FEWEST_IMAGES))) == Interval(1, 1, 1)


@given(st.integers(1, 4), st.integers(10, 30), st.integers(0, 1000))
def test_the_order_of_seeds_and_images_does_not_matter_and_signs_turn(seeds, images, seed):
    random = np.random.default_rng(seed)
    right = random.random((seeds, images)) < 0.6
    found = crossed_bootstrap(right, resamples=200)
    assert 0 <= found.low <= found.high <= 1
    assert crossed_bootstrap(right[:, random.permutation(images)], resamples=200) == found
    reference = random.random((seeds, images)) < 0.6
    there, back = paired_difference(right, reference), paired_difference(reference, right)
    assert there.value == pytest.approx(-back.value)
    assert there.value == pytest.approx(right.mean() - reference.mean())


def test_pairs_are_sharper_than_the_two_intervals():
    reference = judged()
    arm = reference.copy()
    arm[:, :16] = True
    arm[:, 16:20] = False
    difference = paired_difference(arm, reference)
    one, other = accuracy(arm), accuracy(reference)
    assert difference.value == pytest.approx(arm.mean() - reference.mean())
    assert difference.high - difference.low < 0.5 * (one.high - one.low)
    assert one.low <= other.high and other.low <= one.high, "by themselves they show no difference"
    with pytest.raises(ValueError, match="one shape"):
        paired_difference(arm, reference[:, 1:])


def test_pairs_use_what_both_have():
    arm, reference = np.full((2, 20), 2.0), np.full((2, 20), 1.0)
    arm[0, :5], reference[1, 3:8] = nan, nan
    arm[0, 5:] = 3
    # seed 0: 15 differences of 2; seed 1: 15 of 1
    assert paired_difference(arm, reference).value == pytest.approx(1.5)


def test_a_slope_is_that_of_least_squares():
    degrees = [0, 1, 2, 4, 10]
    values = np.stack([judged(share=0.6 + 0.02 * degree, seed=0) for degree in degrees]).astype(float)
    found = slope(degrees, values)
    assert found.value == pytest.approx(linregress(degrees, values.mean(axis=(1, 2))).slope)
    assert found.low < found.value < found.high and found.verdict == "above"
    assert slope(degrees, values[::-1]).value == pytest.approx(
        linregress(degrees, values[::-1].mean(axis=(1, 2))).slope
    )  # fmt: skip
    assert slope(degrees, np.repeat(values[:1], 5, axis=0)) == Interval(0, 0, 0), "rounding errors show no slope"
    with pytest.raises(ValueError, match="two different degrees"):
        slope([2, 2], values[:2])


def test_mcnemar_by_hand():
    # 8 gained, 2 lost: p = 2 (C(10,0) + C(10,1) + C(10,2)) / 2^10
    arm = np.array([1] * 8 + [0] * 2 + [1] * 20 + [1, nan])
    reference = np.array([0] * 8 + [1] * 2 + [1] * 20 + [nan, 0])
    found = mcnemar(arm, reference)
    assert (found.gained, found.lost) == (8, 2)
    assert found.p_value == pytest.approx(2 * 56 / 1024)
    assert mcnemar(reference, arm).p_value == found.p_value
    assert mcnemar([True, False], [True, False]).p_value == 1


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == pytest.approx([1, 1])
    assert holm([0.03]) == pytest.approx([0.03]) and holm([]).size == 0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_keeps_the_order_and_lies_between_the_given_and_bonferronis(p_values):
    given_p, adjusted = np.array(p_values), holm(p_values)
    assert (adjusted >= given_p).all() and (adjusted <= np.minimum(1, len(p_values) * given_p) + 1e-12).all()
    assert (np.diff(adjusted[np.argsort(given_p, kind="stable")]) >= 0).all()


@pytest.mark.parametrize(
    ("low", "high", "verdict", "words"),
    [(0.01, 0.2, "above", "above zero"), (-0.2, -0.01, "below", "below zero"), (-0.1, 0.1, "open", "no difference"),
     (0.0, 0.1, "open", "no difference")],
)  # fmt: skip
def test_verdicts(low, high, verdict, words):
    found = Interval(0.05, low, high)
    assert found.verdict == verdict and words in in_words(found)


def test_a_bootstrap_takes_a_blink():
    arm, reference = judged(seed=0), judged(seed=1)
    paired_difference(arm, reference)
    start = time.process_time()
    for _ in range(5):
        paired_difference(arm, reference)
    assert (time.process_time() - start) / 5 < 0.1
