"""Find the columns of a CSV or TSV file: those that settings name, or those with usual names."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lightning.pytorch.utilities import rank_zero_info

from aga_lightning.datasets.lists import read_header
from aga_lightning.files import shown
from aga_lightning.images.records import DatasetError

_USUAL = {
    "path": "path filename file filepath image imagefile imagename imagepath img imgpath",
    "label": "label labelname class classname category categoryname species",
    "split": "split subset partition",
    "group": "group camera cameraid location locationid site siteid deployment deploymentid",
    "mask": "mask maskfile maskpath",
}
"""The usual names of each column, as lower-case letters and digits alone."""

BOX_COLUMNS = (("x1", "y1", "x2", "y2"), ("xmin", "ymin", "xmax", "ymax"), ("left", "top", "right", "bottom"))
"""The names that the columns of boxes may have, spelt as the others: left, top, right, bottom."""

_REQUIRED = ("path", "label")


@dataclass(frozen=True, slots=True)
class Columns:
    """The names of a file's columns; empty for those that it does not have.

    Args:
        path: The column of the images' paths.
        label: The column of the classes.
        split: The column of the splits.
        group: The column of the groups.
        mask: The column of the masks' paths.
        box: The columns of left, top, right and bottom.
        delimiter: The character between two fields.
    """

    path: str
    label: str
    split: str
    group: str
    mask: str
    box: tuple[str, ...]
    delimiter: str

    @property
    def used(self) -> list[str]:
        """The columns that are read."""
        return [name for name in (self.path, self.label, self.split, self.group, self.mask, *self.box) if name]


def find_columns(file: Path, named: Mapping[str, str | None], box: Sequence[str] | None) -> Columns:
    """Find the columns of a file, and say in one line which were guessed.

    Args:
        file: The file.
        named: The name of each column, empty for none, None for the usual name: path, label, split, group, mask.
        box: The columns of the boxes, empty for none, None for the usual names.

    Raises:
        DatasetError: If the file cannot be read, lacks a column, has it twice, or has several with usual names.
    """
    header, delimiter = read_header(file, "set `file` to a CSV or TSV file in UTF-8")
    found = {kind: usual_column(kind, header, file) if name is None else name for kind, name in named.items()}
    if box is None:
        box = usual_box_columns(header)
    wanted = [(f"{kind}_column", name) for kind, name in found.items() if name or kind in _REQUIRED]
    for setting, name in [*wanted, *(("box_columns", name) for name in box)]:
        if header.count(name) != 1:
            problem = f"has the column {name!r} twice" if name in header else f"has no column {name!r}"
            raise _unclear(file, problem if name else f"has no column with a usual name for {setting}", header, setting)
    guessed = [f"{kind} is {name!r}" for kind, name in found.items() if named[kind] is None and name not in ("", kind)]
    if guessed:
        rank_zero_info(f"Columns of {shown(file)} by their usual names: {shown(', '.join(guessed))}")
    return Columns(**found, box=tuple(box), delimiter=delimiter)


def label_order(labels: Collection[str]) -> list[str]:
    """Labels in their order: by their numbers if all are whole numbers, otherwise by name."""
    is_number = all(label.isascii() and label.isdigit() for label in labels)
    return sorted(sorted(labels), key=int) if is_number else sorted(labels)  # "1" and "01" are one number


def usual_column(kind: str, header: Sequence[str], file: Path) -> str:
    """The column with a usual name; empty if there is none.

    Args:
        kind: What it holds: path, label, split, group or mask.
        header: All columns.
        file: Where they are, for errors.

    Raises:
        DatasetError: If several have usual names, but none is called `kind`.
    """
    if kind in header:
        return kind
    found = usual_columns(kind, header)
    if len(found) > 1:
        which = " and ".join(map(repr, found))
        raise _unclear(
            file, f"has several columns that may be meant by {kind}_column, {which}", header, f"{kind}_column"
        )
    return found[0] if found else ""


def usual_columns(kind: str, header: Sequence[str]) -> list[str]:
    """The columns with a usual name for what they hold (path, label, split, group or mask), the most usual first."""
    return [name for usual in _USUAL[kind].split() for name in dict.fromkeys(header) if _plain(name) == usual]


def usual_box_columns(header: Sequence[str]) -> tuple[str, ...]:
    """The columns of left, top, right and bottom with usual names; empty if there are none."""
    spelt = {_plain(name): name for name in reversed(header)}
    return next((tuple(map(spelt.__getitem__, names)) for names in BOX_COLUMNS if spelt.keys() >= set(names)), ())


def _plain(name: str) -> str:
    return re.sub("[^a-z0-9]", "", name.lower())


def _unclear(file: Path, problem: str, header: Sequence[str], setting: str) -> DatasetError:
    columns = ", ".join(header) or "none"
    optional = " (an empty name for none)" if setting in ("split_column", "group_column", "mask_column") else ""
    return DatasetError(
        shown(f"{file} {problem}; its columns are {columns}: name the right one in the setting {setting}{optional}")
    )
