"""Names of classes and photos as names of folders and files: safe on any system and for any reader, and never too long.

`datasets.load_dataset("imagefolder", data_dir=...)` takes the words of splits in such names for splits, and then drops
all other images: "test_1.jpg" or a folder "val". Its rules stand in `datasets/data_files.py`. Here a letter of such a
word is written as its code, as quoting does with letters that are not safe: "tes%74_1.jpg".
"""

import hashlib
import re
from urllib.parse import quote

LONGEST = 255
"""Bytes of a name that file systems take."""

_KEPT = 180  # bytes of a longer name that stay, before its digest
_STEM = 100  # bytes of a photo's name that stay; the digest behind it tells photos apart
# The words between any two of "-._ 0-9" or the ends of a name, in lower case.
_SPLIT = re.compile(
    r"(?<![^-._ 0-9])(train|training|validation|valid|val|dev|test|testing|eval|evaluation)(?![^-._ 0-9])"
)
_SUSPECT = re.compile(r"train|val|dev|test|data/")  # all paths but a few are done with at this
_SHARD = re.compile(r"(?<=-\d{5}-)of(?=-\d{5})")  # as in data/train-00000-of-00001.jpg
_TAKEN = frozenset(
    "augmentations.png config.yaml dataset_card.md metadata.jsonl readme.md rejected.jsonl rejected.png".split()
)
"""Files that lie beside the class folders, in lower case."""


def folder_name(class_name: str) -> str:
    """A class as the name of a folder; other classes have other names."""
    name = _quoted(class_name, " ,()'&")
    if set(name) <= {"."} or name.lower() in _TAKEN:
        name = name.replace(".", "%2E")
    name = _unsplit(name)
    if len(name) <= LONGEST:
        return name
    return f"{_unsplit(name[:_KEPT])}-{hashlib.sha256(name.encode()).hexdigest()[:16]}"


def file_name(stem: str, rest: str) -> str:
    """A photo as the name of a file.

    Args:
        stem: The photo's own name, without its ending.
        rest: What tells this file from others of the same photo and name, and its ending.
    """
    return _unsplit(f"{_quoted(stem, ' ')[:_STEM]}{rest}")


def safe_path(path: str) -> str:
    """The path of a file in a class folder, as earlier releases named it, with names as they are given today."""
    if not _SUSPECT.search(path):
        return path
    folder, _, file = path.rpartition("/")
    return f"{_unsplit(folder)}/{_unsplit(file)}" if folder else _unsplit(file)


def _quoted(name: str, safe: str) -> str:
    return quote(name.encode("utf-8", "surrogateescape"), safe=safe)  # a name is bytes, and not always UTF-8


def _unsplit(name: str) -> str:
    """The name without a word that readers take for a split: its last letter is written as its code."""
    name = _SPLIT.sub(lambda word: f"{word[0][:-1]}%{ord(word[0][-1]):02X}", name)
    return _SHARD.sub("o%66", name)
