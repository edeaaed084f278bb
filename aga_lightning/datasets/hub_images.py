"""Images of a Hugging Face data set: each is written once to a file, which everything else reads."""

import hashlib
import json
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, get_args

from filelock import FileLock
from lightning.pytorch.utilities import rank_zero_info

from aga_lightning.datasets.base import ImageDataset, Split
from aga_lightning.datasets.columns import label_order
from aga_lightning.datasets.hub_tables import find_columns, find_splits, load_tables
from aga_lightning.datasets.splits import by_class, check_fractions, source_of
from aga_lightning.datasets.superclasses import Superclasses, check_known, find_superclasses
from aga_lightning.files import shown, write_bytes, write_json
from aga_lightning.images.codec import suffix
from aga_lightning.images.formats import image_endings
from aga_lightning.images.records import DatasetError, ImageRecord
from aga_lightning.paths import NameOrPath, UserPath

_FORMAT = 2
"""The version of the lists; a list of another version is written anew."""

_HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")


@dataclass(eq=False)
class HubImages(ImageDataset):
    """The images of a Hugging Face data set, from the hub or from local files.

    At the first use the package `datasets` (`pip install "aga-lightning[hub]"`) reads the rows, and each image is
    written to `folder` as it is encoded, in a file that is named after the digest of its bytes. Later uses need neither
    the package nor the network. A killed first use goes on where it stopped. No code of a data set is run.

    Of rows with the same image the first counts, and an image that also validates or tests does not train. Rows without
    an image or a label are left out.

    Args:
        path: A local Parquet or Arrow file; a local folder of them, or one that `save_to_disk` has written, or any
            other that `datasets.load_dataset` reads; or a data set's name on the hub.
        name: The configuration of a data set that has several.
        revision: A commit, tag or branch of the hub's repository; null for its main branch.
        image_column: The column of the images; null for the only one.
        label_column: The column of the classes; null for the only one with class names, or label, class, category,
            species or the like.
        splits: The data set's own names of the splits, such as {train: train, test: validation}; null for those that
            are called train, validation (val, valid, dev) and test. A data set with one split trains on it.
        val_fraction: Share of the validation images in each class of the training split if there is no validation
            split.
        test_fraction: Share of the test images in each class: of all images if there is only a training split, of the
            validation images if there is no test split. Null for 0.2 and 0. With 0 there are no test images: the
            validation images, which choose the checkpoint, are judged at the end, under their own name.
        split_seed: Seed of the choice of validation and test images.
        superclasses: The words for which a detector is asked: one word for all classes, a mapping from class to
            superclass, the path of a YAML file (`.yaml` or `.yml`) with such a mapping, or `wordnet:<depth>` for each
            class's ancestor at that depth of WordNet's tree of nouns. A class that is left out is its own superclass; a
            class whose superclass is empty has no subject, and is not augmented.
        folder: The folder of the written images.
        download: Let `datasets` fetch a data set of the hub, whatever the verb, unless it is in its cache. With the
            environment variable HF_HUB_OFFLINE=1 it takes it from its cache alone.
        follow_links: Let rows that hold no image name a file outside of `path` or of the caches of the hub.
    """

    path: NameOrPath | str
    _: KW_ONLY
    name: str | None = None
    revision: str | None = None
    image_column: str | None = None
    label_column: str | None = None
    splits: dict[str, str] | None = None
    val_fraction: float = 0.2
    test_fraction: float | None = None
    split_seed: int = 0
    superclasses: Superclasses = None
    folder: UserPath | str = "cache/hub"
    download: bool = False
    follow_links: bool = False

    def __post_init__(self) -> None:
        check_fractions(self.val_fraction, self.test_fraction or 0.0)
        if unknown := sorted((self.splits or {}).keys() - set(get_args(Split))):
            raise DatasetError(f"splits names {unknown[0]!r}: its keys are train, val and test")
        if self.splits is not None and "train" not in self.splits:
            raise DatasetError("splits names no split for train: add it")
        self.path = NameOrPath.of(self.path)
        self.folder = UserPath.of(self.folder)

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The names that the label column declares, in their order; otherwise the training labels, sorted."""
        return self._list.classes

    def superclass(self, class_name: str) -> str:
        """The superclass of a class, for which a detector is asked."""
        return self._superclasses[class_name]

    def prepare(self) -> None:
        """Write the images that are not there yet."""
        _ = self._list

    def records(self, split: Split) -> list[ImageRecord]:
        """The images of one split, in the order of their rows; without test images, "test" is "val".

        Raises:
            DatasetError: If the data set cannot be read, lacks a column or training images, or if a class has no
                training images.
        """
        source = source_of(split, self._rows, self.val_fraction, self.test_fraction)
        rows = [*self._rows[source.given].items()]
        if source.part:
            named = [(label, file) for file, label in rows]
            parts = by_class(named, source.val_fraction, source.test_fraction, self.split_seed)
            rows = [row for row, part in zip(rows, parts, strict=True) if part == source.part]
        if not rows and split == "test" and source.part:
            return self.records("val")
        if not rows:
            raise DatasetError(f"{shown(self.path)} gives no images for {split}: add some, or set `splits`")
        for _, label in rows:
            check_known(label, self.classes, f"in {shown(self.path)}, {split},")
        return [
            ImageRecord(self._images / file, self.classes.index(label), label, self.superclass(label))
            for file, label in rows
        ]

    def remarks(self) -> list[str]:
        """The numbers of rows that are left out, and how to get test images where there are none."""
        remarks = []
        for split, bare in self._list.left_out.items():
            if count := bare + len(self._list.rows[split]) - len(self._rows[split]):
                remarks.append(
                    f"{count:,} rows of {split} are left out: no image, no label, or the image of another row."
                )
        if self._rows.keys() == {"train", "val"} and not self.test_fraction:
            remarks.append("half of the validation images test by --data.dataset.test_fraction 0.5.")
        return remarks

    @property
    def _images(self) -> Path:
        return Path(self.folder) / "images"

    @cached_property
    def _superclasses(self) -> dict[str, str]:
        return find_superclasses(self.superclasses, self.classes)

    @cached_property
    def _rows(self) -> dict[Split, dict[str, str]]:
        """By split, the class of each file; no file trains that evaluates too."""
        rows: dict[Split, dict[str, str]] = {}
        for split, listed in self._list.rows.items():
            rows[split] = {}
            for file, label in listed:
                rows[split].setdefault(file, label)
        held_out = {file for split, files in rows.items() if split != "train" for file in files}
        rows["train"] = {file: label for file, label in rows["train"].items() if file not in held_out}
        return rows

    @cached_property
    def _list(self) -> "_List":
        """The list of the written images; they are written now if they are not there."""
        place = Path(self.folder) / f"{self._key}.json"
        if (found := _read_list(place, self._images)) is None:
            if not self._is_local and not (self.download and _HUB_NAME.fullmatch(self.path)):
                raise DatasetError(
                    f"there is no file or folder {shown(self.path)}: correct `path`, or, for a data set of the "
                    "Hugging Face hub, set --data.dataset.download true"
                )
            place.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(place.with_suffix(".lock")):  # other processes wait, and read the list
                found = _read_list(place, self._images) or self._write(place)
        return found

    @property
    def _key(self) -> str:
        """Digest of the settings and, of local files, of their names, sizes and times."""
        path = Path(self.path)
        inside = [*path.glob("[!.]*"), *path.glob("[!.]*/**/*")] if path.is_dir() else [path]
        files = sorted(one for one in inside if one.is_file())
        stats = [(one.name, one.stat().st_size, one.stat().st_mtime_ns) for one in files]
        settings = [self.path, self.name, self.revision, self.image_column, self.label_column, self.splits]
        return hashlib.sha256(json.dumps([_FORMAT, settings, stats]).encode()).hexdigest()[:16]

    @property
    def _is_local(self) -> bool:
        return Path(self.path).exists()

    def _write(self, place: Path) -> "_List":
        """Write the images, and then their list."""
        aside = place.with_suffix(".datasets")  # what `datasets` makes of local files while it reads them
        tables = load_tables(self.path, self.name, self.revision, aside if self._is_local else None)
        chosen = find_splits(tables, self.splits, self.path)
        features = tables[chosen["train"]].features
        image, label = find_columns(features, self.image_column, self.label_column, self.path)
        total = sum(len(tables[own]) for own in chosen.values())
        rank_zero_info(
            f"Writing {total:,} images of {shown(self.path)} to {shown(self._images)}: "
            f"the images are in the column {shown(image)!r}, the classes in {shown(label)!r}"
        )
        rows: dict[Split, list[tuple[str, str]]] = {}
        for split, own in chosen.items():
            rows[split] = [*self._written(tables[own], image, label)]
        names = getattr(features[label], "names", None)
        classes = names or label_order({name for _, name in rows["train"]})
        left_out = {split: len(tables[own]) - len(rows[split]) for split, own in chosen.items()}
        write_json(place, {"classes": classes, "rows": rows, "left_out": left_out})
        shutil.rmtree(aside, ignore_errors=True)
        return _List(tuple(classes), rows, left_out)

    def _written(self, table: Any, image: str, label: str) -> Iterator[tuple[str, str]]:  # noqa: ANN401 of an extra
        """The file and the class of each row with an image and a label; files that are missing are written."""
        import datasets

        names = getattr(table.features[label], "names", None)
        for row in table.select_columns([image, label]).cast_column(image, datasets.Image(decode=False)):
            value, name = row[image] or {}, _name(row[label], names)
            path = value.get("path") or ""
            content = value.get("bytes") or (self._file(path).read_bytes() if path else None)
            if not content or not name:
                continue
            digest = hashlib.sha256(content).hexdigest()[:32]
            file = f"{digest[:2]}/{digest}{_ending(content, path)}"
            if not (self._images / file).exists():
                write_bytes(self._images / file, content)
            yield file, name

    def _file(self, path: str) -> Path:
        """The file that a row names in place of an image."""
        from datasets.config import HF_DATASETS_CACHE
        from huggingface_hub.constants import HF_HUB_CACHE

        local = Path(self.path)
        homes = [local if local.is_dir() else local.parent] if self._is_local else [HF_HUB_CACHE, HF_DATASETS_CACHE]
        target = Path(homes[0], path).resolve()
        if not self.follow_links and not any(target.is_relative_to(Path(home).resolve()) for home in homes):
            raise DatasetError(
                f"{shown(self.path)} holds no image but names the file {shown(path)}, which is outside: put the images "
                "into it, or allow that by --data.dataset.follow_links true"
            )
        if not target.is_file():
            raise DatasetError(f"{shown(self.path)} names the file {shown(target)}, which is missing: put it there")
        return target


class _List(NamedTuple):
    """What is written.

    Args:
        classes: The classes in label order.
        rows: By split, the file and the class of each row.
        left_out: By split, the number of rows without an image or a label.
    """

    classes: tuple[str, ...]
    rows: dict[Split, list[tuple[str, str]]]
    left_out: dict[Split, int]


def _read_list(place: Path, images: Path) -> _List | None:
    """A list; None if it or a file that it names is not there."""
    try:
        content = json.loads(place.read_bytes())
    except FileNotFoundError:
        return None
    rows = {split: [(file, label) for file, label in listed] for split, listed in content["rows"].items()}
    if not all((images / file).is_file() for listed in rows.values() for file, _ in listed):
        return None
    return _List(tuple(content["classes"]), rows, content["left_out"])


def _name(label: Any, names: Sequence[str] | None) -> str:  # noqa: ANN401 of any column
    """The class of a row; empty for an unknown label: nothing, spaces, not a number, or the hub's -1."""
    if label is None or label != label or (names is not None and label < 0):
        return ""
    return str(label).strip() if names is None else names[label]


def _ending(content: bytes, path: str) -> str:
    """The ending of an image's file."""
    ending = Path(path).suffix.lower()
    return ending if ending in image_endings() else suffix(content)
