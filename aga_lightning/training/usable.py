"""Which augmentations may enter training, and the object that gives their images."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from lightning.pytorch.utilities import rank_zero_warn

from aga_lightning.augment.base import Request
from aga_lightning.augment.engine.collection import Collection
from aga_lightning.files import shown
from aga_lightning.images.reading import ImageReadError
from aga_lightning.images.records import DatasetError
from aga_lightning.images.samples import load_sample
from aga_lightning.training.loading import AugmentedImages, LazyImages, RecombinedImages, StoredImages
from aga_lightning.training.quota import Pair, choose, report_shortfall

Mode = Literal["pregenerate", "lazy", "online", "off"]
Rejected = Literal["skip", "original"]

Files = dict[Pair, Path | None]
"""The file of each (record, variant); None if the original replaces it, or if it is not made yet."""


def usable_files(collection: Collection, mode: Mode, rejected: Rejected, limits: Mapping[str, int]) -> Files:
    """The augmentations that may enter training, the variants of an image side by side.

    Args:
        collection: All augmentations; except in the mode lazy, each has been made or rejected.
        mode: As in the data module.
        rejected: As in the data module.
        limits: The quota of each class that has one.

    Raises:
        DatasetError: If the collection is not complete, or all its augmentations were rejected.
    """
    records = collection.records
    pairs = [
        (index, variant)
        for index, record in enumerate(records)
        if collection.chooses(record)
        for variant in range(collection.degree)
    ]
    files: Files = dict.fromkeys(pairs)
    if mode == "lazy":  # nothing is made yet: every request counts as accepted
        accepted = {pair: records[pair[0]].has_subject for pair in pairs}
    else:
        files |= _made(collection)
        accepted = {pair: path is not None for pair, path in files.items() if path or rejected == "original"}
    if limits:
        report_shortfall(accepted, records, limits)
    kept = choose(accepted, records, limits, collection.seed) if limits else accepted
    return {pair: path for pair, path in files.items() if pair in kept}


def augmented_images(collection: Collection, mode: Mode, files: Files) -> AugmentedImages:
    """The object that gives the augmented image of a pick.

    Args:
        collection: The augmentations.
        mode: As in the data module.
        files: The augmentations that enter training. The mode online combines only their subjects and backgrounds; the
            mode lazy ignores them.
    """
    if mode == "lazy":
        return LazyImages(collection)
    made = {pair: path for pair, path in files.items() if path is not None}
    if mode == "online":
        return RecombinedImages(
            collection, [Request(collection.records[index], variant, collection.seed) for index, variant in made]
        )
    return StoredImages(collection, made)


def refuse_unreadable(collection: Collection) -> None:
    """Refuse training images that were rejected because the image or its mask cannot be read.

    Args:
        collection: The augmentations, made or rejected.

    Raises:
        DatasetError: If there is such an image; the message counts them and names the first.
    """
    rejected = {
        request.record: outcome.reason or "" for request, outcome in collection.find_all().items() if not outcome.path
    }
    objections = []
    for record, reason in rejected.items():
        files = [path for path in (record.path, record.mask_path) if path is not None]
        if not any(reason.startswith((str(path), shown(path))) for path in files):
            continue  # it could be read, and was rejected for another reason
        try:
            load_sample(record, "", None)
        except ImageReadError as error:
            objections.append(str(error))
    if objections:
        raise DatasetError(
            f"{len(objections)} of {len(collection.subjects)} training images cannot be read, so that they have no "
            f"augmentations; the first: {objections[0]}. Or set --data.bad_images skip; the verb check lists all"
        )


def _made(collection: Collection) -> Files:
    """The file of each requested pair; None if it was rejected."""
    requests = collection.requests
    finished = collection.find_all()
    missing = len(requests) - len(finished)
    if missing:
        raise DatasetError(
            f"{collection.folder} lacks {missing} of {len(requests)} augmentations: "
            "call setup('fit') or run the verb augment first, or set --data.mode lazy"
        )
    subjects = set(collection.subjects)
    asked = [index for index, record in enumerate(collection.records) if record in subjects]
    pairs = [(index, variant) for index in asked for variant in range(collection.degree)]
    made = {pair: finished[request].path for pair, request in zip(pairs, requests, strict=True)}
    _report_rejects(collection, made)
    return made


def _report_rejects(collection: Collection, made: Files) -> None:
    rejected = sum(path is None for path in made.values())
    if not rejected:
        return
    reasons = "; ".join(f"{count} x {reason}" for reason, count in collection.rejections().most_common(3))
    message = f"{rejected} of {len(made)} augmentations were rejected ({reasons})"
    listing = collection.folder / "rejected.jsonl"
    if rejected == len(made):
        raise DatasetError(f"{message}. See {listing}; loosen the gates, or give the augmenter another detector")
    if not collection.told_rejections:
        rank_zero_warn(f"{message}; listed in {listing}")
        collection.told_rejections = True
