"""Images that a CSV or TSV file lists: a path and a label a row, and more if there is more."""

import os
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, replace
from functools import cached_property
from pathlib import Path

from aga_lightning.datasets.base import ImageDataset, Split
from aga_lightning.datasets.boxes import area, box_of
from aga_lightning.datasets.columns import Columns, find_columns, label_order
from aga_lightning.datasets.folder import alike_but_for_case
from aga_lightning.datasets.lists import Row, read_table, refuse_wrong
from aga_lightning.datasets.split_folders import SPELLINGS
from aga_lightning.datasets.splits import by_class, check_fractions, groups_three_ways
from aga_lightning.datasets.superclasses import Superclasses, check_known, find_superclasses
from aga_lightning.files import shown
from aga_lightning.images.records import Box, DatasetError, ImageRecord
from aga_lightning.paths import UserPath

_REMEDY = "correct the file"


@dataclass(eq=False)
class CsvImages(ImageDataset):
    """The images that a CSV or TSV file lists, with a header and one row for each image.

    Fields are separated by commas, tabs or semicolons. If there is a column of splits, it decides, and images for
    validation are held out of the training images if it names none. Otherwise the images are split in three by hashes,
    so that the test images are not those that choose the checkpoint: by their groups if they have some, so that no
    camera is in two splits, and else class by class by their paths.

    A column that is null is found by its usual names, in capitals or not, and a line says which was found.

    Args:
        file: The file. Several rows of one image are allowed if only their boxes differ; the largest box counts.
        folder: The folder that paths in the file are relative to, and that they must not lead out of; null for the
            folder of the file.
        path_column: The column of the images' paths; null for path, file, filename, image, image_path or the like.
        label_column: The column of the classes; null for label, class, category, species or the like. Labels that are
            all whole numbers are sorted as numbers.
        split_column: The column of the splits: train, val or test (training, valid, validation, dev and testing mean
            the same, in capitals or not). Null for split, subset or partition if there is one; an empty name for none.
        group_column: The column of the groups, such as the camera that took the image; the results tell the accuracy in
            each group. Null for group, camera, location, site or the like if there is one; an empty name for none.
        mask_column: The column of the paths of the subjects' masks, of which pixels above 0 are subject; a field may be
            empty. Null for mask or mask_path if there is one; an empty name for none.
        box_columns: The four columns of the subjects' boxes: left, top, right and bottom in pixels; fields may be
            empty. Null for x1, y1, x2 and y2, xmin, ymin, xmax and ymax, or left, top, right and bottom, if they are
            there; an empty list for none.
        val_fraction: Share of the images, or of each class, that validates if the file names no validation images.
        test_fraction: Share that tests if the file has no splits; 0 to test on the validation images.
        keep_groups: Whether the images of a group come into one split if the file has no splits; false to split each
            class by its images.
        split_seed: Seed of the choice of these images.
        superclasses: The words for which a detector is asked: one word for all classes, a mapping from class to
            superclass, the path of a YAML file (`.yaml` or `.yml`) with such a mapping, or `wordnet:<depth>` for each
            class's ancestor at that depth of WordNet's tree of nouns. A class that is left out is its own superclass; a
            class whose superclass is empty has no subject, and is not augmented.
        follow_links: Let paths and symbolic links lead out of `folder`.
    """

    file: UserPath | str
    _: KW_ONLY
    folder: UserPath | str | None = None
    path_column: str | None = None
    label_column: str | None = None
    split_column: str | None = None
    group_column: str | None = None
    mask_column: str | None = None
    box_columns: list[str] | None = None
    val_fraction: float = 0.2
    test_fraction: float = 0.2
    keep_groups: bool = True
    split_seed: int = 0
    superclasses: Superclasses = None
    follow_links: bool = False

    def __post_init__(self) -> None:
        check_fractions(self.val_fraction, self.test_fraction)
        if self.box_columns and len(self.box_columns) != 4:
            raise DatasetError(f"box_columns names {len(self.box_columns)} columns: name left, top, right and bottom")
        self.file = UserPath.of(self.file)
        self.folder = UserPath.of(Path(self.file).parent if self.folder is None else self.folder)

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The labels of the training images, sorted."""
        return tuple(label_order({image.label for image in self._splits["train"]}))

    def superclass(self, class_name: str) -> str:
        """The superclass of a class, for which a detector is asked."""
        return self._superclasses[class_name]

    def records(self, split: Split) -> list[ImageRecord]:
        """The images of one split, in the order of the file; without test images, "test" is "val".

        Raises:
            DatasetError: If the file cannot be read, lacks a column, has wrong rows or no training images, or if a
                class has no training images.
        """
        images = self._splits[split] or self._splits["val"]
        for image in images:
            check_known(image.label, self.classes, f"in {shown(self.file)}, line {image.line},")
        return [
            ImageRecord(
                image.path,
                self.classes.index(image.label),
                image.label,
                self.superclass(image.label),
                image.box,
                image.mask,
                group=image.group,
            )
            for image in images
        ]

    def remarks(self) -> list[str]:
        """Remarks on doubtful labels, groups in two splits, and training images without boxes and masks."""
        remarks, records = [], self.records("train")
        if alike := alike_but_for_case(self.classes):
            remarks.append(f"labels differ by capital letters alone: {'; '.join(alike)}. Are they the same?")
        groups = {split: {image.group for image in images if image.group} for split, images in self._splits.items()}
        for split in ("val", "test"):
            if both := sorted(groups[split] & groups["train"]):
                which = f"{len(both)} of {len(groups[split])} groups of {split} train too, such as {shown(both[0])}"
                remarks.append(f"{which}, so that {split} does not show new groups alone.")
        columns = self._columns
        if columns.box and (bare := sum(record.box is None for record in records)):
            remarks.append(f"{bare} of {len(records)} training images have no box in {shown(self.file)}.")
        if columns.mask and (bare := sum(record.mask_path is None for record in records)):
            remarks.append(f"{bare} of {len(records)} training images have no mask in {shown(self.file)}.")
        return remarks

    @cached_property
    def _superclasses(self) -> dict[str, str]:
        return find_superclasses(self.superclasses, self.classes)

    @cached_property
    def _columns(self) -> Columns:
        named = {
            "path": self.path_column,
            "label": self.label_column,
            "split": self.split_column,
            "group": self.group_column,
            "mask": self.mask_column,
        }
        return find_columns(Path(self.file), named, self.box_columns)

    @cached_property
    def _images(self) -> list["_Image"]:
        """The images in the order of the file."""
        columns, places = self._columns, _Places(Path(str(self.folder)), self.follow_links)
        images: dict[Path, _Image] = {}
        complaints = []
        for row in read_table(Path(self.file), columns.used, _REMEDY, columns.delimiter):
            try:
                image = _read_image(row, columns, places)
                images[image.path] = _merged(images[image.path], image) if image.path in images else image
            except ValueError as error:
                complaints.append((row.path, f"line {row.line}: {error}"))
        refuse_wrong(complaints, _REMEDY)
        return list(images.values())

    @cached_property
    def _splits(self) -> dict[Split, list["_Image"]]:
        images = self._images
        splits: dict[Split, list[_Image]] = {"train": [], "val": [], "test": []}
        for image in images:
            splits[image.split or "train"].append(image)
        if not splits["train"]:
            which = "no row of the split train" if self._columns.split else "no row below its header"
            raise DatasetError(f"{shown(self.file)} has {which}: list training images")
        if not self._columns.split:
            return self._divided(images, self.test_fraction)
        return splits if splits["val"] else self._divided(splits["train"], 0) | {"test": splits["test"]}

    def _divided(self, images: Sequence["_Image"], test_fraction: float) -> dict[Split, list["_Image"]]:
        """Images as training, validation and test images."""
        shares = self.val_fraction, test_fraction, self.split_seed
        problem = "has one training image a class: list more, to validate on some"
        if self.keep_groups and any(image.group for image in images):
            problem = "has too few groups to validate on some of them: list more, or set keep_groups to false"
            names = [f"group {image.group}" if image.group else f"image {image.name}" for image in images]
            groups = groups_three_ways([*zip((image.label for image in images), names, strict=True)], *shares)
            chosen = [groups[name] for name in names]
        else:
            chosen = by_class([(image.label, image.name) for image in images], *shares)
        divided: dict[Split, list[_Image]] = {"train": [], "val": [], "test": []}
        for image, split in zip(images, chosen, strict=True):
            divided[split].append(image)
        if not divided["val"]:
            raise DatasetError(f"{shown(self.file)} {problem}")
        return divided


@dataclass(frozen=True, slots=True)
class _Image:
    """An image of the file."""

    name: str
    """The path from the folder."""
    path: Path
    label: str
    split: Split | None
    group: str
    box: Box | None
    mask: Path | None
    line: int


class _Places:
    """The paths of files, as the file names them.

    Args:
        folder: The folder that paths are relative to.
        follow_links: Whether paths and links may lead out of it.
    """

    def __init__(self, folder: Path, follow_links: bool) -> None:
        self.folder = folder
        self._home = None if follow_links else folder.resolve()
        self._folders: dict[Path, Path] = {}

    def path(self, name: str) -> Path:
        """The path of a file.

        Raises:
            ValueError: If it leads out of the folder.
        """
        if "\\" in name and not (self.folder / name).exists():  # written on Windows
            name = name.replace("\\", "/")
        path = Path(os.path.normpath(self.folder / name))
        if self._home is None:
            return path
        if path.parent not in self._folders:
            self._folders[path.parent] = path.parent.resolve()
        target = path.resolve() if path.is_symlink() else self._folders[path.parent]
        if not (path.is_relative_to(self.folder) and target.is_relative_to(self._home)):
            raise ValueError(
                f"{name!r} leads out of {shown(self.folder)}, which --data.dataset.follow_links true allows"
            )
        return path


def _read_image(row: Row, columns: Columns, places: _Places) -> _Image:
    """The image of a row.

    Raises:
        ValueError: If the row is wrong.
    """
    words = {column: row.words[column].strip() for column in columns.used}
    for column in (columns.path, columns.label):
        if not words[column]:
            raise ValueError(f"the column {column!r} is empty")
    path = places.path(words[columns.path])
    split = words.get(columns.split, "").lower()
    if columns.split and split not in SPELLINGS:
        raise ValueError(f"{split!r} is no split: write train, val or test")
    mask = words.get(columns.mask, "")
    mask_path = places.path(mask) if mask else None
    if mask_path is not None and not mask_path.is_file():
        raise ValueError(f"there is no mask {shown(mask_path)}")
    return _Image(
        Path(os.path.relpath(path, places.folder)).as_posix(),
        path,
        words[columns.label],
        SPELLINGS.get(split),
        words.get(columns.group, ""),
        box_of(row, columns.box) if columns.box else None,
        mask_path,
        row.line,
    )


def _merged(first: _Image, again: _Image) -> _Image:
    """Two rows of one image.

    Raises:
        ValueError: If they differ by more than their boxes, or by nothing.
    """
    if first.box is None or again.box is None or replace(again, box=first.box, line=first.line) != first:
        raise ValueError(f"{again.name!r} is also in line {first.line}: leave one of them out")
    return first if area(first.box) >= area(again.box) else again
