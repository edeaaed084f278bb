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
from aga_lightning.datasets.download import Archive, fetch_archive
from aga_lightning.datasets.superclasses import Superclasses, find_superclasses
from aga_lightning.images.finding import find_images
from aga_lightning.images.formats import image_endings
from aga_lightning.images.records import Box, DatasetError, ImageRecord
from aga_lightning.paths import UserPath

_FOLDER, _MASKS = "CUB_200_2011", "segmentations"
_IMAGE_ARCHIVE = Archive(
    "https://data.caltech.edu/records/65de6-vp158/files/CUB_200_2011.tgz",
    "md5:97eceeb196236b17998738112f37df78",
    1_150_585_339,
)
_MASK_ARCHIVE = Archive(
    "https://data.caltech.edu/records/w9d68-gec53/files/segmentations.tgz",
    "md5:4d47ba1228eae64f2fa547c47bc65255",
    39_272_883,
)
_PUBLISHED = {"classes": 200, "images": 11_788, "training images": 5_994, "test images": 5_794}
_HELD_OUT = 5  # images of each class
_HALF = 127  # of 255: a mask's value is the share of the annotators who called the pixel bird
_NUMBER = re.compile("[0-9]{1,9}")
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
      selected on the images that it is then judged by; comparable with ALIA, but optimistic.
    - official: trains on all 5,994. Validates on the test set, as alia does.

    Args:
        root: The folder CUB_200_2011, which holds images.txt, or the folder that holds CUB_200_2011.
        split: Which images train and which validate: holdout, official or alia.
        extra: Also train on the 1,000 images that alia holds out, its measure of what as many real images are worth.
            Only for the split alia: official trains on them anyway, and holdout validates on them.
        superclasses: What a detector is asked for: one word for all classes, a mapping from class to superclass, the
            path of a YAML file (`.yaml` or `.yml`) with such a mapping, or `wordnet:<depth>`; null for "bird".
        boxes: Whether records carry the authors' boxes.
        masks: Whether records carry the authors' masks, where the folder `segmentations` lies in CUB_200_2011 or beside
            it. What more than half of the annotators called bird is subject.
        download: Fetch what is missing, 1.2 GB: into `root` if that is called CUB_200_2011, or else into a folder of
            this name below it.
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
        """The folder CUB_200_2011, there or still to be fetched."""
        root, inner = Path(self.root), Path(self.root, _FOLDER)
        if (root / "images.txt").is_file():
            return root
        return inner if (inner / "images.txt").is_file() or root.name != _FOLDER else root

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The species in label order, such as "Black footed Albatross", from classes.txt alone."""
        self._require_folder()
        listed = _List(self.folder / "classes.txt", ("class id", "class name"))
        if [*listed.rows] != [*range(1, len(listed.rows) + 1)]:
            raise DatasetError(f"{listed.path} does not number its classes 1, 2, 3 and so on: {_REMEDY}")
        names = [words[0].partition(".")[2].replace("_", " ") for words in listed.rows.values()]
        for class_id, name in enumerate(names, 1):
            if not name or name in names[: class_id - 1]:
                what = "has no name after a dot" if not name else f"has the name {name!r} of another"
                raise listed.error(class_id, f"the class {what}")
        return tuple(names)

    @property
    def num_classes(self) -> int:
        """How many classes there are; known before the download."""
        fetched_later = self.download and not (self.folder / "images.txt").is_file()
        return _PUBLISHED["classes"] if fetched_later else len(self.classes)

    def superclass(self, class_name: str) -> str:
        """All are birds, unless the setting says otherwise."""
        return self._superclasses[class_name]

    def guide(self) -> str:
        """Where to get the two archives, and the tree."""
        return _GUIDE

    def prepare(self) -> None:
        """Fetch the archives that are not there yet, if `download` says so."""
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
            DatasetError: If one of the text files is missing, garbled or at odds with another.
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
        """Counts other than the published ones, images that no list names, and masks that are not there."""
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
            remarks.append(f"{folder} holds {_some(strays, 'images')} that images.txt does not list; they are unused.")
        if self.masks:
            missing = {image.mask for image in self._images} - self._masks.keys()
            if self._mask_folder is None:
                remarks.append(f"There is no folder {_MASKS} in {self.folder} or beside it: no image has a mask.")
            elif missing:
                remarks.append(f"{self._mask_folder} lacks {_some(missing, 'masks')}; those images have none.")
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
        """The masks there are, by their path in their folder."""
        folder = self._mask_folder
        return {name: folder / name for name in _files(folder, {".png"})} if folder else {}

    @property
    def _mask_folder(self) -> Path | None:
        """Where the masks lie, if they are wanted and there."""
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
    """A line of images.txt, and what the other files say of it."""

    name: str
    """The path below `images`."""
    label: int
    trains: bool
    box: Box | None

    @property
    def mask(self) -> str:
        """The path below `segmentations`."""
        return PurePosixPath(self.name).with_suffix(".png").as_posix()


class _List:
    """A text file whose lines are an id and some words, in the order of the file.

    Args:
        path: The file.
        fields: What each line holds, the id first.

    Raises:
        DatasetError: If it cannot be read, or a line has more or fewer fields, no id, or the id of another.
    """

    def __init__(self, path: Path, fields: tuple[str, ...]) -> None:
        self.path = path
        self.rows: dict[int, list[str]] = {}
        self._lines: dict[int, int] = {}
        form = " ".join(f"<{field}>" for field in fields)
        try:
            lines = path.read_text(encoding="utf-8-sig").splitlines()
        except FileNotFoundError as error:
            raise DatasetError(f"{path} is missing: {_REMEDY}") from error
        except (OSError, UnicodeDecodeError) as error:
            raise DatasetError(f"{path} cannot be read ({error}): {_REMEDY}") from error
        for number, line in enumerate(lines, 1):
            words = line.split()
            if len(words) != len(fields) or not _NUMBER.fullmatch(words[0]):
                raise DatasetError(f"{path}, line {number}: {line[:80]!r} is not of the form {form}: {_REMEDY}")
            row = int(words[0])
            first = self._lines.setdefault(row, number)
            if first != number:
                raise DatasetError(f"{path}, line {number}: {fields[0]} {row} is that of line {first}: {_REMEDY}")
            self.rows[row] = words[1:]
        if not self.rows:
            raise DatasetError(f"{path} is empty: {_REMEDY}")

    def error(self, row: int, complaint: str) -> DatasetError:
        """What is wrong with a row."""
        return DatasetError(f"{self.path}, line {self._lines[row]}: {complaint}: {_REMEDY}")

    def require_ids_of(self, images: "_List") -> None:
        """Refuse a file that does not speak of exactly the images of images.txt."""
        for row in self.rows:
            if row not in images.rows:
                raise self.error(row, f"image {row} is not in images.txt")
        missing = [row for row in images.rows if row not in self.rows]
        if missing:
            raise images.error(missing[0], f"{self.path.name} lacks {len(missing)} images, image {missing[0]} first")


def _read_images(folder: Path, num_classes: int, boxes: bool) -> list[_Image]:
    """The images in the order of images.txt, joined by id with what the other files say."""
    names = _List(folder / "images.txt", ("image id", "path"))
    labels = _List(folder / "image_class_labels.txt", ("image id", "class id"))
    sides = _List(folder / "train_test_split.txt", ("image id", "1 for training or 0"))
    corners = _List(folder / "bounding_boxes.txt", ("image id", "x", "y", "width", "height")) if boxes else None
    for other in (labels, sides, corners):
        if other is not None:
            other.require_ids_of(names)
    images: list[_Image] = []
    seen: dict[PureWindowsPath, int] = {}
    for row, (name,) in names.rows.items():
        (label,), (side,) = labels.rows[row], sides.rows[row]
        path = PureWindowsPath(name)  # it knows both kinds of slashes, and drives
        if path.anchor or ".." in path.parts or not path.name:
            raise names.error(row, f"{name!r} is no file in the folder images")
        if (first := seen.setdefault(path, row)) != row:
            raise names.error(row, f"{name!r} is also image {first}")
        if not (_NUMBER.fullmatch(label) and 1 <= int(label) <= num_classes):
            raise labels.error(row, f"class {label!r} is not in classes.txt")
        if side not in ("0", "1"):
            raise sides.error(row, f"{side!r} is neither 1 for training nor 0")
        box = None if corners is None else _box(corners, row)
        images.append(_Image(name, int(label) - 1, side == "1", box))
    return images


def _box(corners: _List, row: int) -> Box:
    """A box as left, top, right, bottom."""
    try:
        x, y, width, height = map(float, corners.rows[row])
    except ValueError:
        x = y = width = height = math.nan
    if not (math.isfinite(x + y + width + height) and width > 0 and height > 0):
        raise corners.error(row, f"{' '.join(corners.rows[row])!r} is no box of a width and a height above 0")
    return x, y, x + width, y + height


def _last_of_each_class(images: Iterable[_Image]) -> set[_Image]:
    """The images that ALIA holds out."""
    classes = defaultdict(list)
    for image in images:
        classes[image.label].append(image)
    return {image for members in classes.values() for image in members[-_HELD_OUT:]}


def _files(folder: Path, endings: Collection[str]) -> set[str]:
    """Images below a folder by the ending of their names, as paths in it."""
    found = find_images(folder, follow_links=True) if folder.is_dir() else []
    return {path.relative_to(folder).as_posix() for path in found if path.suffix.lower() in endings}


def _some(names: Iterable[str], what: str) -> str:
    """How many there are, and which."""
    names = sorted(names)
    return f"{len(names):,} {what} (such as {', '.join(names[:3])})"
