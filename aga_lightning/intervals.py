"""A number with its interval, and the interval of a share."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

Verdict = Literal["above", "below", "open"]
"""Whether an interval lies above zero, lies below zero or contains zero."""


@dataclass(frozen=True)
class Interval:
    """A number with its 95% interval.

    Args:
        value: The number; NaN if it is unknown.
        low: The lower end; NaN if there are too few images for an interval.
        high: The upper end; NaN as for `low`.
    """

    value: float
    low: float
    high: float

    @property
    def verdict(self) -> Verdict:
        """Of a difference or slope: "open" if the interval contains zero or is unknown."""
        return "above" if self.low > 0 else "below" if self.high < 0 else "open"

    @property
    def is_known(self) -> bool:
        """Whether the interval has both ends."""
        return not np.isnan([self.low, self.high]).any()


def share(right: int, total: int) -> Interval:
    """A share with Wilson's 95% interval, which stays within 0..1 and is valid for few images too.

    Args:
        right: The number of images that count.
        total: The number of all images; 0 gives an unknown share.
    """
    from scipy.stats import binomtest

    if not total:
        return Interval(np.nan, np.nan, np.nan)
    found = binomtest(right, total).proportion_ci(method="wilson")
    return Interval(right / total, float(found.low), float(found.high))
