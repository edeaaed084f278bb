"""Names of files and places in a page, made of words: safe, and no two the same."""

import re
from collections.abc import Iterable


def distinct(names: Iterable[str]) -> list[str]:
    """Names that a file or an anchor may have; one that is taken gets a number.

    Args:
        names: Of any words; letters, digits, dots and hyphens stay.

    Returns:
        As many names, which also differ on disks that do not tell capitals.
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
