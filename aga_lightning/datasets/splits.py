"""Hold some images out for validation and for the test."""

import hashlib
from collections.abc import Sequence

from aga_lightning.datasets.base import Split
from aga_lightning.images.records import DatasetError


def hold_out(names: Sequence[str], count: int, seed: int) -> list[bool]:
    """Choose the held-out images of a class by hashes of their names, so that new images change few choices.

    Args:
        names: The names of the images, each once.
        count: Number of held-out images.
        seed: Seed of the choice.

    Returns:
        For each name whether the image is held out.
    """
    lots = sorted(names, key=lambda name: hashlib.sha256(f"{seed}/{name}".encode("utf-8", "surrogateescape")).digest())
    chosen = set(lots[:count])
    return [name in chosen for name in names]


def check_fractions(val_fraction: float, test_fraction: float) -> None:
    """Refuse shares of validation and test images that leave no validation or no training images.

    Raises:
        DatasetError: If `val_fraction` is not above 0, `test_fraction` is below 0, or their sum is 1 or more.
    """
    if not (0 < val_fraction and 0 <= test_fraction and val_fraction + test_fraction < 1):
        raise DatasetError(
            "val_fraction must be above 0, test_fraction 0 or more, and their sum below 1, not "
            f"{val_fraction} and {test_fraction}"
        )


def three_ways(names: Sequence[str], val_fraction: float, test_fraction: float, seed: int) -> list[Split]:
    """Split the images of a class into training, validation and test images, by hashes of their names.

    At least one image trains; if there are enough, at least one validates, and then at least one tests.

    Args:
        names: The names of the images, each once.
        val_fraction: Share of the validation images.
        test_fraction: Share of the test images; 0 for none.
        seed: Seed of the choice.

    Returns:
        The split of each name.
    """
    spare = len(names) - 1
    val = min(max(round(val_fraction * len(names)), 1), spare)
    test = min(max(round(test_fraction * len(names)), 1), spare - val) if test_fraction else 0
    held_out = hold_out(names, val + test, seed)
    rest = [name for name, held in zip(names, held_out, strict=True) if held]
    validates = dict(zip(rest, hold_out(rest, val, seed), strict=True))
    return ["train" if name not in validates else "val" if validates[name] else "test" for name in names]
