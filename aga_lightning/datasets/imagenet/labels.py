"""Labels of ImageNet's validation images that are in one folder: from Kaggle's list or the development kit."""

import re
from pathlib import Path

from aga_lightning.datasets.imagenet.classes import WORDNET_ID
from aga_lightning.datasets.lists import read_lines, read_table
from aga_lightning.images.records import DatasetError

KAGGLE = "LOC_val_solution.csv"
KIT = Path("ILSVRC2012_devkit_t12", "data")
VALIDATION_IMAGE = re.compile("ILSVRC2012_val_[0-9]{8}")
_TRUTH, _META = "ILSVRC2012_validation_ground_truth.txt", "meta.mat"
_ABOVE = 3  # folders: as many as Kaggle has between its list and the images


def find_labels(folder: Path) -> Path | None:
    """The list in the folder that holds `val` or in the nearest of three folders above it; None without one."""
    for home in (folder, *folder.absolute().parents[:_ABOVE]):
        for listing in (home / KAGGLE, home / KIT / _TRUTH):
            if listing.is_file():
                return listing
    return None


def read_labels(listing: Path) -> dict[str, str]:
    """The WordNet id of each validation image by its name ("ILSVRC2012_val_00000001").

    Args:
        listing: The list that `find_labels` found.

    Raises:
        DatasetError: If the list, or the development kit's meta.mat beside it, is missing or garbled.
    """
    return _read_kaggle(listing) if listing.name == KAGGLE else _read_kit(listing)


def _read_kaggle(path: Path) -> dict[str, str]:
    """`ImageId,PredictionString`, where the second is a WordNet id followed by boxes."""
    remedy = "take it again from Kaggle's imagenet-object-localization-challenge"
    labels: dict[str, str] = {}
    for row in read_table(path, ("ImageId", "PredictionString"), remedy):
        image, words = row.words["ImageId"], row.words["PredictionString"].split()
        if not (words and WORDNET_ID.fullmatch(words[0]) and VALIDATION_IMAGE.fullmatch(image)):
            raise row.wrong(f"{','.join(row.words.values())[:80]!r} names no image and class")
        if image in labels:
            raise row.wrong(f"image {image} is listed twice")
        labels[image] = words[0]
    if not labels:
        raise DatasetError(f"{path} lists no images: {remedy}")
    return labels


def _read_kit(path: Path) -> dict[str, str]:
    """One line for each image, in the order of the names: the development kit's number of the class."""
    remedy = "unpack it again from ILSVRC2012_devkit_t12.tar.gz"
    numbers = _read_meta(path.with_name(_META), remedy)
    labels = {}
    for row in read_lines(path, ("class",), remedy):
        word = row.words["class"]
        if word not in numbers:
            raise row.wrong(f"{word[:80]!r} is no class of {_META}")
        labels[f"ILSVRC2012_val_{row.line:08}"] = numbers[word]
    return labels


def _read_meta(path: Path, remedy: str) -> dict[str, str]:
    """The WordNet id of each number of the development kit; classes that combine others have numbers too."""
    from scipy.io import loadmat

    if not path.is_file():
        raise DatasetError(f"{path} is missing: {remedy}")
    try:
        synsets = loadmat(path, squeeze_me=True)["synsets"]
        numbers = {str(int(number)): str(name) for number, name in synsets[["ILSVRC2012_ID", "WNID"]].tolist()}
    except Exception as error:  # a damaged file can raise any error
        raise DatasetError(f"{path} cannot be read ({' '.join(str(error).split())}): {remedy}") from error
    wrong = [name for name in numbers.values() if not WORDNET_ID.fullmatch(name)]
    if wrong:
        raise DatasetError(f"{path}: {wrong[0][:80]!r} is no WordNet id: {remedy}")
    return numbers
