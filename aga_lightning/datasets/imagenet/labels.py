"""The labels of ImageNet's validation images where they lie in one folder: Kaggle's list, or the development kit's."""

import csv
import re
from pathlib import Path

from aga_lightning.datasets.imagenet.classes import WORDNET_ID
from aga_lightning.images.records import DatasetError

KAGGLE = "LOC_val_solution.csv"
KIT = Path("ILSVRC2012_devkit_t12", "data")
VALIDATION_IMAGE = re.compile("ILSVRC2012_val_[0-9]{8}")
_TRUTH, _META = "ILSVRC2012_validation_ground_truth.txt", "meta.mat"
_ABOVE = 3  # folders: as many as Kaggle has between its list and the images


def find_labels(folder: Path) -> Path | None:
    """The list nearest to the folder that holds `val`: in it, or in one of three above it; None if there is none."""
    for home in (folder, *folder.absolute().parents[:_ABOVE]):
        for listing in (home / KAGGLE, home / KIT / _TRUTH):
            if listing.is_file():
                return listing
    return None


def read_labels(listing: Path) -> dict[str, str]:
    """The WordNet id of each validation image by its name ("ILSVRC2012_val_00000001").

    Args:
        listing: What `find_labels` found.

    Raises:
        DatasetError: If the list, or what it needs beside it, is missing or garbled.
    """
    return _read_kaggle(listing) if listing.name == KAGGLE else _read_kit(listing)


def _read_kaggle(path: Path) -> dict[str, str]:
    """`ImageId,PredictionString`, where the second begins with a WordNet id, which boxes follow."""
    remedy = "take it again from Kaggle's imagenet-object-localization-challenge"
    labels: dict[str, str] = {}
    rows = csv.reader(_lines(path, remedy))
    try:
        if next(rows, []) != ["ImageId", "PredictionString"]:
            raise DatasetError(f"{path}, line 1: the header is not ImageId,PredictionString: {remedy}")
        for number, row in enumerate(rows, 2):
            words = row[1].split() if len(row) == 2 else []
            if not (words and WORDNET_ID.fullmatch(words[0]) and VALIDATION_IMAGE.fullmatch(row[0])):
                raise DatasetError(f"{path}, line {number}: {','.join(row)[:80]!r} names no image and class: {remedy}")
            if row[0] in labels:
                raise DatasetError(f"{path}, line {number}: image {row[0]} is listed twice: {remedy}")
            labels[row[0]] = words[0]
    except csv.Error as error:
        raise DatasetError(f"{path}, line {rows.line_num}: {error}: {remedy}") from error
    return labels


def _read_kit(path: Path) -> dict[str, str]:
    """A line an image, in the order of their names: the number that the development kit gives to the class."""
    remedy = "unpack it again from ILSVRC2012_devkit_t12.tar.gz"
    numbers = _read_meta(path.with_name(_META), remedy)
    labels = {}
    for number, line in enumerate(_lines(path, remedy), 1):
        word = line.strip()
        if word not in numbers:
            raise DatasetError(f"{path}, line {number}: {word[:80]!r} is no class of {_META}: {remedy}")
        labels[f"ILSVRC2012_val_{number:08}"] = numbers[word]
    return labels


def _read_meta(path: Path, remedy: str) -> dict[str, str]:
    """The WordNet id of each number of the development kit; classes made up of others have numbers too."""
    from scipy.io import loadmat

    if not path.is_file():
        raise DatasetError(f"{path} is missing: {remedy}")
    try:
        synsets = loadmat(path, squeeze_me=True)["synsets"]
        numbers = {str(int(number)): str(name) for number, name in synsets[["ILSVRC2012_ID", "WNID"]].tolist()}
    except Exception as error:  # a damaged file raises whatever its bytes happen to spell
        raise DatasetError(f"{path} cannot be read ({' '.join(str(error).split())}): {remedy}") from error
    wrong = [name for name in numbers.values() if not WORDNET_ID.fullmatch(name)]
    if wrong:
        raise DatasetError(f"{path}: {wrong[0][:80]!r} is no WordNet id: {remedy}")
    return numbers


def _lines(path: Path, remedy: str) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path} cannot be read ({error}): {remedy}") from error
    if not lines:
        raise DatasetError(f"{path} is empty: {remedy}")
    return lines
