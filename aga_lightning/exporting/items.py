"""The images of an export: the accepted augmentations of a collection, and on request the training images."""

import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from aga_lightning.augment.engine.collection import Collection
from aga_lightning.exporting.aside import ExportError
from aga_lightning.exporting.names import safe_name, unique
from aga_lightning.images.formats import open_image
from aga_lightning.images.reading import read_image
from aga_lightning.images.records import ImageRecord

_SUFFIXES = {"JPEG": ".jpg", "PNG": ".png"}


@dataclass(frozen=True, slots=True)
class Item:
    """An image to export.

    Args:
        path: The image file.
        record: The training image, or the one that the augmentation was made from.
        variant: Number of the augmentation; None for the training image itself.
        facts: Further facts; plain JSON values.
        sha256: Digest of an augmentation's file; empty if unknown.
    """

    path: Path
    record: ImageRecord
    variant: int | None
    facts: Mapping[str, object] = field(default_factory=dict)
    sha256: str = ""

    def content(self) -> tuple[bytes, str]:
        """The bytes to write and the ending of their file; an augmentation's bytes are not changed.

        Raises:
            ExportError: If an augmentation's file is missing by now, or damaged.
            ImageReadError: If a training image cannot be read.
        """
        if self.variant is None:
            return plain_content(self.path)
        try:
            data = self.path.read_bytes()
        except OSError as error:
            raise ExportError(f"{self.path} cannot be read ({error.strerror}): run the verb augment again") from error
        if self.sha256 not in ("", hashlib.sha256(data).hexdigest()):
            raise ExportError(
                f"{self.path} is not what was written there: run check --store true, which sets such files aside, and "
                "augment, which makes them anew"
            )
        return data, self.path.suffix


@dataclass(frozen=True, slots=True)
class Finished:
    """The finished augmentations of a collection.

    Args:
        asked: Number of requested augmentations.
        items: The accepted augmentations, the variants of an image side by side; each file once.
        accepted: Number of accepted augmentations; larger than `items` if two training images are equal to the byte.
        rejected: Class and reason of each rejected augmentation.
    """

    asked: int
    items: Sequence[Item]
    accepted: int
    rejected: Sequence[Mapping[str, object]]

    @property
    def missing(self) -> int:
        """Number of augmentations that have not been made."""
        return self.asked - self.accepted - len(self.rejected)


def finished_items(collection: Collection) -> Finished:
    """The finished augmentations of a collection; none is made."""
    outcomes = collection.find_all()
    shelf = collection.shelf
    entries = {shelf.path(entry.file): entry for entry in shelf.entries().values() if entry.file is not None}
    items: dict[Path, Item] = {}
    rejected = []
    for request, outcome in outcomes.items():
        if outcome.path is None:
            rejected.append({"class": request.record.class_name, "rejected": outcome.reason})
        else:
            entry = entries[outcome.path]
            item = Item(outcome.path, request.record, request.variant, entry.facts, entry.sha256)
            items.setdefault(outcome.path, item)
    return Finished(len(collection.requests), list(items.values()), len(outcomes) - len(rejected), rejected)


def with_originals(items: Sequence[Item], collection: Collection) -> list[Item]:
    """The items, followed by all training images, including those without a subject.

    In this order, since `datasets` takes the columns' types from the first lines, and training images lack most.
    """
    originals = [
        Item(record.path, record, None, {"source_sha256": collection.store.sha256(record.path)})
        for record in collection.records
    ]
    return [*items, *originals]


def names_of(items: Sequence[Item], folders: Sequence[str], separator: str) -> list[str]:
    """A name for each item without an ending: its class, the training image, and the number of the variant.

    Args:
        items: The items to name.
        folders: A safe name for each class, in label order.
        separator: Text between class and image.
    """
    numbers = ("" if item.variant is None else f"-{item.variant}" for item in items)
    return unique(
        f"{folders[item.record.label]}{separator}{safe_name(item.record.path.stem)}{number}"
        for item, number in zip(items, numbers, strict=True)
    )


def rows_of(items: Sequence[Item]) -> list[dict[str, object]]:
    """The facts of each item, with the same columns for all items; null if an item lacks one."""
    rows = [
        {
            "label": item.record.label,
            "class": item.record.class_name,
            "augmented": item.variant is not None,
            "source": f"{item.record.path.parent.name}/{item.record.path.name}",
            "source_sha256": item.facts.get("source_sha256"),
            "variant": item.variant,
            "caption": item.facts.get("caption"),
        }
        for item in items
    ]
    first = dict.fromkeys(rows[0]) if rows else {}
    columns = first | dict.fromkeys(name for item in items for name in item.facts)
    known = [dict(item.facts) | row for item, row in zip(items, rows, strict=True)]
    return [{name: row.get(name) for name in columns} for row in known]


def plain_content(path: Path) -> tuple[bytes, str]:
    """A training image as bytes that every reader decodes as training does, and the ending of their file.

    A JPEG or PNG file is copied, with its EXIF data, if its stored pixels equal those of `read_image`; another format,
    and a file that has to be turned, laid on white or scaled to 8 bits, becomes a PNG of the same pixels.

    Raises:
        ImageReadError: If the file is missing, damaged or no image.
    """
    pixels = np.asarray(read_image(path))
    with open_image(path) as image:
        suffix = _SUFFIXES.get(image.format or "")
        if suffix is not None and np.array_equal(np.asarray(image.convert("RGB")), pixels):
            return path.read_bytes(), suffix
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, "PNG")  # from bare pixels: no profile or orientation comes along
    return encoded.getvalue(), ".png"
