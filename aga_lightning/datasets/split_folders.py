"""Distinguish the folders of splits from class folders by their names and contents."""

import re
from collections.abc import Collection, Iterable
from pathlib import Path

from aga_lightning.datasets.base import Split
from aga_lightning.files import shown
from aga_lightning.images.finding import find_folders, holds_images
from aga_lightning.images.records import DatasetError

SPELLINGS: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}
"""The accepted names of the splits, in lower case."""

_WORDS = frozenset(SPELLINGS) | set("eval evaluation holdout trainset valset testset devset trn tst".split())
"""Words in folder names that point to a split; some of them are ambiguous."""


def find_splits(root: Path) -> dict[Split, Path]:
    """The folders of the splits in a data set's root; empty if the root holds the class folders.

    Accepted names are train, training, val, valid, validation, dev, test and testing, in capitals or not. Folders of
    these names count as classes if they hold images and no folders, and other folders are beside them.

    Raises:
        DatasetError: If two folders are the same split, or folders look like splits but have other names.
    """
    folders = find_folders(root)
    named = [path for path in folders if path.name.lower() in SPELLINGS]
    if len(named) < len(folders) and all(holds_images(path) and not find_folders(path) for path in named):
        named = []
    found: dict[Split, Path] = {}
    for path in named:
        first = found.setdefault(SPELLINGS[path.name.lower()], path)
        if first is not path:
            raise DatasetError(
                f"{shown(root)} holds both {shown(first.name)} and {shown(path.name)}, two names of one split: put "
                "their images into one of them, or rename the other"
            )
    if list(found) == ["test"] and len(folders) > 1:
        raise DatasetError(
            f"{shown(root)} holds the split {shown(found['test'].name)} beside other folders, but no train: put the "
            "class folders into train and val"
        )
    like = [path for path in folders if not _WORDS.isdisjoint(_words(path.name))]
    if not found and like and (len(like) > 1 or like == folders) and all(map(find_folders, like)):
        raise DatasetError(
            f"{shown(root)} holds {_listed(path.name for path in like)}, which look like splits: call them train, val "
            "and test, or set `root` to one of them"
        )
    return found


def _words(name: str) -> list[str]:
    """The words of a name in lower case; a capital letter starts a word too, as in TrainImages."""
    return [word.lower() for word in re.findall("[A-Z]*[a-z]+|[A-Z]+", name)]


def looks_like_split(name: str) -> bool:
    """Whether a name could be the name of a split."""
    return name.lower() in _WORDS


def refuse_nested(folder: Path, images: Iterable[Path], classes: Collection[str]) -> None:
    """Refuse a class folder with images in sub-folders that are named like splits or like other classes.

    Other sub-folders, such as folders of cameras or days, are ignored.

    Args:
        folder: The class folder.
        images: The images in it.
        classes: All classes.

    Raises:
        DatasetError: If there are such sub-folders; the message names the folder that is probably the right root.
    """
    below: dict[Path, set[str]] = {}
    for inner in {path.parent for path in images} - {folder}:
        while inner != folder and inner.name not in below.get(inner.parent, ()):
            below.setdefault(inner.parent, set()).add(inner.name)
            inner = inner.parent
    for parent, names in sorted(below.items()):
        splits = {name for name in names if looks_like_split(name)}
        others = names & (set(classes) - {folder.name})
        if splits and (splits == names or len(splits) > 1):
            kind = "splits"
        elif others:
            splits, kind = others, "classes"
        else:
            continue
        remedy = f"set `root` to {shown(parent)} if it holds the data set, or else rename them"
        if kind == "splits" and parent == folder and not any(parent / name in below for name in splits):
            remedy = f"put the splits above the classes, as in train/{shown(folder.name)}, or rename them"
        raise DatasetError(
            f"{shown(parent)}, a folder of the class {shown(folder.name)}, holds {_listed(splits)}, which are called "
            f"like {kind}: {remedy}"
        )


def likely_root(folder: Path) -> Path | None:
    """The first folder with several folders in a chain of folders that hold one; None if images come first."""
    while not holds_images(folder):
        inside = find_folders(folder)
        if len(inside) != 1:
            return folder if inside else None
        folder = inside[0]
    return None


def _listed(names: Iterable[str]) -> str:
    *most, last = (shown(name) for name in sorted(names)[:5])
    return f"{', '.join(most)} and {last}" if most else last
