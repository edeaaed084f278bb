"""Names that are unique, and safe in paths, in tar files and as WebDataset keys."""

import re
import unicodedata
from collections.abc import Iterable
from itertools import chain, count

_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")
_LONGEST = 40  # class, name, number and ending fit into the 100 characters of the oldest tar header
_DEVICES = frozenset(f"con prn aux nul {' '.join(f'com{n} lpt{n}' for n in range(1, 10))}".split())
# `datasets` takes a folder for a split if its name holds one of these words, between "-._ 0-9" or the name's ends.
_SPLITS = re.compile(r"(?<![a-z])(train|training|val|valid|validation|dev|test|testing|eval|evaluation)(?![a-z])", re.I)


def class_folders(classes: Iterable[str]) -> list[str]:
    """A folder name for each class: safe, unique, and without the words that name splits (test becomes testx)."""
    return unique(_SPLITS.sub(r"\1x", safe_name(name)) for name in classes)


def safe_name(name: str) -> str:
    """A name of ASCII letters, digits, "_" and "-", at most 40 characters; accents are dropped, the rest is "_".

    It does not start with ".", "_" or "-", which hides a file from some readers, and is no device name of Windows.
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    safe = _UNSAFE.sub("_", plain).strip("_-")[:_LONGEST] or "unnamed"
    return f"{safe}_" if safe.lower() in _DEVICES else safe


def unique(names: Iterable[str]) -> list[str]:
    """The names in their order; a repeated name, in any case, gets -2, -3 and so on."""
    taken: set[str] = set()
    found = []
    for name in names:
        choices = chain([name], (f"{name}-{number}" for number in count(2)))
        choice = next(one for one in choices if one.lower() not in taken)
        taken.add(choice.lower())
        found.append(choice)
    return found
