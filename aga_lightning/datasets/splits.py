"""Hold some images out for validation."""

import hashlib
from collections.abc import Sequence


def hold_out(names: Sequence[str], count: int, seed: int) -> list[bool]:
    """Which images of a class are held out; lots depend on an image's own name, so few change as some are added.

    Args:
        names: What the images are called, each once.
        count: How many are held out.
        seed: Which.

    Returns:
        For each name whether it is held out.
    """
    lots = sorted(names, key=lambda name: hashlib.sha256(f"{seed}/{name}".encode("utf-8", "surrogateescape")).digest())
    chosen = set(lots[:count])
    return [name in chosen for name in names]
