"""A number with its interval, and the interval of a share."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

Verdict = Literal["above", "below", "open"]
"""Whether an interval lies above zero, below zero, or holds it."""


@dataclass(frozen=True)
class Interval:
    """A number with its 95% interval.

    Args:
        value: NaN where there is nothing to tell.
        low: NaN where there are too few images for an interval.
        high: As `low`.
    """

    value: float
    low: float
    high: float

    @property
    def verdict(self) -> Verdict:
        """Of a difference or slope: "open" where the interval holds zero, or is missing."""
        return "above" if self.low > 0 else "below" if self.high < 0 else "open"

    @property
    def is_known(self) -> bool:
        """Whether it has both ends."""
        return not np.isnan([self.low, self.high]).any()

    def overlaps(self, other: "Interval") -> bool:
        """Whether the two have a point in common."""
        return self.low <= other.high and other.low <= self.high


def share(right: int, total: int) -> Interval:
    """A share with Wilson's 95% interval, which keeps within 0..1 and holds for few images too.

    Args:
        right: How many are.
        total: Of how many; of none the share is not known.
    """
    from scipy.stats import binomtest

    if not total:
        return Interval(np.nan, np.nan, np.nan)
    found = binomtest(right, total).proportion_ci(method="wilson")
    return Interval(right / total, float(found.low), float(found.high))
