"""CUB-200-2011, the birds of Caltech and UCSD, read from its authors' own files."""

import math
import re
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Literal

from aga_lightning.datasets.base import ImageDataset, Split
from aga_lightning.datasets.download import fetch_archive
from aga_lightning.datasets.lists import Row, read_lines, some
from aga_lightning.datasets.superclasses import Superclasses, find_superclasses
from aga_lightning.downloads import Published
from aga_lightning.images.finding import find_images
from aga_lightning.images.formats import image_endings
from aga_lightning.images.records import Box, DatasetError, ImageRecord
from aga_lightning.paths import UserPath

_FOLDER, _MASKS = "CUB_200_2011", "segmentations"
_IMAGE_ARCHIVE = Published(
    "https://data.caltech.edu/records/65de6-vp158/files/CUB_200_2011.tgz",
    "md5:97eceeb196236b17998738112f37df78",
    1_150_585_339,
)
_MASK_ARCHIVE = Published(
    "https://data.caltech.edu/records/w9d68-gec53/files/segmentations.tgz",
    "md5:4d47ba1228eae64f2fa547c47bc65255",
    39_272_883,
)
_PUBLISHED = {"classes": 200, "images": 11_788, "training images": 5_994, "test images": 5_794}
_HELD_OUT = 5  # images of each class
_HALF = 127  # of 255: a mask's value is the share of annotators who called the pixel bird
_NUMBER = re.compile("[0-9]{1,9}")
_SIDE, _CORNERS = "1 for training or 0", ("x", "y", "width", "height")
_REMEDY = "take the file from CUB_200_2011.tgz again"
_GUIDE = """\
CUB-200-2011 is free to fetch: https://data.caltech.edu/records/65de6-vp158 has the images (CUB_200_2011.tgz, 1.2 GB),
https://data.caltech.edu/records/w9d68-gec53 the masks (segmentations.tgz, 39 MB; they may be left out). Unpack both and
set `root` to CUB_200_2011 or to the folder above it, or set `download` to true. The tree:
  CUB_200_2011/
    images.txt  image_class_labels.txt  train_test_split.txt  bounding_boxes.txt  classes.txt
    images/001.Black_footed_Albatross/Black_Footed_Albatross_0046_18.jpg ...
    segmentations/001.Black_footed_Albatross/Black_Footed_Albatross_0046_18.png ...     here, or beside CUB_200_2011"""


@dataclass(eq=False)
class CUB(ImageDataset):
    """CUB-200-2011 (Wah et al. 2011): 11,788 photos of 200 species of birds, with boxes and masks.

    Splits, all with the official test set of 5,794 images:

    - holdout: trains on 4,994 images, the official training set less the last five of each class; those 1,000 validate.
    - alia: trains on the same 4,994 (Dunlap et al. 2023). The test set validates too, so that the checkpoint is
      selected and tested on the same images: comparable with ALIA, but optimistic.
    - official: trains on all 5,994. Validates on the test set, as alia does.

    Args:
        root: The folder CUB_200_2011, which holds images.txt, or the folder that holds CUB_200_2011.
        split: Which images train and which validate: holdout, official or alia.
        extra: Also train on the 1,000 images that alia holds out; ALIA compares its augmentations with as many more
            real images. Only for the split alia: official trains on them anyway, and holdout validates on them.
        superclasses: The words for which a detector is asked: one word for all classes, a mapping from class to
            superclass, the path of a YAML file (`.yaml` or `.yml`) with such a mapping, or `wordnet:<depth>`; null for
            "bird".
        boxes: Whether records carry the authors' boxes.
        masks: Whether records carry the authors' masks, from the folder `segmentations` in CUB_200_2011 or beside it.
            Pixels that more than half of the annotators called bird are subject.
        download: Download missing files, 1.2 GB, into `root` if its name is CUB_200_2011, otherwise into a folder of
            this name in it.
    """

    root: UserPath | str
    _: KW_ONLY
    split: Literal["holdout", "official", "alia"] = "holdout"
    extra: bool = False
    superclasses: Superclasses = None
    boxes: bool = True
    masks: bool = True
    download: bool = False

    def __post_init__(self) -> None:
        if self.split not in ("holdout", "official", "alia"):
            raise DatasetError(f"split is {self.split!r}; choose holdout, official or alia")
        if self.extra and self.split != "alia":
            other = "validates on those images" if self.split == "holdout" else "trains on those images anyway"
            raise DatasetError(
                f"extra is for the split alia: {self.split} {other}; set split to alia, or extra to false"
            )
        self.root = UserPath.of(self.root)

    @property
    def folder(self) -> Path:
        """The folder CUB_200_2011, whether it exists or is still to be downloaded."""
        root, inner = Path(self.root), Path(self.root, _FOLDER)
        if (root / "images.txt").is_file():
            return root
        return inner if (inner / "images.txt").is_file() or root.name != _FOLDER else root

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The species in label order, such as "Black footed Albatross", from classes.txt alone."""
        self._require_folder()
        path = self.folder / "classes.txt"
        rows = _read(path, "class id", "class name")
        if [*rows] != [*range(1, len(rows) + 1)]:
            raise DatasetError(f"{path} does not number its classes 1, 2, 3 and so on: {_REMEDY}")
        names: list[str] = []
        for row in rows.values():
            name = row.words["class name"].partition(".")[2].replace("_", " ")
            if not name or name in names:
                what = "has no name after a dot" if not name else f"has the name {name!r} of another"
                raise row.wrong(f"the class {what}")
            names.append(name)
        return tuple(names)

    @property
    def num_classes(self) -> int:
        """Number of classes; known before the download."""
        fetched_later = self.download and not (self.folder / "images.txt").is_file()
        return _PUBLISHED["classes"] if fetched_later else len(self.classes)

    def superclass(self, class_name: str) -> str:
        """The superclass of a class: "bird" unless the setting says otherwise."""
        return self._superclasses[class_name]

    def guide(self) -> str:
        """Where to get the two archives, and the layout of the folders."""
        return _GUIDE

    def prepare(self) -> None:
        """Download the missing archives, if `download` is true."""
        if not self.download:
            return
        if not (self.folder / "images.txt").is_file():
            if self.folder.is_dir():
                raise DatasetError(f"{self.folder} is there without images.txt: move it away, and it will be fetched")
            fetch_archive(_IMAGE_ARCHIVE, self.folder.parent, _FOLDER)
        if self.masks and self._mask_folder is None:
            fetch_archive(_MASK_ARCHIVE, self.folder, _MASKS)

    def records(self, split: Split) -> list[ImageRecord]:
        """The images of one split, in the order of images.txt.

        Raises:
            DatasetError: If one of the lists is missing, garbled or contradicts another list.
        """
        folder, masks = self.folder / "images", self._masks
        return [
            ImageRecord(
                folder / image.name,
                image.label,
                self.classes[image.label],
                self.superclass(self.classes[image.label]),
                image.box,
                masks.get(image.mask),
                mask_above=_HALF,
            )
            for image in self._members(split)
        ]

    def remarks(self) -> list[str]:
        """Counts that differ from the published ones, images that are in no list, and missing masks."""
        trained = sum(image.trains for image in self._images)
        total = len(self._images)
        counts = len(self.classes), total, trained, total - trained
        remarks = [
            f"{count:,} {what} where {published:,} are published."
            for (what, published), count in zip(_PUBLISHED.items(), counts, strict=True)
            if count != published
        ]
        folder = self.folder / "images"
        strays = _files(folder, image_endings()) - {image.name for image in self._images}
        if strays:
            shown = some(sorted(strays), "images")
            remarks.append(f"{folder} holds {shown} that images.txt does not list; they are unused.")
        if self.masks:
            missing = {image.mask for image in self._images} - self._masks.keys()
            if self._mask_folder is None:
                remarks.append(f"There is no folder {_MASKS} in {self.folder} or beside it: no image has a mask.")
            elif missing:
                remarks.append(f"{self._mask_folder} lacks {some(sorted(missing), 'masks')}; those images have none.")
        return remarks

    @cached_property
    def _superclasses(self) -> dict[str, str]:
        return find_superclasses(self.superclasses, self.classes, default=lambda name: "bird")

    @cached_property
    def _images(self) -> list["_Image"]:
        self._require_folder()
        return _read_images(self.folder, len(self.classes), self.boxes)

    def _members(self, split: Split) -> list["_Image"]:
        """The images of one split."""
        listing = self.folder / "train_test_split.txt"
        train = [image for image in self._images if image.trains]
        held_out = set() if self.extra or self.split == "official" else _last_of_each_class(train)
        if split == "train":
            chosen = [image for image in train if image not in held_out]
            bare = set(range(len(self.classes))) - {image.label for image in chosen}
            if bare:
                raise DatasetError(
                    f"{listing} leaves the split {self.split} without training images of {len(bare)} classes, such as "
                    f"{self.classes[min(bare)]!r}: {_REMEDY}, or set split to official for a class of few images"
                )
        elif split == "val" and self.split == "holdout":
            chosen = [image for image in train if image in held_out]
        else:
            chosen = [image for image in self._images if not image.trains]
        if not chosen:
            raise DatasetError(f"{listing} leaves no image for {split}: {_REMEDY}")
        return chosen

    @property
    def _masks(self) -> dict[str, Path]:
        """The existing masks, by their path in their folder."""
        folder = self._mask_folder
        return {name: folder / name for name in _files(folder, {".png"})} if folder else {}

    @property
    def _mask_folder(self) -> Path | None:
        """The folder of the masks; None if masks are not wanted or missing."""
        homes = (self.folder, self.folder.parent, self.folder.resolve().parent)
        return next((home / _MASKS for home in homes if self.masks and (home / _MASKS).is_dir()), None)

    def _require_folder(self) -> None:
        if not (self.folder / "images.txt").is_file():
            raise DatasetError(
                f"{self.folder / 'images.txt'} does not exist: set --data.dataset.root to the unpacked folder "
                f"{_FOLDER} or the one above it, or --data.dataset.download true"
            )


@dataclass(frozen=True, slots=True)
class _Image:
    """A line of images.txt, joined with the other lists."""

    name: str
    """The path below `images`."""
    label: int
    trains: bool
    box: Box | None

    @property
    def mask(self) -> str:
        """The path below `segmentations`."""
        return PurePosixPath(self.name).with_suffix(".png").as_posix()


_Rows = dict[int, Row]
"""The rows of a list by their ids, in the order of the file."""


def _read(path: Path, *columns: str) -> _Rows:
    """Read a list; the first column is the id.

    Raises:
        DatasetError: If the list cannot be read, or a line has no id, or the id of another line.
    """
    rows: _Rows = {}
    for row in read_lines(path, columns, _REMEDY):
        first = rows.setdefault(row.number(columns[0]), row)
        if first is not row:
            raise row.wrong(f"{columns[0]} {row.number(columns[0])} is that of line {first.line}")
    return rows


def _read_images(folder: Path, num_classes: int, boxes: bool) -> list[_Image]:
    """The images in the order of images.txt, joined by id with the other lists."""
    names = _read(folder / "images.txt", "image id", "path")
    labels = _read(folder / "image_class_labels.txt", "image id", "class id")
    sides = _read(folder / "train_test_split.txt", "image id", _SIDE)
    corners = _read(folder / "bounding_boxes.txt", "image id", *_CORNERS) if boxes else None
    for other in (labels, sides, corners):
        if other is not None:
            _require_same_ids(names, other)
    images: list[_Image] = []
    seen: dict[PureWindowsPath, int] = {}
    for image_id, row in names.items():
        name, label, side = row.words["path"], labels[image_id].words["class id"], sides[image_id].words[_SIDE]
        path = PureWindowsPath(name)  # it knows both kinds of slashes, and drives
        if path.anchor or ".." in path.parts or not path.name:
            raise row.wrong(f"{name!r} is no file in the folder images")
        if (first := seen.setdefault(path, image_id)) != image_id:
            raise row.wrong(f"{name!r} is also image {first}")
        if not (_NUMBER.fullmatch(label) and 1 <= int(label) <= num_classes):
            raise labels[image_id].wrong(f"class {label!r} is not in classes.txt")
        if side not in ("0", "1"):
            raise sides[image_id].wrong(f"{side!r} is neither 1 for training nor 0")
        box = None if corners is None else _box(corners[image_id])
        images.append(_Image(name, int(label) - 1, side == "1", box))
    return images


def _require_same_ids(names: _Rows, other: _Rows) -> None:
    """Refuse a list that does not hold exactly the images of images.txt."""
    for image_id, row in other.items():
        if image_id not in names:
            raise row.wrong(f"image {image_id} is not in images.txt")
    if missing := [image_id for image_id in names if image_id not in other]:
        file = next(iter(other.values())).path.name
        raise names[missing[0]].wrong(f"{file} lacks {len(missing)} images, image {missing[0]} first")


def _box(row: Row) -> Box:
    """A box as left, top, right, bottom."""
    words = [row.words[column] for column in _CORNERS]
    try:
        x, y, width, height = map(float, words)
    except ValueError:
        x = y = width = height = math.nan
    if not (math.isfinite(x + y + width + height) and width > 0 and height > 0):
        raise row.wrong(f"{' '.join(words)!r} is no box of a width and a height above 0")
    return x, y, x + width, y + height


def _last_of_each_class(images: Iterable[_Image]) -> set[_Image]:
    """The images that ALIA holds out."""
    classes = defaultdict(list)
    for image in images:
        classes[image.label].append(image)
    return {image for members in classes.values() for image in members[-_HELD_OUT:]}


def _files(folder: Path, endings: Collection[str]) -> set[str]:
    """The files in a folder, at any depth, whose names have certain endings, as paths in it."""
    found = find_images(folder, follow_links=True) if folder.is_dir() else []
    return {path.relative_to(folder).as_posix() for path in found if path.suffix.lower() in endings}
