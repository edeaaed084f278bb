"""ImageNet as a data set: which images train and which evaluate, in and out of distribution."""

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

from aga_lightning.datasets.base import ImageDataset, Split
from aga_lightning.datasets.download import fetch_archive
from aga_lightning.datasets.imagenet.classes import IMAGENET10, ImageNetClass, read_classes
from aga_lightning.datasets.imagenet.labels import VALIDATION_IMAGE
from aga_lightning.datasets.imagenet.trees import (
    SKETCH_FOLDER,
    V2_FOLDER,
    Images,
    find_home,
    find_sketch,
    find_v2,
    has_class_folders,
    other_files,
    sketch_images,
    train_images,
    v2_images,
    validation_images,
)
from aga_lightning.datasets.lists import some
from aga_lightning.datasets.splits import hold_out
from aga_lightning.datasets.superclasses import Superclasses, find_superclasses
from aga_lightning.downloads import Published
from aga_lightning.images.records import DatasetError, ImageRecord
from aga_lightning.paths import UserPath

# Checksums and sizes are those that tensorflow_datasets (V2) and Hugging Face's datasets (Sketch) compare with.
_V2_ARCHIVE = Published(
    "https://huggingface.co/datasets/vaishaal/ImageNetV2/resolve/main/imagenetv2-matched-frequency.tar.gz",
    "sha256:f0c37fdf925916b19ea1323cd9a2208cdb6959ba2c32eef2a7fc393835c9ca7c",
    1_264_079_360,
)
_SKETCH_ARCHIVE = Published(
    "https://huggingface.co/datasets/songweig/imagenet_sketch/resolve/main/data/ImageNet-Sketch.zip",
    "sha256:4d3ce6b82a7c48aabf14aeac105eb533e75707f152cc858f55bfc022031a72ed",
    7_593_573_012,
)
_TRAIN, _VAL, _V2, _SKETCH = (732, 1_300), 50, 10, 50
"""Published images of a class; ImageNet-Sketch has 50,889 in all, so that some of its classes have more than 50."""
_PAPER_TRAINS = 13_046
_GUIDE = """\
ImageNet (ILSVRC-2012) needs an account, and so is not downloaded. Get it from https://image-net.org (the training and
validation images of task 1 and 2 and the development kit), or from Kaggle (CLS-LOC), and set `root` to one of:
  imagenet/                                                     or any other name; further classes may be there
    train/n01592084/n01592084_10026.JPEG ...
    val/n01592084/ILSVRC2012_val_00002846.JPEG ...              sorted into class folders, or as it comes:
    val/ILSVRC2012_val_00000001.JPEG ...                        with LOC_val_solution.csv or the development kit
    ILSVRC2012_devkit_t12/data/meta.mat  ILSVRC2012_validation_ground_truth.txt
  imagenet-object-localization-challenge/                       Kaggle's archive
    ILSVRC/Data/CLS-LOC/train/ ...  ILSVRC/Data/CLS-LOC/val/ ...  LOC_val_solution.csv
ImageNet-V2 (`v2`, 1.3 GB): imagenetv2-matched-frequency.tar.gz of https://huggingface.co/datasets/vaishaal/ImageNetV2
  imagenetv2-matched-frequency-format-val/19/*.jpeg ...         folders are numbers of classes
ImageNet-Sketch (`sketch`, 7.6 GB): data/ImageNet-Sketch.zip of https://huggingface.co/datasets/songweig/imagenet_sketch
  sketch/n01592084/sketch_0.JPEG ...
Either may be left out; where `v2` and `sketch` are set, `download: true` fetches those two."""


@dataclass(eq=False)
class _ImageNet(ImageDataset):
    """ImageNet's images of some classes, which a subclass names.

    Args:
        root: The folder that holds `train` and `val`, with further classes or without, or Kaggle's, which has them in
            ILSVRC/Data/CLS-LOC. `val` has class folders, or all images and beside it the labels: Kaggle's
            LOC_val_solution.csv or the development kit, ILSVRC2012_devkit_t12.
        split: Which images train and which validate: holdout or official.
        val_per_class: Number of training images of each class that the split holdout holds out.
        split_seed: Seed of the choice of held-out images.
        v2: The folder of ImageNet-V2 (imagenetv2-matched-frequency-format-val) or the folder above it.
        sketch: The folder of ImageNet-Sketch (sketch) or the folder above it.
        download: Download ImageNet-V2 (1.3 GB) to `v2` and ImageNet-Sketch (7.6 GB) to `sketch`, if these are set and
            the files are missing. ImageNet itself needs an account.
        follow_links: Let symbolic links lead out of the class folders.
    """

    root: UserPath | str
    _: KW_ONLY
    table: tuple[ImageNetClass, ...] = field(init=False)
    split: Literal["holdout", "official"] = "holdout"
    val_per_class: int = 50
    split_seed: int = 0
    v2: UserPath | str | None = None
    sketch: UserPath | str | None = None
    superclasses: Superclasses = None
    download: bool = False
    follow_links: bool = False

    def __post_init__(self) -> None:
        if self.split not in ("holdout", "official"):
            raise DatasetError(f"split is {self.split!r}; choose holdout or official")
        if self.val_per_class < 1:
            raise DatasetError(f"val_per_class is {self.val_per_class}: hold out at least 1, or set split to official")
        if self.download and self.v2 is None and self.sketch is None:
            raise DatasetError("download fetches ImageNet-V2 and ImageNet-Sketch, ImageNet itself needs an account: "
                               "say by v2 and sketch where those shall lie, or set download to false")  # fmt: skip
        self.root = UserPath.of(self.root)
        self.v2 = None if self.v2 is None else UserPath.of(self.v2)
        self.sketch = None if self.sketch is None else UserPath.of(self.sketch)

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in the order of their WordNet ids."""
        return tuple(listed.name for listed in self.table)

    @property
    def imagenet_indices(self) -> tuple[int, ...] | None:
        """Index of each class among ImageNet's 1000 classes; None unless all indices are known."""
        indices = tuple(listed.index for listed in self.table if listed.index is not None)
        return indices if len(indices) == len(self.table) else None

    def superclass(self, class_name: str) -> str:
        """The superclass of a class, for which a detector is asked."""
        return self._superclasses[class_name]

    def guide(self) -> str:
        """Where to get ImageNet and the two out-of-distribution sets, and the layout of their folders."""
        return _GUIDE

    def prepare(self) -> None:
        """Download ImageNet-V2 and ImageNet-Sketch if `download` is true, they are set and they are missing."""
        if not self.download:
            return
        for setting, find, archive, member in (
            (self.v2, find_v2, _V2_ARCHIVE, V2_FOLDER),
            (self.sketch, find_sketch, _SKETCH_ARCHIVE, SKETCH_FOLDER),
        ):
            if setting is not None and find(Path(setting)) is None:
                folder = Path(setting)
                fetch_archive(archive, folder.parent if folder.name == member else folder, member)

    def records(self, split: Split) -> list[ImageRecord]:
        """The images of one split, class by class and sorted by name.

        Raises:
            DatasetError: If a folder of images is missing or empty, a class has too few images to hold some out, or the
                labels of validation images cannot be read.
        """
        home = find_home(Path(self.root))
        if split == "test" or (split == "val" and self.split == "official"):
            return self._records(validation_images(home, self.table, self.follow_links))
        images = train_images(home, self.table, self.follow_links)
        if self.split == "official":
            return self._records(images)
        return self._records({listed: self._share_of(listed, paths, split) for listed, paths in images.items()})

    def ood_records(self) -> dict[str, list[ImageRecord]]:
        """ImageNet-V2 as v2 and ImageNet-Sketch as sketch, if they are set.

        Raises:
            DatasetError: If a folder of images is missing or empty, or a class has no index (the name of its folder).
        """
        return {name: self._records(images) for name, images in self._ood_images().items()}

    def remarks(self) -> list[str]:
        """Class sizes that differ from the published ones, unused files, and images with unusual names."""
        home = find_home(Path(self.root))
        train = train_images(home, self.table, self.follow_links)
        val = validation_images(home, self.table, self.follow_links)
        ood = self._ood_images()
        remarks = [
            *_odd_counts(train, lambda count: _TRAIN[0] <= count <= _TRAIN[1], "732 to 1,300 training images"),
            *_odd_counts(val, lambda count: count == _VAL, f"{_VAL} validation images"),
            *_odd_counts(ood.get("v2", {}), lambda count: count == _V2, f"{_V2} images of ImageNet-V2"),
            *_odd_counts(ood.get("sketch", {}), lambda count: count >= _SKETCH, f"{_SKETCH} images of ImageNet-Sketch"),
        ]
        misnamed = [
            path
            for listed, paths in train.items()
            for path in paths
            if not path.stem.startswith(f"{listed.wordnet_id}_")
        ]
        misnamed += [path for paths in val.values() for path in paths if not VALIDATION_IMAGE.fullmatch(path.stem)]
        if misnamed:
            remarks.append(
                f"{some(misnamed, 'files')} in the class folders have no name of ImageNet's; they are used all "
                "the same: check that they belong there."
            )
        known = [path for images in (train, val, *ood.values()) for paths in images.values() for path in paths]
        unused = list(other_files(sorted({path.parent for path in known}), known))
        if not has_class_folders(home / "val"):
            # The images of all other classes are in the same folder.
            unused = [path for path in unused if not VALIDATION_IMAGE.fullmatch(path.stem)]
        if unused:
            remarks.append(f"{some(unused, 'files')} are no images of ImageNet by their names; they are not used.")
        return remarks

    @cached_property
    def _superclasses(self) -> dict[str, str]:
        known = {listed.name: listed.superclass for listed in self.table}
        ids = {listed.name: listed.wordnet_id for listed in self.table}
        return find_superclasses(self.superclasses, self.classes, default=known.__getitem__, wordnet_ids=ids)

    def _ood_images(self) -> dict[str, Images]:
        images = {}
        if self.v2 is not None:
            images["v2"] = v2_images(Path(self.v2), self.table, self.follow_links)
        if self.sketch is not None:
            images["sketch"] = sketch_images(Path(self.sketch), self.table, self.follow_links)
        return images

    def _records(self, images: Images) -> list[ImageRecord]:
        return [
            ImageRecord(path, label, listed.name, self.superclass(listed.name))
            for label, listed in enumerate(self.table)
            for path in images[listed]
        ]

    def _share_of(self, listed: ImageNetClass, paths: list[Path], split: Split) -> list[Path]:
        """One class's images of a split."""
        if len(paths) <= self.val_per_class:
            raise DatasetError(
                f"{paths[0].parent} holds {len(paths)} images of {listed.name}, too few to hold {self.val_per_class} "
                "out: set --data.dataset.val_per_class lower, or --data.dataset.split official"
            )
        held_out = hold_out([path.name for path in paths], self.val_per_class, self.split_seed)
        return [path for path, held in zip(paths, held_out, strict=True) if held != (split == "train")]


class ImageNetSubset(_ImageNet):
    """Any classes of ImageNet (ILSVRC-2012), by their WordNet ids.

    Splits, both with the official validation images as the test set:

    - holdout: some training images of each class are held out to validate; the rest train.
    - official: all training images train. The test set validates too, so that the checkpoint is selected and tested on
      the same images: comparable with the paper, but optimistic.

    Args:
        classes: A YAML file with a line a class: `n01592084: {name: chickadee, superclass: bird, index: 19}`. The index
            among ImageNet's 1000 is needed for ImageNet-V2 and to evaluate a network for the 1000 classes.
        superclasses: The words for which a detector is asked: one word for all classes, a mapping from class to
            superclass, the path of a YAML file (`.yaml` or `.yml`) with such a mapping, or `wordnet:<depth>`; null for
            the superclasses in `classes`.
    """

    def __init__(
        self,
        root: UserPath | str,
        classes: UserPath | str,
        split: Literal["holdout", "official"] = "holdout",
        val_per_class: int = 50,
        split_seed: int = 0,
        v2: UserPath | str | None = None,
        sketch: UserPath | str | None = None,
        superclasses: Superclasses = None,
        download: bool = False,
        follow_links: bool = False,
    ) -> None:
        self.table = read_classes(Path(UserPath.of(classes)))
        super().__init__(
            root,
            split=split,
            val_per_class=val_per_class,
            split_seed=split_seed,
            v2=v2,
            sketch=sketch,
            superclasses=superclasses,
            download=download,
            follow_links=follow_links,
        )


class ImageNet10(_ImageNet):
    """The paper's ImageNet10: ten classes of ImageNet (ILSVRC-2012) of birds, turtles, snakes, a spider and a tick.

    Splits, both with the 500 official validation images as the test set:

    - holdout: some training images of each class are held out to validate; the rest train.
    - official: all training images train. The test set validates too, so that the checkpoint is selected and tested on
      the same images: comparable with the paper, but optimistic.

    Args:
        superclasses: The words for which a detector is asked: one word for all classes, a mapping from class to
            superclass, the path of a YAML file (`.yaml` or `.yml`) with such a mapping, or `wordnet:<depth>`; null for
            the paper's: bird, turtle, snake, spider, tick and chicken.
    """

    table = IMAGENET10

    def remarks(self) -> list[str]:
        """The remarks for any classes, and the number of training images if it differs from the paper's."""
        total = sum(map(len, train_images(find_home(Path(self.root)), self.table, self.follow_links).values()))
        remark = (
            f"{total:,} training images where the paper has {_PAPER_TRAINS:,}, which is more than ILSVRC-2012 can have "
            "of ten classes: at most 1,300 of each."
        )
        return [*([remark] if total != _PAPER_TRAINS else []), *super().remarks()]


def _odd_counts(images: Images, usual: Callable[[int], bool], published: str) -> list[str]:
    """A remark if the sizes of some classes differ from the published ones."""
    odd = [(listed.name, len(paths)) for listed, paths in images.items() if not usual(len(paths))]
    if not odd:
        return []
    shown = ", ".join(f"{name} {count:,}" for name, count in odd[:3])
    return [f"{len(odd)} of {len(images)} classes do not have the published {published} (such as {shown})."]
