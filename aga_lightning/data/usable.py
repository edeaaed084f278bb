"""Which augmentations may enter training, and where their images come from."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from lightning.pytorch.utilities import rank_zero_warn

from aga_lightning.augment.collection import Collection
from aga_lightning.data.base import DatasetError, ImageRecord
from aga_lightning.data.loading import AugmentedImages, LazyImages, RecombinedImages, StoredImages

Mode = Literal["pregenerate", "lazy", "online", "off"]
Rejected = Literal["skip", "original"]

Files = dict[tuple[int, int], Path | None]
"""The file of each (record, variant); None where the original stands in, or where nothing is made yet."""


def pairs_of(records: Sequence[ImageRecord], degree: int) -> list[tuple[int, int]]:
    """Each (record, variant), the variants of a record side by side."""
    return [(index, variant) for index in range(len(records)) for variant in range(degree)]


def stored_files(collection: Collection, rejected: Rejected) -> Files:
    """The file of each (record, variant) of a complete collection that may enter training.

    Args:
        collection: The augmentations, all of them made or rejected.
        rejected: Whether a reject, or an image without a subject, is left out (skip) or is the original once more.

    Raises:
        DatasetError: If the collection is not complete, or holds nothing but rejects.
    """
    requests = collection.requests
    finished = collection.find_all()
    missing = len(requests) - len(finished)
    if missing:
        raise DatasetError(
            f"{collection.folder} lacks {missing} of {len(requests)} augmentations: "
            "run the verb augment first, or set --data.mode lazy"
        )
    pairs = pairs_of(collection.records, collection.degree)
    asked = [pair for pair in pairs if collection.records[pair[0]].has_subject]
    made = {pair: finished[request].path for pair, request in zip(asked, requests, strict=True)}
    _report_rejects(collection, made)
    files = {pair: made.get(pair) for pair in pairs}
    if rejected == "original":
        return files
    return {pair: path for pair, path in files.items() if path is not None}


def augmented_images(collection: Collection, mode: Mode, files: Files) -> AugmentedImages:
    """Where the augmented image of a pick comes from.

    Args:
        collection: The augmentations.
        mode: As in the data module.
        files: What may enter training; in the mode lazy they are not looked at.
    """
    if mode == "lazy":
        return LazyImages(collection)
    if mode == "online":
        finished = collection.find_all()
        return RecombinedImages(
            collection, [request for request, outcome in finished.items() if outcome.path is not None]
        )
    return StoredImages({pair: path for pair, path in files.items() if path is not None})


def _report_rejects(collection: Collection, made: Files) -> None:
    rejected = sum(path is None for path in made.values())
    if not rejected:
        return
    reasons = "; ".join(f"{count} x {reason}" for reason, count in collection.rejections().most_common(3))
    message = f"{rejected} of {len(made)} augmentations were rejected ({reasons})"
    listing = collection.folder / "rejected.jsonl"
    if rejected == len(made):
        raise DatasetError(f"{message}. See {listing}; loosen the gates, or give the augmenter another detector")
    rank_zero_warn(f"{message}; listed in {listing}")
