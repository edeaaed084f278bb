"""Find evaluation images that nearly equal a training image."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aga_lightning.images.perceptual_hash import as_hashes, distances, mirrored, perceptual_hash
from aga_lightning.images.reading import ImageReadError, read_image

Progress = Callable[[Iterable["Hashed"], int], Iterable["Hashed"]]
"""Passes hashed images on, and shows their progress towards a total number."""


@dataclass(frozen=True, slots=True)
class Hashed:
    """An image file with its perceptual hash and that of its mirror image; both None if it cannot be read."""

    path: Path
    hash: int | None
    mirrored: int | None


@dataclass(frozen=True, slots=True)
class NearDuplicate:
    """An evaluation image and the nearest training image.

    Args:
        evaluation: The evaluation image.
        training: The training image.
        distance: Number of bits, of 63, in which their hashes differ.
        mirrored: Whether the mirror image of the evaluation image is the near one.
    """

    evaluation: Path
    training: Path
    distance: int
    mirrored: bool


def near_duplicates(
    training: Sequence[Path],
    sets: Mapping[str, Sequence[Path]],
    max_distance: int = 6,
    progress: Progress = lambda hashed, count: hashed,
) -> dict[str, list[NearDuplicate]]:
    """The images of each evaluation set that resemble a training image, the nearest first.

    Perceptual hashes of whole pictures are compared, mirrored or not: they find copies, resized and recompressed images
    and frames of one burst, but no crops. Pictures without contrast, such as fog, may resemble each other by chance.

    Args:
        training: The training images.
        sets: The evaluation images, by set.
        max_distance: Largest number of bits, of 63, in which hashes may differ.
        progress: Wraps the images while they are read.

    Returns:
        By set, one entry for each evaluation image that resembles a training image.
    """
    paths = list(dict.fromkeys([*training, *(path for found in sets.values() for path in found)]))
    with ThreadPoolExecutor() as pool:
        hashes = {one.path: one for one in progress(pool.map(_hashed, paths), len(paths))}
    sources = [path for path in dict.fromkeys(training) if hashes[path].hash is not None]
    known = as_hashes([hash_of for path in sources if (hash_of := hashes[path].hash) is not None])
    found = {}
    for name, evaluation in sets.items():
        nearest = (_nearest(hashes[path], sources, known) for path in dict.fromkeys(evaluation))
        near = [one for one in nearest if one is not None and one.distance <= max_distance]
        found[name] = sorted(near, key=lambda one: (one.distance, one.evaluation.as_posix()))
    return found


def hashes_of(paths: Sequence[Path]) -> list[int]:
    """The perceptual hash of each image.

    Raises:
        ImageReadError: If an image cannot be read.
    """
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda path: perceptual_hash(np.asarray(read_image(path))), paths))


def _hashed(path: Path) -> Hashed:
    try:
        image = np.asarray(read_image(path))
    except ImageReadError:
        return Hashed(path, None, None)
    return Hashed(path, perceptual_hash(image), perceptual_hash(mirrored(image)))


def _nearest(seen: Hashed, sources: Sequence[Path], known: np.ndarray) -> NearDuplicate | None:
    if seen.hash is None or seen.mirrored is None or not sources:
        return None
    straight, turned = distances(seen.hash, known), distances(seen.mirrored, known)
    flipped = bool(turned.min() < straight.min())
    index = int((turned if flipped else straight).argmin())
    return NearDuplicate(seen.path, sources[index], int(min(straight[index], turned[index])), flipped)
