"""Hold some images out for validation."""

import hashlib
from collections.abc import Sequence


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
