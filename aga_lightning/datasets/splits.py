"""Hold some images out for validation and for the test."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from aga_lightning.datasets.base import Split
from aga_lightning.images.records import DatasetError


def hold_out(names: Sequence[str], count: int, seed: int) -> list[bool]:
    """Choose the held-out images of a class by hashes of their names, so that new images change few choices.

    Args:
        names: The names of the images, each once.
        count: Number of held-out images.
        seed: Seed of the choice.

    Returns:
        For each name whether the image is held out.
    """
    chosen = set(_lots(names, seed)[:count])
    return [name in chosen for name in names]


def check_fractions(val_fraction: float, test_fraction: float) -> None:
    """Refuse shares of validation and test images that leave no validation or no training images.

    Raises:
        DatasetError: If `val_fraction` is not above 0, `test_fraction` is below 0, or their sum is 1 or more.
    """
    if not (0 < val_fraction and 0 <= test_fraction and val_fraction + test_fraction < 1):
        raise DatasetError(
            "val_fraction must be above 0, test_fraction 0 or more, and their sum below 1, not "
            f"{val_fraction} and {test_fraction}"
        )


def three_ways(names: Sequence[str], val_fraction: float, test_fraction: float, seed: int) -> list[Split]:
    """Split the images of a class into training, validation and test images, by hashes of their names.

    At least one image trains; if there are enough, at least one validates, and then at least one tests.

    Args:
        names: The names of the images, each once.
        val_fraction: Share of the validation images.
        test_fraction: Share of the test images; 0 for none.
        seed: Seed of the choice.

    Returns:
        The split of each name.
    """
    spare = len(names) - 1
    val = min(max(round(val_fraction * len(names)), 1), spare)
    test = min(max(round(test_fraction * len(names)), 1), spare - val) if test_fraction else 0
    held_out = hold_out(names, val + test, seed)
    rest = [name for name, held in zip(names, held_out, strict=True) if held]
    validates = dict(zip(rest, hold_out(rest, val, seed), strict=True))
    return ["train" if name not in validates else "val" if validates[name] else "test" for name in names]


class Source(NamedTuple):
    """Where the images of a split are taken from.

    Args:
        given: The given split of which they are.
        part: Their part of each class, which is split by `three_ways`; None for all images.
        val_fraction: The share of the part "val".
        test_fraction: The share of the part "test".
    """

    given: Split
    part: Split | None = None
    val_fraction: float = 0.0
    test_fraction: float = 0.0


def source_of(split: Split, given: Collection[Split], val_fraction: float, test_fraction: float | None) -> Source:
    """Where the images of a split are taken from: those of a given split if it is missing.

    Validation images are taken from the training images. Test images are taken from them too, or from the validation
    images if those are given.

    Args:
        split: The split.
        given: The splits that a data set has; "train" is one of them.
        val_fraction: Share of the validation images if they are not given.
        test_fraction: Share of the test images if they are not given; None for 0.2 of the training images and 0 of
            given validation images. With 0 the validation images are also the test images.
    """
    if "test" in given:
        test_fraction = 0.0
    elif test_fraction is None:
        test_fraction = 0.0 if "val" in given else 0.2
    if split == "test" and "test" in given:
        return Source("test")
    if split == "test" and not test_fraction:
        split = "val"
    if "val" not in given:
        return Source("train", split, val_fraction, test_fraction)
    if split == "train" or not test_fraction:
        return Source(split)
    return Source("val", "val" if split == "test" else "train", test_fraction)


def by_class(images: Sequence[tuple[str, str]], val_fraction: float, test_fraction: float, seed: int) -> list[Split]:
    """Split each class by `three_ways`.

    Args:
        images: The class of each image, and its name, which no other image has.
        val_fraction: Share of the validation images.
        test_fraction: Share of the test images; 0 for none.
        seed: Seed of the choice.

    Returns:
        The split of each image.
    """
    classes: defaultdict[str, list[str]] = defaultdict(list)
    for label, name in images:
        classes[label].append(name)
    chosen: dict[str, Split] = {}
    for names in classes.values():
        chosen |= zip(names, three_ways(names, val_fraction, test_fraction, seed), strict=True)
    return [chosen[name] for _, name in images]


def groups_three_ways(
    images: Sequence[tuple[str, str]], val_fraction: float, test_fraction: float, seed: int
) -> dict[str, Split]:
    """Split groups, such as the cameras that took the images, into training, validation and test groups.

    Groups are drawn by hashes of their names, as long as they bring the number of images closer to its share. At least
    one image of each class trains; a group that holds all images of a class therefore does.

    Args:
        images: The class and the group of each image.
        val_fraction: Share of the validation images.
        test_fraction: Share of the test images; 0 for none.
        seed: Seed of the choice.

    Returns:
        The split of each group.
    """
    groups: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for label, group in images:
        groups[group][label] += 1
    training = Counter(label for label, _ in images)
    chosen: dict[str, Split] = dict.fromkeys(_lots(groups, seed), "train")
    shares: dict[Split, float] = {"val": val_fraction, "test": test_fraction}
    for split, fraction in shares.items():
        free = {group: groups[group] for group, part in chosen.items() if part == "train"}
        chosen |= dict.fromkeys(_drawn(free, training, fraction * len(images)), split)
    return chosen


def _drawn(groups: Mapping[str, Counter[str]], training: Counter[str], wanted: float) -> list[str]:
    """The first groups that have about as many images as are wanted; the smallest one if each has too many.

    Args:
        groups: The number of images of each class, by group.
        training: The number of training images of each class, which those of the drawn groups leave.
        wanted: The number of images, 0 for none.
    """

    def is_spare(group: str) -> bool:
        return all(number < training[label] for label, number in groups[group].items())

    drawn: list[str] = []
    smallest = min((groups[group].total() for group in filter(is_spare, groups)), default=0)
    left = max(wanted, smallest / 2) if wanted else -1.0
    for group, classes in groups.items():
        if classes.total() / 2 <= left and is_spare(group):
            drawn.append(group)
            training.subtract(classes)
            left -= classes.total()
    return drawn


def _lots(names: Iterable[str], seed: int) -> list[str]:
    """Names in an order that only they and the seed decide."""
    return sorted(names, key=lambda name: hashlib.sha256(f"{seed}/{name}".encode("utf-8", "surrogateescape")).digest())
