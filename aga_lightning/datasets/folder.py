"""Any folder of images whose sub-folders are the classes."""

import re
from collections.abc import Sequence
from functools import cached_property
from glob import escape
from pathlib import Path

from aga_lightning.datasets.base import ImageDataset, Split
from aga_lightning.datasets.boxes import Boxes
from aga_lightning.datasets.split_folders import find_splits, likely_root, looks_like_split, refuse_nested
from aga_lightning.datasets.splits import Source, check_fractions, source_of, three_ways
from aga_lightning.datasets.superclasses import Superclasses, check_known, find_superclasses
from aga_lightning.files import shown
from aga_lightning.images.finding import check_link, find_folders, find_images, told
from aga_lightning.images.records import DatasetError, ImageRecord, Unused
from aga_lightning.paths import UserPath

_PARTS = frozenset("annotations images img imgs labels masks segmentations".split())
"""Frequent names of folders in a data set that hold no class."""


class ImageFolder(ImageDataset):
    """A folder of images whose sub-folders are the classes.

    Args:
        root: A folder of class folders, whose images are split in three; or a folder with `train/` and `val/`, `test/`
            or both (training, valid, validation, dev and testing mean the same, in capitals or not), each with one
            folder for each class. Images may be in further folders inside the class folders.
        val_fraction: Share of the validation images in each class, between 0 and 1: of all images if `root` holds the
            class folders, of those of `train/` if there is no `val/`.
        test_fraction: Share of the test images in each class: of all images if `root` holds the class folders, of those
            of `val/` if there is no `test/`. Null for 0.2 and 0. With 0 there are no test images: the validation
            images, which choose the checkpoint, are judged at the end, under their own name.
        split_seed: Seed of the choice of validation and test images.
        superclasses: The words for which a detector is asked: one word for all classes, a mapping from class to
            superclass, the path of a YAML file (`.yaml` or `.yml`) with such a mapping, or `wordnet:<depth>` for each
            class's ancestor at that depth of WordNet's tree of nouns. A class that is left out is its own superclass; a
            class whose superclass is empty has no subject, and is not augmented.
        ood: Out-of-distribution sets: a name (lower case, digits and underscores) and a folder of class folders each.
            Classes may be missing there, but none may be new.
        classes: The classes to use, in label order; by default all classes, sorted by name.
        masks: A folder of the subjects' masks: PNG files of the images' sizes in the same tree as the images in `root`
            (`<masks>/train/owl/1.png` for `<root>/train/owl/1.jpg`); pixels above 0 are subject. Images without such a
            file have no mask.
        follow_links: Let symbolic links lead out of `root` and of the folders of `ood`.
        boxes: Boxes around the subjects: a CSV file with the columns path, x1, y1, x2 and y2 (pixels), a COCO JSON
            file, or a folder of YOLO's text files or of Pascal VOC's XML files. Images are named by the end of their
            path, with or without its ending (`owl/1.jpg`, `1`); of several boxes of an image the largest counts.
    """

    def __init__(
        self,
        root: UserPath | str,
        *,
        val_fraction: float = 0.2,
        test_fraction: float | None = None,
        split_seed: int = 0,
        superclasses: Superclasses = None,
        ood: dict[str, UserPath | str] | None = None,
        classes: list[str] | None = None,
        masks: UserPath | str | None = None,
        follow_links: bool = False,
        boxes: UserPath | str | None = None,
    ) -> None:
        check_fractions(val_fraction, test_fraction or 0.0)
        for name in ood or {}:
            if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
                raise DatasetError(
                    f"the out-of-distribution set {name!r} becomes part of metric names: "
                    "use lower-case letters, digits and underscores, a letter first"
                )
        if classes is not None and len(set(classes)) != len(classes):
            raise DatasetError(f"classes lists a class twice: {classes}")
        self.root = UserPath.of(root)
        self.val_fraction = val_fraction
        self.test_fraction = test_fraction
        self.split_seed = split_seed
        self.superclasses = superclasses
        self.ood = None if ood is None else {name: UserPath.of(folder) for name, folder in ood.items()}
        self.masks = None if masks is None else UserPath.of(masks)
        self.boxes = None if boxes is None else UserPath.of(boxes)
        self.follow_links = follow_links
        self._chosen = classes
        self._unused: dict[Path, list[Unused]] = {}

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Class names in label order; the folder is listed once."""
        if self._chosen is None:
            return self._folders
        for name in self._chosen:
            check_known(name, self._folders, "in the setting `classes`")
        return tuple(self._chosen)

    def superclass(self, class_name: str) -> str:
        """The superclass of a class, for which a detector is asked."""
        return self._superclasses[class_name]

    def records(self, split: Split) -> list[ImageRecord]:
        """The images of one split, class by class and sorted by name; without test images, "test" is "val".

        Raises:
            DatasetError: If a folder is missing or empty, a class is unknown, a link leads out of the root, images are
                in folders that are named like splits or other classes, or boxes or masks are those of other images.
        """
        source = self._source(split)
        folder = self._folder_of(source.given)
        records = []
        for name in self._classes_in(folder, Path(self.root)):
            images = self._images_of(folder / name, Path(self.root))
            if split == "train" and not images:
                there = "".join(f", but {line}" for line in told(self._unused[folder / name])[:1])
                raise DatasetError(f"{shown(folder / name)} holds no images{there}: add some, or remove the folder")
            if source.part:
                names = [path.relative_to(folder).as_posix() for path in images]
                parts = three_ways(names, source.val_fraction, source.test_fraction, self.split_seed)
                images = [path for path, part in zip(images, parts, strict=True) if part == source.part]
            records += [self._record(path, name) for path in images]
        if not records and split == "test" and source.part:
            return self.records("val")
        if not records:
            remedy = "put the images of each class into a folder of its name, or point `root` elsewhere"
            if source.part:
                remedy = "it has one image of each class, which trains: add more"
            raise DatasetError(f"{shown(folder)} gives no images for {split}: {remedy}")
        if split == "train" and self._boxes is not None and not any(record.box for record in records):
            raise DatasetError(
                f"no training image has a box in {shown(self.boxes)}, which names its images like "
                f"{self._boxes.example!r}, while one of them is {shown(records[0].path)}: correct the names, or leave "
                "`boxes` out"
            )
        if split == "train" and self.masks is not None and not any(record.mask_path for record in records):
            self._refuse_strange_masks(Path(self.masks), records[0].path)
        return records

    def ood_records(self) -> dict[str, list[ImageRecord]]:
        """The out-of-distribution sets by name.

        Raises:
            DatasetError: As `records` does.
        """
        return {name: self._ood_set(Path(folder)) for name, folder in (self.ood or {}).items()}

    def unused(self) -> list[Unused]:
        """Files among the images that are not used, as far as the images have been listed."""
        return [one for found in self._unused.values() for one in found]

    def remarks(self) -> list[str]:
        """Remarks on folders beside the splits, doubtful classes and sub-folders, and images without masks."""
        root = Path(self.root)
        remarks = []
        used = [
            Path(path).resolve() for path in (*(self.ood or {}).values(), self.masks, self.boxes) if path is not None
        ]
        if self._splits:
            self._unused[root] = []
            beside = [
                path for path in find_folders(root, unused=self._unused[root]) if path not in self._splits.values()
            ]
            beside = [path for path in beside if not any(one.is_relative_to(path.resolve()) for one in used)]
            if beside:
                names = ", ".join(shown(path.name) for path in beside)
                remarks.append(f"folders beside those of the splits are not used: {names}.")
            if "test" not in self._splits and not self.test_fraction:
                remarks.append("half of val/ becomes a test set by --data.dataset.test_fraction 0.5.")
        records = self.records("train")
        if shared := _shared_folders(records, self._folder_of("train")):
            remarks.append(
                f"the images of all classes lie in sub-folders of the same names ({', '.join(map(shown, shared))}): if "
                f"those are the classes, {shown(self._folder_of('train'))} is one level too high."
            )
        if len(parts := sorted(_PARTS.intersection(self.classes))) > 1:
            remarks.append(
                f"the classes {' and '.join(parts)} are called like the parts of a data set: `root` may be one level "
                "too high, and `masks` is a setting of its own."
            )
        if alike := alike_but_for_case(self.classes):
            remarks.append(f"classes differ by capital letters alone: {'; '.join(alike)}. Are they the same?")
        if self.masks is not None and (bare := sum(record.mask_path is None for record in records)):
            remarks.append(f"{bare} of {len(records)} training images have no mask in {shown(self.masks)}.")
        if self.boxes is not None and (bare := sum(record.box is None for record in records)):
            remarks.append(f"{bare} of {len(records)} training images have no box in {shown(self.boxes)}.")
        return remarks

    def _ood_set(self, folder: Path) -> list[ImageRecord]:
        names = self._classes_in(folder, folder)
        records = [self._record(path, name) for name in names for path in self._images_of(folder / name, folder)]
        if not records:
            raise DatasetError(
                f"{shown(folder)} holds no images of any class: it needs one folder a class, named as in training"
            )
        return records

    def _images_of(self, folder: Path, root: Path) -> list[Path]:
        """The images in a class folder."""
        self._unused[folder] = []
        images = find_images(folder, root, self.follow_links, self._unused[folder])
        refuse_nested(folder, images, self.classes)
        return images

    def _record(self, path: Path, name: str) -> ImageRecord:
        box = self._boxes.of(path) if self._boxes is not None and path.is_relative_to(self.root) else None
        return ImageRecord(path, self.classes.index(name), name, self.superclass(name), box, self._mask_of(path))

    def _mask_of(self, path: Path) -> Path | None:
        if self.masks is None or not path.is_relative_to(self.root):
            return None
        if not Path(self.masks).is_dir():
            raise DatasetError(f"{self.masks} is not a folder: set `masks` to the folder of the masks, or leave it out")
        mask = Path(self.masks) / path.relative_to(self.root).with_suffix(".png")
        return mask if mask.is_file() else None

    def _refuse_strange_masks(self, masks: Path, image: Path) -> None:
        """Refuse a folder of masks of which none is an image's, not even an evaluation image's."""
        root = Path(self.root)
        named = (root / mask.relative_to(masks).with_suffix("") for mask in sorted(masks.rglob("*.png")))
        if not any(any(place.parent.glob(f"{escape(place.name)}.*")) for place in named):
            expected = masks / image.relative_to(root).with_suffix(".png")
            raise DatasetError(
                f"{shown(masks)} holds the mask of no image: that of {shown(image)} would be {shown(expected)}: "
                "correct the names, or leave `masks` out"
            )

    @cached_property
    def _boxes(self) -> Boxes | None:
        return None if self.boxes is None else Boxes(Path(self.boxes))

    @cached_property
    def _splits(self) -> dict[Split, Path]:
        """The folders of the user's splits; empty if `root` holds the class folders."""
        if not Path(self.root).is_dir():
            raise DatasetError(f"{shown(self.root)} is not a folder: set `root` to the folder of the images")
        return find_splits(Path(self.root))

    @cached_property
    def _folders(self) -> tuple[str, ...]:
        """All class folders, chosen or not."""
        folder = self._folder_of("train")
        names = self._class_folders(folder, Path(self.root))
        if not names:
            raise DatasetError(
                f"{shown(folder)} has no class folders: put the images of each class into a folder of its name"
            )
        if len(names) == 1 and (inside := likely_root(folder / names[0])):
            raise DatasetError(
                f"{shown(folder)} holds one folder only, {shown(names[0])}, and folders in it: if those are the "
                f"classes or the splits, {'move them up' if self._splits else f'set `root` to {shown(inside)}'}"
            )
        return names

    @cached_property
    def _superclasses(self) -> dict[str, str]:
        return find_superclasses(self.superclasses, self.classes, known=self._folders)

    def _folder_of(self, split: Split) -> Path:
        root = Path(self.root)
        if not self._splits:
            return root
        folder = self._splits.get(split, root / split)
        if not folder.is_dir():
            other = self._misnamed
            raise DatasetError(
                f"{shown(folder)} is missing: {f'rename {shown(other)} to it' if other else 'add it'}, or set `root` "
                "to one folder of class folders, whose images are then split"
            )
        check_link(folder, self._home(root))
        return folder

    def _classes_in(self, folder: Path, root: Path) -> list[str]:
        """The chosen classes that a folder has, in label order; a folder of an unknown name is an error."""
        if not folder.is_dir():
            raise DatasetError(f"{shown(folder)} is not a folder: check the path")
        present = self._class_folders(folder, root)
        for name in present:
            if looks_like_split(name) and name not in self._folders:
                raise DatasetError(
                    f"{shown(folder / name)} is called like a split, where class folders are expected: name the folder "
                    f"of one split, such as {shown(folder / name)} itself"
                )
            check_known(name, self._folders, f"in {shown(folder)}")
        return [name for name in self.classes if name in present]

    def _class_folders(self, folder: Path, root: Path) -> tuple[str, ...]:
        """Names of the class folders in a folder, sorted."""
        self._unused[folder] = []
        return tuple(path.name for path in find_folders(folder, self._home(root), self._unused[folder]))

    def _home(self, root: Path) -> Path | None:
        """The folder that links must not lead out of; None if they may lead anywhere."""
        return None if self.follow_links else root.resolve()

    def _source(self, split: Split) -> Source:
        """Where the images of a split are taken from."""
        given: set[Split] = {"train", *self._splits}
        if self._splits and ("test" not in given or self._misnamed):
            given.add("val")  # it has to be there
        return source_of(split, given, self.val_fraction, self.test_fraction)

    @property
    def _misnamed(self) -> Path | None:
        """The first folder beside the splits that is called like a split; None if there is none."""
        folders = find_folders(Path(self.root))
        return next((one for one in folders if looks_like_split(one.name) and one not in self._splits.values()), None)


def alike_but_for_case(names: Sequence[str]) -> list[str]:
    """Groups of names that differ by capital letters alone, one text each."""
    alike: dict[str, list[str]] = {}
    for name in names:
        alike.setdefault(name.casefold(), []).append(shown(name))
    return [" and ".join(group) for group in alike.values() if len(group) > 1]


def _shared_folders(records: Sequence[ImageRecord], folder: Path) -> list[str]:
    """Names of sub-folders that hold the images of every class; empty unless there are at least two."""
    inside: dict[str, set[str]] = {}
    for parent, name in {(record.path.parent, record.class_name) for record in records}:
        inside.setdefault(name, set()).add("/".join(parent.relative_to(folder / name).parts[:1]))
    shared = set.intersection(*inside.values()) if len(inside) > 1 else set()
    return sorted(shared) if len(shared) > 1 and "" not in set().union(*inside.values()) else []
