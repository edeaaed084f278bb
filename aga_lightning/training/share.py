"""Which training images are augmented where only a share of them is: drawn by a seed, or those that are learnt last."""

import csv
import math
from collections.abc import Callable, Sequence
from pathlib import Path

from aga_lightning.files import read_csv, shown
from aga_lightning.images.records import DatasetError, ImageRecord
from aga_lightning.images.seeds import seed_from

HEADER = ("image", "label", "predicted", "probability", "sha256")
"""The columns of a table of training predictions, which the callback TrainingPredictions writes."""

Sha256 = Callable[[Path], str]
"""Gives the SHA-256 of a file's bytes."""


def choose_images(
    records: Sequence[ImageRecord], share: float, order: str | Path | None, sha256: Sha256, seed: int
) -> list[ImageRecord]:
    """The training images to augment: this share of each class, rounded, and one image at least.

    A larger share keeps every image that a smaller one has chosen.

    Args:
        records: The training images.
        share: The share, above 0 and at most 1.
        order: A table of training predictions: of each class, the images with the lowest probability of their class
            are chosen. None draws the images.
        sha256: Tells the images apart. The names and places of the files do not matter for `order`.
        seed: Seed of the draw, which depends on the names of an image and of its folder alone; with `order` it decides
            between equal probabilities.

    Raises:
        DatasetError: If the table cannot be read, or is not one of these images.
    """
    learnt = {} if order is None else _probabilities(Path(order), records, sha256)
    classes: dict[str, list[ImageRecord]] = {}
    for record in sorted(records, key=lambda one: (learnt.get(one, 0.0), _draw(seed, one), str(one.path))):
        classes.setdefault(record.class_name, []).append(record)
    return [record for members in classes.values() for record in members[: max(1, round(share * len(members)))]]


def _probabilities(order: Path, records: Sequence[ImageRecord], sha256: Sha256) -> dict[ImageRecord, float]:
    """The probability of its class that the table gives to each training image."""
    remedy = "name the training_predictions.csv of a fit on these training images with the callback TrainingPredictions"
    try:
        known = {(row["label"], row["sha256"]): float(row["probability"]) for row in read_csv(order)}
    except (OSError, csv.Error, KeyError, TypeError, ValueError) as error:
        why = f"it has no column {error}" if isinstance(error, KeyError) else error
        raise DatasetError(f"{order} is no table of training predictions ({why}): {remedy}") from error
    if any(map(math.isnan, known.values())):
        raise DatasetError(f"{order} holds probabilities that are no numbers, as of a training that failed: {remedy}")
    keys = {record: (record.class_name, sha256(record.path)) for record in records}
    if missing := [record.path for record, key in keys.items() if key not in known]:
        how_many = f"{len(missing)} of {len(keys)} training images"
        raise DatasetError(f"{order} lacks {how_many}, such as {shown(missing[0])}: {remedy}")
    if foreign := known.keys() - keys.values():
        raise DatasetError(f"{order} holds {len(foreign)} images that are no training images here: {remedy}")
    return {record: known[key] for record, key in keys.items()}


def _draw(seed: int, record: ImageRecord) -> int:
    return seed_from(seed, "share", f"{record.path.parent.name}/{record.path.name}")
