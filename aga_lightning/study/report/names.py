"""Safe and distinct names of files and anchors."""

import re
from collections.abc import Iterable


def distinct(names: Iterable[str]) -> list[str]:
    """Turn texts into names for files or anchors; a repeated name gets a number.

    Args:
        names: Any texts; letters, digits, dots and hyphens are kept.

    Returns:
        As many names, which differ on case-insensitive file systems too.
    """
    taken: set[str] = set()
    found = []
    for name in names:
        plain = re.sub(r"[^\w.-]+", "-", name).strip("-.") or "unnamed"
        free, number = plain, 1
        while free.lower() in taken:
            number += 1
            free = f"{plain}-{number}"
        taken.add(free.lower())
        found.append(free)
    return found
