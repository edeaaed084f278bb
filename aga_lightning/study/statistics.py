"""Intervals and tests for several arms whose seeds all classify the same images.

Seeds and images are crossed: an image that is hard is hard in every seed. Seeds are therefore never pooled as if the
`seeds x images` predictions were independent; an interval over the pool would be too narrow, and McNemar's test would
count each image several times.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aga_lightning.intervals import Interval, share

FEWEST_IMAGES = 10
"""The fewest images of a bootstrap interval: resamples of fewer are nearly all alike."""

RESAMPLES = 2000

_DIGITS = 12


@dataclass(frozen=True)
class McNemar:
    """McNemar's exact test of two models on the same images.

    Args:
        gained: Number of images that only the first model classifies correctly.
        lost: Number of images that only the second model classifies correctly.
        p_value: The two-sided p-value, in 0..1.
    """

    gained: int
    lost: int
    p_value: float


def wilson(right: ArrayLike) -> Interval:
    """The accuracy of one seed, with Wilson's interval over images.

    Args:
        right: (N,) true or false; NaN for images without a prediction.
    """
    judged = np.asarray(right, dtype=float)
    judged = judged[~np.isnan(judged)]
    return share(int(judged.sum()), judged.size)


def accuracy(right: ArrayLike) -> Interval:
    """The accuracy, with Wilson's interval for one seed and a crossed bootstrap for several.

    Args:
        right: (seeds, images) true or false; NaN for images without a prediction.
    """
    seeds = np.atleast_2d(np.asarray(right, dtype=float))
    return wilson(seeds[0]) if len(seeds) == 1 else crossed_bootstrap(seeds)


def crossed_bootstrap(values: ArrayLike, resamples: int = RESAMPLES, seed: int = 0) -> Interval:
    """The mean, with the 95% percentile interval of a bootstrap over seeds and images (Owen 2007, the "pigeonhole").

    Each resample draws seeds and, once for all seeds, images. With one seed the interval is over images alone.
    Resampling S seeds gives (S - 1) / S of the variance between them: with two or three seeds that differ much, the
    interval is too narrow, and only more seeds help.

    Args:
        values: (seeds, images) of the order of 1; NaN entries are ignored.
        resamples: The number of resamples.
        seed: The seed of the random numbers.

    Returns:
        The mean with its interval; the ends are NaN if fewer than `FEWEST_IMAGES` images have a value.
    """
    table = np.atleast_2d(np.asarray(values, dtype=float))
    used = ~np.isnan(table)
    table, used = table[np.ix_(used.any(axis=1), used.any(axis=0))], used[np.ix_(used.any(axis=1), used.any(axis=0))]
    if not used.any():
        return Interval(np.nan, np.nan, np.nan)
    filled = np.where(used, table, 0.0)
    mean = round(float(filled.sum() / used.sum()), _DIGITS)
    seeds, images = table.shape
    if images < FEWEST_IMAGES:
        return Interval(mean, np.nan, np.nan)
    # Images with equal values in all seeds are drawn together, by a multinomial over the distinct columns:
    # accuracies of three seeds have at most eight, however many images there are.
    kinds, counts = np.unique(np.concatenate([filled, used]), axis=1, return_counts=True)
    random = np.random.default_rng(seed)
    drawn_images = random.multinomial(images, counts / images, size=resamples).astype(float)
    drawn_seeds = random.multinomial(seeds, np.full(seeds, 1 / seeds), size=resamples)
    sums = ((drawn_images @ kinds[:seeds].T) * drawn_seeds).sum(axis=1)
    numbers = ((drawn_images @ kinds[seeds:].T) * drawn_seeds).sum(axis=1)
    low, high = np.quantile(sums[numbers > 0] / numbers[numbers > 0], [0.025, 0.975])
    # Rounding keeps floating-point errors from deciding on which side of zero an end lies.
    return Interval(mean, *(round(float(end), _DIGITS) for end in (low, high)))


def paired_difference(arm: ArrayLike, reference: ArrayLike) -> Interval:
    """The mean of arm minus reference on the same seeds and images, with a crossed bootstrap of both together.

    Args:
        arm: (seeds, images); an image counts in a seed only if neither table has NaN there.
        reference: (seeds, images), for the same seeds and images in the same order.
    """
    first, second = np.asarray(arm, dtype=float), np.asarray(reference, dtype=float)
    if first.shape != second.shape:
        raise ValueError(f"pairs have one shape, but these have {first.shape} and {second.shape}")
    return crossed_bootstrap(first - second)


def slope(degrees: Sequence[float], values: ArrayLike) -> Interval:
    """The least-squares slope of the mean against degree, with a crossed bootstrap of all degrees together.

    Args:
        degrees: (D,), at least two of them different.
        values: (D, seeds, images), for the same seeds and images at every degree; an image counts in a seed only if it
            has a value at every degree.
    """
    centred = np.asarray(degrees, dtype=float) - np.mean(degrees)
    if not centred.any():
        raise ValueError("a slope needs two different degrees")
    # The slope is linear in the values, so that the slope of the means is the mean of the images' slopes.
    return crossed_bootstrap(np.tensordot(centred / (centred**2).sum(), np.asarray(values, dtype=float), axes=1))


def mcnemar(arm: ArrayLike, reference: ArrayLike) -> McNemar:
    """McNemar's exact test of one seed: a binomial test on the images that only one model classifies correctly.

    Args:
        arm: (N,) true or false; NaN for images without a prediction. Only images with both predictions count.
        reference: (N,), for the same images in the same order.
    """
    from scipy.stats import binomtest

    difference = np.asarray(arm, dtype=float) - np.asarray(reference, dtype=float)
    gained, lost = int((difference > 0).sum()), int((difference < 0).sum())
    p_value = float(binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0
    return McNemar(gained, lost, p_value)


def holm(p_values: Sequence[float]) -> NDArray[np.float64]:
    """Holm's correction: adjusted p-values that control the chance of any false rejection among several tests.

    Args:
        p_values: (T,) in 0..1.

    Returns:
        (T,) the adjusted p-values in the same order.
    """
    given = np.asarray(p_values, dtype=float)
    order = np.argsort(given)
    steps = np.arange(len(given), 0, -1) * given[order]
    adjusted = np.empty_like(given)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def in_words(difference: Interval) -> str:
    """A clause that states what the interval of a difference shows."""
    if not difference.is_known:
        return f"fewer than {FEWEST_IMAGES} images, too few for an interval"
    return {
        "above": "the interval of the difference lies above zero",
        "below": "the interval of the difference lies below zero",
        "open": "the interval of the difference contains zero, so that no difference is shown",
    }[difference.verdict]
