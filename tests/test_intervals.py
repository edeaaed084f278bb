import math

import pytest

from aga_lightning.intervals import Interval, share


def test_wilson_by_hand():
    n, p, z = 10, 0.8, 1.959964
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    found = share(8, 10)
    assert (found.value, found.low, found.high) == pytest.approx((p, centre - half, centre + half), abs=1e-6)


def test_a_share_of_all_or_of_nothing():
    assert share(3, 3).high == 1 and 0.4 < share(3, 3).low < 0.5
    assert math.isnan(share(0, 0).value) and not share(0, 0).is_known


def test_intervals_tell_on_which_side_of_zero_they_lie():
    lower, upper, open_ = Interval(-2, -3, -1), Interval(2, 1, 3), Interval(0, -1, 1)
    assert [one.verdict for one in (lower, upper, open_)] == ["below", "above", "open"]
