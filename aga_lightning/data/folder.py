"""Any folder of images whose sub-folders are the classes."""

import re
from functools import cached_property
from pathlib import Path

from aga_lightning.data.base import DatasetError, ImageDataset, ImageRecord, Split
from aga_lightning.data.images import check_link, find_images
from aga_lightning.data.splits import hold_out
from aga_lightning.data.superclasses import Superclasses, check_known, find_superclasses


class ImageFolder(ImageDataset):
    """A folder of images whose sub-folders are the classes.

    Args:
        root: Either holds `train/` and `val/` (and perhaps `test/`), each with one folder a class; or holds the class
            folders themselves, whose images are then split.
        val_fraction: Share of each class that is held out for validation where `root` has no `train/`, between 0 and 1.
        split_seed: Which images are held out.
        superclasses: What a detector is asked for: one word for all classes, a mapping from class to superclass, or the
            path of a YAML file (`.yaml` or `.yml`) with such a mapping, or `wordnet:<depth>` for each class's ancestor
            at that depth of WordNet's tree of nouns. A class left out is its own superclass; one whose superclass is
            empty has no subject, and is not augmented.
        ood: Out-of-distribution sets: a name (lower case, digits and underscores) and a folder of class folders.
            Classes may be missing there, but none may be new.
        classes: The classes to use, in label order; by default all of them, sorted by name.
        masks: A folder of the subjects' masks, PNG files in the same tree as the images below `root`
            (`<masks>/train/owl/1.png` for `<root>/train/owl/1.jpg`) and of their sizes; pixels above 0 are subject.
            Images without such a file have no mask.
    """

    def __init__(
        self,
        root: str,
        val_fraction: float = 0.2,
        split_seed: int = 0,
        superclasses: Superclasses = None,
        ood: dict[str, str] | None = None,
        classes: list[str] | None = None,
        masks: str | None = None,
    ) -> None:
        if not 0 < val_fraction < 1:
            raise DatasetError(f"val_fraction must lie between 0 and 1, not {val_fraction}")
        for name in ood or {}:
            if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
                raise DatasetError(
                    f"the out-of-distribution set {name!r} becomes part of metric names: "
                    "use lower-case letters, digits and underscores, a letter first"
                )
        if classes is not None and len(set(classes)) != len(classes):
            raise DatasetError(f"classes lists a class twice: {classes}")
        self.root = root
        self.val_fraction = val_fraction
        self.split_seed = split_seed
        self.superclasses = superclasses
        self.ood = ood
        self.masks = masks
        self._chosen = classes

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Class names in label order: one directory listing, the first time."""
        if self._chosen is None:
            return self._folders
        for name in self._chosen:
            check_known(name, self._folders, "in the setting `classes`")
        return tuple(self._chosen)

    def superclass(self, class_name: str) -> str:
        """What a detector is asked for instead of the class."""
        return self._superclasses[class_name]

    def records(self, split: Split) -> list[ImageRecord]:
        """The images of one split, class by class and sorted by name; without `test/`, "test" is "val".

        Raises:
            DatasetError: If a folder is missing or empty, a class is unknown, or a link leads out of the root.
        """
        folder = self._folder_of(split)
        records = []
        for name in self._classes_in(folder, Path(self.root)):
            images = find_images(folder / name, Path(self.root))
            if split == "train" and not images:
                raise DatasetError(f"{folder / name} holds no images: add some, or remove the folder")
            if not self._ready_split:
                images = self._share_of(images, folder, split)
            records += [self._record(path, name) for path in images]
        if not records:
            raise DatasetError(f"{folder} gives no images for {split}: add some, or point `root` elsewhere")
        return records

    def ood_records(self) -> dict[str, list[ImageRecord]]:
        """The out-of-distribution sets by name.

        Raises:
            DatasetError: If a folder is missing or empty, a class is unknown, or a link leads out of its folder.
        """
        return {name: self._ood_set(Path(folder)) for name, folder in (self.ood or {}).items()}

    def _ood_set(self, folder: Path) -> list[ImageRecord]:
        names = self._classes_in(folder, folder)
        records = [self._record(path, name) for name in names for path in find_images(folder / name, folder)]
        if not records:
            raise DatasetError(
                f"{folder} holds no images of any class: it needs one folder a class, named as in training"
            )
        return records

    def _record(self, path: Path, name: str) -> ImageRecord:
        return ImageRecord(path, self.classes.index(name), name, self.superclass(name), mask_path=self._mask_of(path))

    def _mask_of(self, path: Path) -> Path | None:
        if self.masks is None or not path.is_relative_to(self.root):
            return None
        if not Path(self.masks).is_dir():
            raise DatasetError(f"{self.masks} is not a folder: set `masks` to the folder of the masks, or leave it out")
        mask = Path(self.masks) / path.relative_to(self.root).with_suffix(".png")
        return mask if mask.is_file() else None

    @cached_property
    def _ready_split(self) -> bool:
        """Whether the user has split the images."""
        return any((Path(self.root) / split).is_dir() for split in ("train", "val"))

    @cached_property
    def _folders(self) -> tuple[str, ...]:
        """All class folders, chosen or not."""
        if not Path(self.root).is_dir():
            raise DatasetError(f"{self.root} is not a folder: set `root` to the folder of the images")
        folder = self._folder_of("train")
        names = _class_folders(folder, Path(self.root))
        if not names:
            raise DatasetError(f"{folder} has no class folders: put the images of each class into a folder of its name")
        return names

    @cached_property
    def _superclasses(self) -> dict[str, str]:
        return find_superclasses(self.superclasses, self.classes, known=self._folders)

    def _folder_of(self, split: Split) -> Path:
        root = Path(self.root)
        if not self._ready_split:
            return root
        if split == "test" and not (root / "test").is_dir():
            split = "val"
        folder = root / split
        if not folder.is_dir():
            raise DatasetError(
                f"{folder} is missing: add it, or set `root` to one folder of class folders "
                f"and {self.val_fraction:g} of each class is held out for validation"
            )
        check_link(folder, root.resolve())
        return folder

    def _classes_in(self, folder: Path, root: Path) -> list[str]:
        """The chosen classes that a folder has, in label order; a folder of an unknown name is an error."""
        if not folder.is_dir():
            raise DatasetError(f"{folder} is not a folder: check the path")
        present = _class_folders(folder, root)
        for name in present:
            check_known(name, self._folders, f"in {folder}")
        return [name for name in self.classes if name in present]

    def _share_of(self, images: list[Path], folder: Path, split: Split) -> list[Path]:
        """One class's images of a split."""
        count = min(max(round(self.val_fraction * len(images)), 1), len(images) - 1)
        held_out = hold_out([path.relative_to(folder).as_posix() for path in images], count, self.split_seed)
        return [path for path, held in zip(images, held_out, strict=True) if held != (split == "train")]


def _class_folders(folder: Path, root: Path) -> tuple[str, ...]:
    """Names of the folders in a folder, sorted; hidden ones are passed over."""
    names = []
    for path in folder.iterdir():
        if path.is_dir() and not path.name.startswith("."):
            check_link(path, root.resolve())
            names.append(path.name)
    return tuple(sorted(names))
