"""The lists of iWildCam: metadata.csv and categories.csv of WILDS, and the four *_subset.csv of ALIA."""

import csv
import gzip
import re
import zlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from aga_lightning.images.records import DatasetError

ALIA_LISTS = {
    "train": "train_subset.csv",
    "val": "val_subset.csv",
    "test": "test_subset.csv",
    "extra": "train_extra_subset.csv",
}
"""The lists of ALIA by the split that they hold."""
WILDS_SPLITS = ("train", "val", "test", "id_val", "id_test")
"""The splits that metadata.csv knows; val and test are out of distribution."""

_ALIA_REMEDY = "take it again from data/iwildcam_v2.0 of https://github.com/lisadunlap/ALIA"
_WILDS_REMEDY = "take it again from the archive iwildcam_v2.0 of WILDS"
_COLUMNS = ("location_remapped", "y", "filename")
_NUMBER = re.compile("[0-9]{1,9}")
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
        folder: Where they lie, compressed or not.
        splits: Which: keys of `ALIA_LISTS`.
        known: The classes that may occur.

    Raises:
        DatasetError: If a list is missing, empty or garbled, or an image is in two of them.
    """
    splits = list(splits)
    frames = _collect(_alia_rows(folder, splits), known, _ALIA_REMEDY)
    for split in splits:
        if split not in frames:
            raise DatasetError(f"{folder / ALIA_LISTS[split]} lists no images: {_ALIA_REMEDY}")
    return frames


def read_wilds(folder: Path, known: Collection[int] | None = None) -> Frames:
    """Read metadata.csv of WILDS.

    Args:
        folder: Where it lies, compressed or not.
        known: The classes that may occur; by default any.

    Raises:
        DatasetError: If it is missing or garbled, or an image is in two splits.
    """
    return _collect(_wilds_rows(folder), known, _WILDS_REMEDY)


def read_categories(folder: Path) -> dict[int, str]:
    """Read categories.csv of WILDS: the name of each class by its number, in order.

    Two classes of one name get their numbers behind it, since what is logged of each needs a name of its own; as
    published, "mazama temama" is such a name.

    Args:
        folder: Where it lies, compressed or not.

    Raises:
        DatasetError: If it is missing or garbled, or does not number the classes 0, 1, 2 and so on.
    """
    path = _find(folder / "categories.csv", "root", _WILDS_REMEDY)
    names: dict[int, str] = {}
    for line, (y, name) in _rows(path, ("y", "name"), _WILDS_REMEDY):
        where = f"{path}, line {line}"
        if not _NUMBER.fullmatch(y):
            raise _no_number(where, "y", y, _WILDS_REMEDY)
        if int(y) == _UNUSED:
            continue
        if int(y) in names or not name:
            what = f"class {int(y)} is listed before" if int(y) in names else f"class {int(y)} has no name"
            raise DatasetError(f"{where}: {what}: {_WILDS_REMEDY}")
        names[int(y)] = name
    if not names or sorted(names) != [*range(len(names))]:
        raise DatasetError(f"{path} does not number its classes 0, 1, 2 and so on: {_WILDS_REMEDY}")
    given = list(names.values())
    return {y: name if given.count(name) == 1 else f"{name} ({y})" for y, name in sorted(names.items())}


class _Row(NamedTuple):
    """A row and where it stands."""

    path: Path
    line: int
    split: str
    words: Sequence[str]
    """What it holds in `_COLUMNS`."""


def _alia_rows(folder: Path, splits: Iterable[str]) -> Iterator[_Row]:
    for split in splits:
        path = _find(folder / ALIA_LISTS[split], "csvs", _ALIA_REMEDY)
        for line, words in _rows(path, _COLUMNS, _ALIA_REMEDY):
            yield _Row(path, line, split, words)


def _wilds_rows(folder: Path) -> Iterator[_Row]:
    path = _find(folder / "metadata.csv", "root", _WILDS_REMEDY)
    for line, (split, *words) in _rows(path, ("split", *_COLUMNS), _WILDS_REMEDY):
        if split not in WILDS_SPLITS:
            raise DatasetError(f"{path}, line {line}: {split[:40]!r} is no split of WILDS: {_WILDS_REMEDY}")
        yield _Row(path, line, split, words)


def _collect(rows: Iterable[_Row], known: Collection[int] | None, remedy: str) -> Frames:
    """The frames of all rows, by split."""
    frames: defaultdict[str, list[Frame]] = defaultdict(list)
    first: dict[str, _Row] = {}
    for row in rows:
        location, y, name = row.words
        where = f"{row.path}, line {row.line}"
        for column, word in (("location_remapped", location), ("y", y)):
            if not _NUMBER.fullmatch(word):
                raise _no_number(where, column, word, remedy)
        if known is not None and int(y) not in known:
            raise DatasetError(f"{where}: y {y} is no class of this data set: {remedy}")
        if not _FILE_NAME.fullmatch(name):
            raise DatasetError(f"{where}: filename {name[:80]!r} is no name of a file without a folder: {remedy}")
        before = first.setdefault(name, row)
        if before.split != row.split:
            raise DatasetError(
                f"{where}: {name} is in the split {row.split}, and by line {before.line} of {before.path} in "
                f"{before.split}: {remedy}"
            )
        frames[row.split].append(Frame(name, int(y), int(location)))
    return dict(frames)


def _no_number(where: str, column: str, word: str, remedy: str) -> DatasetError:
    return DatasetError(f"{where}: {column} {word[:40]!r} is no whole number: {remedy}")


def _find(path: Path, setting: str, remedy: str) -> Path:
    """A list, or its compressed form."""
    packed = path.with_name(f"{path.name}.gz")
    if not (path.is_file() or packed.is_file()):
        raise DatasetError(f"{path} is missing: set --data.dataset.{setting} to the folder that holds it, or {remedy}")
    return path if path.is_file() else packed


def _rows(path: Path, columns: Sequence[str], remedy: str) -> Iterator[tuple[int, list[str]]]:
    """The line of each row of a CSV file, compressed or not, and what it holds in some columns.

    Raises:
        DatasetError: If the file cannot be read or lacks a column, or a row has more or fewer fields than the header.
    """
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = next(reader, [])
            for column in columns:
                if column not in header:
                    raise DatasetError(f"{path}, line 1: there is no column {column!r}: {remedy}")
            places = [header.index(column) for column in columns]
            for row in reader:
                if not row:  # a blank line
                    continue
                if len(row) != len(header):
                    what = f"{len(row)} fields stand below a header of {len(header)}"
                    raise DatasetError(f"{path}, line {reader.line_num}: {what}: {remedy}")
                yield reader.line_num, [row[place] for place in places]
    except (OSError, EOFError, UnicodeDecodeError, csv.Error, zlib.error) as error:
        raise DatasetError(f"{path} cannot be read ({error}): {remedy}") from error
