"""iWildCam as a data set: the frames of each split, and the places of their images."""

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Literal

from aga_lightning.datasets.base import ImageDataset, Split
from aga_lightning.datasets.iwildcam.lists import ALIA_LISTS, Frames, read_alia, read_categories, read_wilds
from aga_lightning.datasets.superclasses import Superclasses, find_superclasses
from aga_lightning.images.finding import find_images
from aga_lightning.images.records import DatasetError, ImageRecord
from aga_lightning.paths import UserPath

_ALIA = {
    0: ("empty", ""),
    24: ("cattle", "cow"),
    32: ("elephants", "elephant"),
    36: ("impalas", "antelope"),
    48: ("zebras", "zebra"),
    49: ("giraffes", "giraffe"),
    52: ("dik-diks", "antelope"),
}
"""Name and superclass of ALIA's classes, by their number in WILDS."""
_NO_ANIMALS = {"empty": "", "motorcycle": "motorcycle"}  # categories.csv has one such class beside the empty frames
_PUBLISHED = {
    "alia": {"train": 6_052, "val": 2_826, "test": 8_483, "extra": 2_224},
    "wilds": {"train": 129_809, "val": 14_961, "test": 42_791, "id_val": 7_314, "id_test": 8_154},
}
_PUBLISHED_CLASSES = 182
_GUIDE = """\
iWildCam has no address that lasts: fetch it by hand. The images, one of:
- For both splits: iwildcam_v2.0 of WILDS (12 GB; images shrunk to a height of 448 pixels). Its host, CodaLab, has not
  answered since April 2026: https://github.com/p-lambda/wilds/issues/174. A copy that calls itself unmodified, but is
  neither WILDS' own nor tried by us, is https://huggingface.co/datasets/emmilly/iwildcam-wilds-v2.
- For the split alia, which needs 17,361 of them, or 19,585 with `extra`: the same photos under the same file names, but
  in full size (about 100 GB), from https://www.kaggle.com/c/iwildcam-2020-fgvc7 or
  https://lila.science/datasets/iwildcam-2022. Shrink them to a height of 448 pixels to have what WILDS has.
ALIA's lists, for the split alia: the four *_subset.csv in data/iwildcam_v2.0 of https://github.com/lisadunlap/ALIA, as
they are or compressed (.csv.gz), in `root` or in a folder of their own, `csvs`. The trees:
  iwildcam_v2.0/                                             split wilds
    metadata.csv  categories.csv
    train/8f618aec-21bc-11ea-a13a-137349068a90.jpg ...       the images of all splits
  any folder/                                                split alia
    train_subset.csv  val_subset.csv  test_subset.csv  train_extra_subset.csv
    train/8f618aec-21bc-11ea-a13a-137349068a90.jpg ...       or, without `train`, the images at any depth"""


class IWildCam(ImageDataset):
    """iWildCam 2020 (Beery et al. 2020), as split by WILDS (Koh et al. 2021) or by ALIA (Dunlap et al. 2023).

    Each image's group is the location of its camera, so that results give the accuracy at each and at the worst
    location. There is no setting for a download, because there is no stable address; the verb check says where to look.

    Splits:

    - alia: 6,052 training images from 15 locations, 2,826 validation images from 122 (nine of them among the 15), and
      8,483 test images from two that are in neither.
    - wilds: 129,809 training images; 7,314 validation and 8,154 test images from the same locations (`id_val` and
      `id_test` of WILDS); and out of distribution, from locations of their own, 14,961 of ood/val and 42,791 of
      ood/test.

    Args:
        root: The folder of the images: `train` in it if there is one, otherwise all images in it at any depth. For the
            split wilds it also holds metadata.csv and categories.csv. The folder that holds iwildcam_v2.0 is accepted
            too.
        split: Which images train and which evaluate: alia or wilds.
        csvs: The folder of ALIA's four lists; null for `root`.
        classes: alia: empty, cattle, elephants, impalas, zebras, giraffes and dik-diks (ALIA calls the empty frames
            "background"); also possible with the split wilds, whose other images are then left out. all: the 182
            classes of WILDS.
        extra: Also train on 2,224 images from 13 further locations; ALIA compares its augmentations with as many more
            real images. Only for the split alia.
        superclasses: The words for which a detector is asked: one word for all classes, a mapping from class to
            superclass, the path of a YAML file (`.yaml` or `.yml`) with such a mapping, or `wordnet:<depth>`; null for
            cow, elephant, antelope, zebra, giraffe and antelope, and animal for all others. Empty frames have no
            superclass and are not augmented.
        follow_links: Let symbolic links lead out of `root`.
    """

    def __init__(
        self,
        root: UserPath | str,
        split: Literal["alia", "wilds"] = "alia",
        csvs: UserPath | str | None = None,
        classes: Literal["alia", "all"] = "alia",
        extra: bool = False,
        superclasses: Superclasses = None,
        follow_links: bool = False,
    ) -> None:
        if split not in _PUBLISHED:
            raise DatasetError(f"split is {split!r}; choose alia or wilds")
        if classes not in ("alia", "all"):
            raise DatasetError(f"classes is {classes!r}; choose alia or all")
        if split == "alia" and classes == "all":
            raise DatasetError("the split alia has only its seven classes: set classes to alia, or split to wilds")
        if split == "wilds" and csvs is not None:
            raise DatasetError("csvs is for the split alia: set split to alia, or csvs to null")
        if split == "wilds" and extra:
            raise DatasetError("extra is for the split alia: set split to alia, or extra to false")
        self.root = UserPath.of(root)
        self.split = split
        self.csvs = None if csvs is None else UserPath.of(csvs)
        self.extra = extra
        self.superclasses = superclasses
        self.follow_links = follow_links
        self._all_classes = classes == "all"

    @property
    def folder(self) -> Path:
        """`root`, or the folder iwildcam_v2.0 in it if `root` has no lists."""
        root, inner = Path(self.root), Path(self.root, "iwildcam_v2.0")
        return inner if inner.is_dir() and not any(root.glob("*.csv*")) else root

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes in the order of their numbers in WILDS; all 182 are read from categories.csv."""
        return tuple(self._class_of.values())

    def superclass(self, class_name: str) -> str:
        """The superclass of a class, for which a detector is asked; empty for the empty frames."""
        return self._superclasses[class_name]

    def guide(self) -> str:
        """Where to get the images and ALIA's lists, and the layout of the folders."""
        return _GUIDE

    def records(self, split: Split) -> list[ImageRecord]:
        """The images of one split, in the order of its list.

        Raises:
            DatasetError: If a list is missing or garbled, or two image files have the same name.
        """
        if self.split == "alia":
            return self._records([split, "extra"] if split == "train" and self.extra else [split])
        name = split if split == "train" else f"id_{split}"
        records = self._records([name])
        if not records:
            raise DatasetError(f"{self.folder / 'metadata.csv'} lists no image of the split {name} and the classes "
                               "that are used: take it again from WILDS, or set split to alia")  # fmt: skip
        return records

    def ood_records(self) -> dict[str, list[ImageRecord]]:
        """For the split wilds the sets val and test, from other locations; empty sets are left out.

        Raises:
            DatasetError: As `records` does.
        """
        sets = {name: self._records([name]) for name in ("val", "test") if self.split == "wilds"}
        return {name: records for name, records in sets.items() if records}

    def remarks(self) -> list[str]:
        """Counts that differ from the published ones, repeated rows, and cameras in training and test sets."""
        remarks = []
        for name, published in _PUBLISHED[self.split].items():
            frames = self._frames.get(name, [])
            if len(frames) != published and (name != "extra" or self.extra):
                remarks.append(f"{len(frames):,} images of {name} are listed where {published:,} are published.")
            if repeated := len(frames) - len({frame.name for frame in frames}):
                remarks.append(f"{repeated:,} rows of {name} list an image once more.")
        if self._all_classes and len(self.classes) != _PUBLISHED_CLASSES:
            remarks.append(f"{len(self.classes)} classes are listed where {_PUBLISHED_CLASSES} are published.")
        unseen = {"val": "ood/val", "test": "ood/test"} if self.split == "wilds" else {"test": "test"}
        trained = self._locations("train") | self._locations("extra")
        for name, called in unseen.items():
            if shared := trained & self._locations(name):
                remarks.append(f"{len(shared)} of the locations of {called} train too (such as {_group(min(shared))}), "
                               "so that it does not show new cameras alone.")  # fmt: skip
        return remarks

    @cached_property
    def _class_of(self) -> dict[int, str]:
        """The name of each class by its number in WILDS, in label order."""
        return read_categories(self.folder) if self._all_classes else {y: name for y, (name, _) in _ALIA.items()}

    @cached_property
    def _superclasses(self) -> dict[str, str]:
        known = {name: _ALIA[y][1] for y, name in self._class_of.items() if y in _ALIA}
        return find_superclasses(
            self.superclasses, self.classes, default=lambda name: known.get(name, _NO_ANIMALS.get(name, "animal"))
        )

    @cached_property
    def _frames(self) -> Frames:
        """The frames of all lists; for the split wilds also frames of unused classes."""
        if self.split == "alia":
            splits = [split for split in ALIA_LISTS if split != "extra" or self.extra]
            return read_alia(Path(self.csvs) if self.csvs else self.folder, splits, self._class_of)
        return read_wilds(self.folder, self._class_of if self._all_classes else None)

    @cached_property
    def _images(self) -> "_Images":
        return _Images(self.folder, self.follow_links)

    def _locations(self, name: str) -> set[int]:
        return {frame.location for frame in self._frames.get(name, [])}

    def _records(self, names: Iterable[str]) -> list[ImageRecord]:
        """The images of some splits that belong to the used classes."""
        numbered = enumerate(self._class_of.items())
        classes = {y: (label, name, self.superclass(name)) for label, (y, name) in numbered}
        return [
            ImageRecord(self._images.path(frame.name), *classes[frame.y], group=_group(frame.location))
            for name in names
            for frame in self._frames.get(name, [])
            if frame.y in classes
        ]


class _Images:
    """The paths of images by their file names.

    Args:
        root: The folder whose folder `train` holds the images, or that holds them at any depth.
        follow_links: Whether symbolic links may lead out of it.
    """

    def __init__(self, root: Path, follow_links: bool) -> None:
        self._folder = root / "train" if (root / "train").is_dir() else root
        self._found: dict[str, Path] = {}
        self._again: dict[str, Path] = {}
        for path in find_images(self._folder, root, follow_links):
            if self._found.setdefault(path.name, path) is not path:
                self._again[path.name] = path

    def path(self, name: str) -> Path:
        """The path of an image; if there is none, its expected path.

        Raises:
            DatasetError: If two images have this name.
        """
        if name in self._again:
            raise DatasetError(f"{self._found[name]} and {self._again[name]} have the same name: remove one, or set "
                               "--data.dataset.root to the folder of the right one")  # fmt: skip
        return self._found.get(name, self._folder / name)


def _group(location: int) -> str:
    """Name of a location in the results, padded so that names sort like numbers."""
    return f"location {location:03}"
