"""The report's format of numbers, lists of words and names of files."""

import math
import re
from collections.abc import Sequence

from aga_lightning.intervals import Interval
from aga_lightning.study.report.blocks import Cell
from aga_lightning.study.statistics import FEWEST_IMAGES

NO_INTERVAL = f"fewer than {FEWEST_IMAGES} images: no interval"
NOT_RUN = Cell("-", "not run")


def number(value: float, digits: int = 1, sign: bool = False) -> str:
    """A number with a fixed count of digits, never "-0.0"; "-" for NaN."""
    if math.isnan(value):
        return "-"
    rounded = round(value, digits) + 0.0  # -0.0 + 0.0 is 0.0
    return f"{rounded:+.{digits}f}" if sign else f"{rounded:.{digits}f}"


def ends(interval: Interval, scale: float = 100, digits: int = 1) -> str:
    """The ends of an interval, such as "92.1 to 96.3".

    Args:
        interval: The interval; in 0..1 for accuracies.
        scale: The factor: 100 for per cent and points.
        digits: Digits after the decimal point.
    """
    if not interval.is_known:
        return NO_INTERVAL
    return f"{number(scale * interval.low, digits)} to {number(scale * interval.high, digits)}"


def difference(interval: Interval, scale: float = 100, digits: int = 1) -> str:
    """A difference with its interval, such as "+3.1 [0.4, 5.8]"."""
    value = number(scale * interval.value, digits, sign=True)
    if not interval.is_known:
        return f"{value} ({NO_INTERVAL})"
    return f"{value} [{number(scale * interval.low, digits)}, {number(scale * interval.high, digits)}]"


def listed(words: Sequence[str], conjunction: str = "and") -> str:
    """Words joined as in a sentence: "a", "a and b", "a, b and c"."""
    return f" {conjunction} ".join([*([", ".join(words[:-1])] if words[1:] else []), *words[-1:]])


def file_name(heading: str) -> str:
    """A heading as the name of a file: lower-case letters, digits and dashes."""
    return re.sub(r"[^\w]+", "-", heading.lower()).strip("-")
