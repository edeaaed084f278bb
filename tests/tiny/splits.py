"""Which files Hugging Face `datasets` takes for those of a split by their names: the rules of release 5.2."""

import os
from pathlib import Path

from fsspec.implementations.local import LocalFileSystem

WORDS = "train training validation valid dev val test testing eval evaluation".split()
_SEPARATORS = "-._ 0-9"
_FILES = ["**/{word}[{sep}]*", "**/*[{sep}]{word}[{sep}]*"]
_FOLDERS = ["**/{word}/**", "**/{word}[{sep}]*/**", "**/*[{sep}]{word}/**", "**/*[{sep}]{word}[{sep}]*/**"]
_OTHERS = ["data/*-[0-9][0-9][0-9][0-9][0-9]-of-[0-9][0-9][0-9][0-9][0-9]*.*", "**/*.eval"]

_FORMS = ["{}", "{}_1", "a-{}", "a.{}.b", "3{}7", "{0} {0}-{0}", "a\t{}", "é {}", "great {} owl", "{}.jpg"]
ODD = [form.format(word) for form in _FORMS for word in WORDS]
"""Names of classes and photos that are taken for splits as they are."""


def taken_for_splits(root, words=WORDS):
    """The files below a folder that it takes for those of a split, relative to it, by any of these words."""
    patterns = [pattern.format(word=word, sep=_SEPARATORS) for pattern in _FILES + _FOLDERS for word in words]
    found = (path for pattern in _OTHERS + patterns for path in LocalFileSystem().glob(f"{root}/{pattern}"))
    return {Path(path).relative_to(root).as_posix() for path in found if os.path.isfile(path)}


def write_empty(root, places):
    """Empty files at these places below a folder."""
    for place in places:
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (root / place).touch()
