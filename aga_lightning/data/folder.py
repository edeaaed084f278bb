"""Any folder of images whose sub-folders are the classes."""

import difflib
import hashlib
import re
from collections.abc import Collection
from functools import cached_property
from pathlib import Path

import yaml

from aga_lightning.data.base import DatasetError, ImageDataset, ImageRecord, Split
from aga_lightning.data.images import check_link, find_images


class ImageFolder(ImageDataset):
    """A folder of images whose sub-folders are the classes.

    Args:
        root: Either holds `train/` and `val/` (and perhaps `test/`), each with one folder a class; or holds the class
            folders themselves, whose images are then split.
        val_fraction: Share of each class that is held out for validation where `root` has no `train/`, between 0 and 1.
        split_seed: Which images are held out.
        superclasses: What a detector is asked for: one word for all classes, a mapping from class to superclass, or the
            path of a YAML file (`.yaml` or `.yml`) with such a mapping. A class left out is its own superclass.
        ood: Out-of-distribution sets: a name (lower case, digits and underscores) and a folder of class folders.
            Classes may be missing there, but none may be new.
        classes: The classes to use, in label order; by default all of them, sorted by name.
    """

    def __init__(
        self,
        root: str,
        val_fraction: float = 0.2,
        split_seed: int = 0,
        superclasses: dict[str, str] | str | None = None,
        ood: dict[str, str] | None = None,
        classes: list[str] | None = None,
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
        self._chosen = classes

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Class names in label order: one directory listing, the first time."""
        if self._chosen is None:
            return self._folders
        for name in self._chosen:
            _check_known(name, self._folders, "in the setting `classes`")
        return tuple(self._chosen)

    def superclass(self, class_name: str) -> str:
        """What a detector is asked for instead of the class."""
        if isinstance(self._superclasses, str):
            return self._superclasses
        return self._superclasses.get(class_name, class_name)

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
        return ImageRecord(path, self.classes.index(name), name, self.superclass(name))

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
    def _superclasses(self) -> dict[str, str] | str:
        given = self.superclasses
        if given is None:
            return {}
        source = "in the setting `superclasses`"
        if isinstance(given, str):
            if not given.lower().endswith((".yaml", ".yml")):
                return given
            source = f"in {given}"
            given = _read_mapping(Path(given))
        for name in given:
            _check_known(name, self._folders, source)
        return given

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
            _check_known(name, self._folders, f"in {folder}")
        return [name for name in self.classes if name in present]

    def _share_of(self, images: list[Path], folder: Path, split: Split) -> list[Path]:
        """One class's images of a split; lots depend on an image's own name, so that few change as some are added."""
        held_out = min(max(round(self.val_fraction * len(images)), 1), len(images) - 1)
        lots = sorted(
            images,
            key=lambda path: hashlib.sha256(
                f"{self.split_seed}/{path.relative_to(folder).as_posix()}".encode()
            ).digest(),
        )
        chosen = lots[held_out:] if split == "train" else lots[:held_out]
        return sorted(chosen, key=lambda path: path.as_posix())


def _class_folders(folder: Path, root: Path) -> tuple[str, ...]:
    """Names of the folders in a folder, sorted; hidden ones are passed over."""
    names = []
    for path in folder.iterdir():
        if path.is_dir() and not path.name.startswith("."):
            check_link(path, root.resolve())
            names.append(path.name)
    return tuple(sorted(names))


def _check_known(name: str, known: Collection[str], where: str) -> None:
    if name not in known:
        nearest = difflib.get_close_matches(name, known, n=3, cutoff=0.4) or sorted(known)[:3]
        raise DatasetError(
            f"class {name!r} {where} is unknown: the training classes nearest to it are {', '.join(nearest)}"
        )


def _read_mapping(path: Path) -> dict[str, str]:
    """A YAML mapping of words to words, each as it is written (`no` and `007` stay text)."""
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DatasetError(f"{path} cannot be read as YAML: {error}") from error
    if not isinstance(content, dict) or not all(isinstance(word, str) for pair in content.items() for word in pair):
        raise DatasetError(f"{path} must map each class to its superclass, one `class: superclass` a line")
    return content
