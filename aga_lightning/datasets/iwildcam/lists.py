"""The lists of iWildCam: metadata.csv and categories.csv of WILDS, and the four *_subset.csv of ALIA."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from aga_lightning.datasets.lists import Row, read_table
from aga_lightning.images.records import DatasetError

ALIA_LISTS = {
    "train": "train_subset.csv",
    "val": "val_subset.csv",
    "test": "test_subset.csv",
    "extra": "train_extra_subset.csv",
}
"""ALIA's list of each split."""
WILDS_SPLITS = ("train", "val", "test", "id_val", "id_test")
"""The splits of metadata.csv; val and test are out of distribution."""

_ALIA_REMEDY = "take it again from data/iwildcam_v2.0 of https://github.com/lisadunlap/ALIA"
_WILDS_REMEDY = "take it again from the archive iwildcam_v2.0 of WILDS"
_COLUMNS = ("location_remapped", "y", "filename")
_FILE_NAME = re.compile(r"\w[\w .()+-]*")
_UNUSED = 99999  # the number of a category that no image has


class Frame(NamedTuple):
    """A row of a list."""

    name: str
    """The name of the image file; it has no folder in it."""
    y: int
    """The class, as WILDS numbers them."""
    location: int
    """The camera's location, as WILDS numbers them."""


Frames = dict[str, list[Frame]]
"""Frames by split, in the order of the list."""


def read_alia(folder: Path, splits: Iterable[str], known: Collection[int]) -> Frames:
    """Read lists of ALIA.

    Args:
        folder: The folder of the lists, compressed or not.
        splits: The splits to read: keys of `ALIA_LISTS`.
        known: The classes that may occur.

    Raises:
        DatasetError: If a list is missing, empty or garbled, or an image is in two lists.
    """
    splits = list(splits)
    frames = _collect(_alia_rows(folder, splits), known)
    for split in splits:
        if split not in frames:
            raise DatasetError(f"{folder / ALIA_LISTS[split]} lists no images: {_ALIA_REMEDY}")
    return frames


def read_wilds(folder: Path, known: Collection[int] | None = None) -> Frames:
    """Read metadata.csv of WILDS.

    Args:
        folder: The folder of the file, compressed or not.
        known: The classes that may occur; by default any.

    Raises:
        DatasetError: If it is missing or garbled, or an image is in two splits.
    """
    return _collect(_wilds_rows(folder), known)


def read_categories(folder: Path) -> dict[int, str]:
    """Read categories.csv of WILDS: the name of each class by its number, in order.

    Two classes of one name get their numbers behind it, since the metrics of each class need a name of their own; as
    published, "mazama temama" is such a name.

    Args:
        folder: The folder of the file, compressed or not.

    Raises:
        DatasetError: If it is missing or garbled, or does not number the classes 0, 1, 2 and so on.
    """
    path = _find(folder / "categories.csv", "root", _WILDS_REMEDY)
    names: dict[int, str] = {}
    for row in read_table(path, ("y", "name"), _WILDS_REMEDY):
        y, name = row.number("y"), row.words["name"]
        if y == _UNUSED:
            continue
        if y in names or not name:
            raise row.wrong(f"class {y} is listed before" if y in names else f"class {y} has no name")
        names[y] = name
    if not names or sorted(names) != [*range(len(names))]:
        raise DatasetError(f"{path} does not number its classes 0, 1, 2 and so on: {_WILDS_REMEDY}")
    given = list(names.values())
    return {y: name if given.count(name) == 1 else f"{name} ({y})" for y, name in sorted(names.items())}


def _alia_rows(folder: Path, splits: Iterable[str]) -> Iterator[tuple[str, Row]]:
    for split in splits:
        path = _find(folder / ALIA_LISTS[split], "csvs", _ALIA_REMEDY)
        for row in read_table(path, _COLUMNS, _ALIA_REMEDY):
            yield split, row


def _wilds_rows(folder: Path) -> Iterator[tuple[str, Row]]:
    path = _find(folder / "metadata.csv", "root", _WILDS_REMEDY)
    for row in read_table(path, ("split", *_COLUMNS), _WILDS_REMEDY):
        split = row.words["split"]
        if split not in WILDS_SPLITS:
            raise row.wrong(f"{split[:40]!r} is no split of WILDS")
        yield split, row


def _collect(rows: Iterable[tuple[str, Row]], known: Collection[int] | None) -> Frames:
    """The frames of all rows, by split."""
    frames: defaultdict[str, list[Frame]] = defaultdict(list)
    first: dict[str, tuple[str, Row]] = {}
    for split, row in rows:
        location, y, name = row.number("location_remapped"), row.number("y"), row.words["filename"]
        if known is not None and y not in known:
            raise row.wrong(f"y {y} is no class of this data set")
        if not _FILE_NAME.fullmatch(name):
            raise row.wrong(f"filename {name[:80]!r} is no name of a file without a folder")
        before, earlier = first.setdefault(name, (split, row))
        if before != split:
            raise row.wrong(f"{name} is in the split {split}, and by line {earlier.line} of {earlier.path} in {before}")
        frames[split].append(Frame(name, y, location))
    return dict(frames)


def _find(path: Path, setting: str, remedy: str) -> Path:
    """A list, or its compressed form."""
    packed = path.with_name(f"{path.name}.gz")
    if not (path.is_file() or packed.is_file()):
        raise DatasetError(f"{path} is missing: set --data.dataset.{setting} to the folder that holds it, or {remedy}")
    return path if path.is_file() else packed
