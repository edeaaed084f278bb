"""Classes of ImageNet, identified by their WordNet ids: the ten of the paper, or the classes in a file."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from aga_lightning.datasets.superclasses import read_words
from aga_lightning.images.records import DatasetError

WORDNET_ID = re.compile("n[0-9]{8}")
_INDEX = re.compile("[0-9]{1,3}")
_KEYS = {"name", "superclass", "index"}
_FORM = "write a line such as `n01592084: {name: chickadee, superclass: bird, index: 19}`"


@dataclass(frozen=True, slots=True)
class ImageNetClass:
    """A class of ImageNet.

    Args:
        wordnet_id: The class's id in WordNet 3.0 ("n01592084"), which is the name of its folder and the only safe key:
            ImageNet has two classes called crane, and two kinds of garden spider.
        name: The name in results.
        superclass: The word for which a detector is asked; empty for a class without a subject.
        index: The index among ImageNet's 1000 classes (0..999, sorted by id), the name of its folder in ImageNet-V2.
    """

    wordnet_id: str
    name: str
    superclass: str
    index: int | None = None


IMAGENET10 = (
    ImageNetClass("n01592084", "chickadee", "bird", 19),
    ImageNetClass("n01601694", "water ouzel", "bird", 20),
    ImageNetClass("n01664065", "loggerhead", "turtle", 33),
    ImageNetClass("n01669191", "box turtle", "turtle", 37),
    ImageNetClass("n01735189", "garter snake", "snake", 57),
    ImageNetClass("n01751748", "sea snake", "snake", 65),
    ImageNetClass("n01773157", "black and gold garden spider", "spider", 72),
    ImageNetClass("n01776313", "tick", "tick", 78),
    ImageNetClass("n01796340", "ptarmigan", "bird", 81),
    ImageNetClass("n01798484", "prairie chicken", "chicken", 83),
)
"""The paper's ten, with the superclasses of its authors' code."""


def read_classes(path: Path) -> tuple[ImageNetClass, ...]:
    """Read a YAML file with one line for each class: `n01592084: {name: chickadee, superclass: bird, index: 19}`.

    Args:
        path: The file. A superclass may be left out, and is then the name. An index may be left out if neither
            ImageNet-V2 nor a network for the 1000 classes is used.

    Returns:
        The classes, sorted by id: label order.

    Raises:
        DatasetError: If the file cannot be read, a line has another form, or two classes have one name or index.
    """
    content = read_words(path)
    if not isinstance(content, dict) or not content:
        raise DatasetError(f"{path} lists no classes: for each of them {_FORM}")
    classes = tuple(_class(path, wordnet_id, content[wordnet_id]) for wordnet_id in sorted(content, key=str))
    for what in ("name", "index"):
        counts = Counter(getattr(listed, what) for listed in classes)
        twice = [value for value, count in counts.items() if count > 1 and value is not None]
        if twice:
            raise DatasetError(f"{path}: two classes have the {what} {twice[0]!r}: give each its own")
    return classes


def _class(path: Path, wordnet_id: object, words: object) -> ImageNetClass:
    """A line of the file."""
    if not isinstance(wordnet_id, str) or not WORDNET_ID.fullmatch(wordnet_id):
        raise DatasetError(f"{path}: {wordnet_id!r} is no WordNet id: {_FORM}")
    if not isinstance(words, dict) or not all(isinstance(word, str) for word in words.values()):
        raise DatasetError(f"{path}, {wordnet_id}: {words!r} is of another form: {_FORM}")
    if unknown := sorted(set(words) - _KEYS):
        raise DatasetError(f"{path}, {wordnet_id}: {unknown[0]!r} is none of name, superclass and index: {_FORM}")
    name, index = words.get("name", ""), words.get("index")
    if not name:
        raise DatasetError(f"{path}, {wordnet_id}: the class has no name: {_FORM}")
    if index is not None and not _INDEX.fullmatch(index):
        raise DatasetError(f"{path}, {wordnet_id}: the index {index!r} is not a number from 0 to 999: {_FORM}")
    superclass = words["superclass"] if "superclass" in words else name
    return ImageNetClass(wordnet_id, name, superclass, None if index is None else int(index))
