"""The images of each class in the folders of ImageNet, ImageNet-V2 (which are numbered) and ImageNet-Sketch."""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from aga_lightning.datasets.imagenet.classes import WORDNET_ID, ImageNetClass
from aga_lightning.datasets.imagenet.labels import KAGGLE, KIT, find_labels, read_labels
from aga_lightning.images.finding import find_folders, find_images
from aga_lightning.images.records import DatasetError, Unused

Images = dict[ImageNetClass, list[Path]]
"""The images of each class, sorted by name; no class is empty."""

V2_FOLDER = "imagenetv2-matched-frequency-format-val"
SKETCH_FOLDER = "sketch"

_KAGGLE_TREE = ("ILSVRC/Data/CLS-LOC", "Data/CLS-LOC", "CLS-LOC")
_CLASS_FOLDER = re.compile(f"{WORDNET_ID.pattern}|[0-9]{{1,4}}")


def find_home(root: Path) -> Path:
    """The folder that holds `train` and `val`: the root, or a folder below it as in Kaggle's archive.

    Raises:
        DatasetError: If there is no such folder.
    """
    for home in (root, *(root / below for below in _KAGGLE_TREE)):
        if (home / "train").is_dir() or (home / "val").is_dir():
            return home
    raise DatasetError(
        f"{root} has neither train nor val, and no {_KAGGLE_TREE[0]} that has them: "
        "set --data.dataset.root to the folder of ImageNet"
    )


def train_images(home: Path, classes: Sequence[ImageNetClass], follow_links: bool = False) -> Images:
    """The training images of each class, by the folders' WordNet ids.

    Raises:
        DatasetError: If a class has no images.
    """
    remedy = "unpack {}.tar, which ILSVRC2012_img_train.tar holds, into it"
    return {listed: _images(home / "train", listed.wordnet_id, remedy, follow_links) for listed in classes}


def validation_images(home: Path, classes: Sequence[ImageNetClass], follow_links: bool = False) -> Images:
    """The official validation images of each class: from class folders, or from a single folder by a list of labels.

    The existence of the images in a list is not checked here.

    Raises:
        DatasetError: If a class has no images, or a list is needed and missing or garbled.
    """
    folder = home / "val"
    if not folder.is_dir():
        raise DatasetError(f"{folder} is missing: unpack ILSVRC2012_img_val.tar into it")
    if has_class_folders(folder):
        remedy = "move the validation images of class {} into it"
        return {listed: _images(folder, listed.wordnet_id, remedy, follow_links) for listed in classes}
    listing = find_labels(home)
    if listing is None:
        raise DatasetError(
            f"{folder} has no class folders such as {classes[0].wordnet_id}, and neither {KAGGLE} nor "
            f"{KIT.as_posix()} is in {home} or the three folders above it: put one of them there"
        )
    names: dict[str, list[str]] = {}
    for name, wordnet_id in sorted(read_labels(listing).items()):
        names.setdefault(wordnet_id, []).append(name)
    for listed in classes:
        if listed.wordnet_id not in names:
            raise DatasetError(f"{listing} lists no image of {listed.wordnet_id} ({listed.name}): take the file again")
    return {listed: [folder / f"{name}.JPEG" for name in names[listed.wordnet_id]] for listed in classes}


def find_v2(folder: Path) -> Path | None:
    """The folder of ImageNet-V2's class folders: this folder, or the authors' folder in it; None if there is none.

    Raises:
        DatasetError: If the folder holds two of the authors' three selections.
    """
    if has_class_folders(folder):
        return folder
    found = [path for path in sorted(folder.glob("imagenetv2-*")) if has_class_folders(path)]
    if len(found) > 1:
        names = " and ".join(path.name for path in found)
        raise DatasetError(f"{folder} holds {names}: set --data.dataset.v2 to one of them")
    return found[0] if found else None


def v2_images(folder: Path, classes: Sequence[ImageNetClass], follow_links: bool = False) -> Images:
    """The images of ImageNet-V2 of each class; its folders are named by index, or by WordNet id if they were renamed.

    Raises:
        DatasetError: If a class has no images, or no index, by which to find its folder.
    """
    home = find_v2(folder)
    if home is None:
        raise _nothing(folder, "v2", V2_FOLDER)
    remedy = f"unpack {V2_FOLDER.removesuffix('-format-val')}.tar.gz again"
    with os.scandir(home) as entries:
        # By number, since some copies pad the names with zeros.
        numbered = {int(entry.name): entry.name for entry in entries if re.fullmatch("[0-9]{1,4}", entry.name)}
    images = {}
    for listed in classes:
        name = listed.wordnet_id
        if numbered:
            if listed.index is None:
                raise DatasetError(f"{home} numbers its folders: give {name} ({listed.name}) its index in `classes`")
            name = numbered.get(listed.index, str(listed.index))
        images[listed] = _images(home, name, remedy, follow_links)
    return images


def find_sketch(folder: Path) -> Path | None:
    """The folder of ImageNet-Sketch's class folders: this folder, or `sketch` or `images` in it; None without one."""
    candidates = (folder, folder / SKETCH_FOLDER, folder / "images")
    return next((path for path in candidates if has_class_folders(path)), None)


def sketch_images(folder: Path, classes: Sequence[ImageNetClass], follow_links: bool = False) -> Images:
    """The images of ImageNet-Sketch of each class, by the folders' WordNet ids.

    Raises:
        DatasetError: If a class has no images.
    """
    home = find_sketch(folder)
    if home is None:
        raise _nothing(folder, "sketch", SKETCH_FOLDER)
    remedy = "unpack ImageNet-Sketch.zip again"
    return {listed: _images(home, listed.wordnet_id, remedy, follow_links) for listed in classes}


def other_files(folders: Sequence[Path], known: Sequence[Path]) -> Iterator[Path]:
    """Unknown files directly in some folders; hidden files and files of operating systems are skipped."""
    images = set(known)
    for folder in folders:
        found: list[Unused] = []
        find_folders(folder, unused=found)
        yield from (one.path for one in found if one.path not in images)


def has_class_folders(folder: Path) -> bool:
    """Whether a folder holds a folder whose name is a WordNet id or a number."""
    if not folder.is_dir():
        return False
    with os.scandir(folder) as entries:
        return any(_CLASS_FOLDER.fullmatch(entry.name) and entry.is_dir() for entry in entries)


def _images(home: Path, name: str, remedy: str, follow_links: bool) -> list[Path]:
    """The images of a class folder; links may lead out of `home`, the folder of all classes, only if allowed."""
    folder = home / name
    if not folder.is_dir():
        raise DatasetError(f"{folder} is missing: {remedy.format(name)}")
    images = find_images(folder, home, follow_links)
    if not images:
        raise DatasetError(f"{folder} holds no images: {remedy.format(name)}")
    return images


def _nothing(folder: Path, setting: str, expected: str) -> DatasetError:
    what = "holds no class folders" if folder.is_dir() else "is not a folder"
    return DatasetError(
        f"{folder} {what}: set --data.dataset.{setting} to the unpacked {expected} or the folder above it, to null to "
        "do without, or --data.dataset.download true"
    )
