"""What a checkpoint tells of its training: classes, image size, normalisation and recipe, compared with present data.

An output of a network is a place in a list. Only the names tell which class it means, and only the normalisation tells
which numbers it expects; with others a checkpoint gives answers that are wrong and look right.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from aga_lightning.checkpoints.reading import CheckpointError
from aga_lightning.files import shown

KEY = "aga_lightning"
"""Where a checkpoint keeps its facts."""

_SHOWN = 5  # class names in a message, at most

Normalisation = tuple[tuple[float, ...], tuple[float, ...]]
"""The mean and the standard deviation, one number a channel, that images of values in 0..1 are normalised by."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a network was trained on; None stands for what a checkpoint does not tell.

    Args:
        classes: Their names, in the order of the network's outputs.
        image_size: Height and width of its images in pixels.
        recipe: The name of the transforms.
        normalisation: Mean and standard deviation.
    """

    classes: tuple[str, ...] | None = None
    image_size: int | None = None
    recipe: str | None = None
    normalisation: Normalisation | None = None

    def as_data(self) -> dict[str, Any]:
        """Plain values, to be kept in a checkpoint."""
        return asdict(self)


def facts_of(datamodule: object) -> Facts:
    """What a data module tells of its images; any data module may have attributes of these names.

    Args:
        datamodule: One, or None.
    """
    classes, normalisation = getattr(datamodule, "class_names", None), getattr(datamodule, "normalisation", None)
    return Facts(
        None if classes is None else tuple(map(str, classes)),
        getattr(datamodule, "image_size", None),
        getattr(datamodule, "recipe", None),
        None if normalisation is None else _numbers(*normalisation),
    )


def facts_in(checkpoint: Mapping[str, Any], source: object) -> Facts:
    """What a checkpoint tells; nothing where it was written by an earlier version, or by something else.

    Args:
        checkpoint: Its content.
        source: Its name, for the message.

    Raises:
        CheckpointError: If that is not what this program writes.
    """
    data = checkpoint.get(KEY)
    if data is None:
        return Facts()
    try:
        classes, image_size, recipe = data["classes"], data["image_size"], data["recipe"]
        normalisation = data["normalisation"]
        if not all(isinstance(name, str) for name in classes or ()):
            raise TypeError("a class name is no text")
        return Facts(
            None if classes is None else tuple(classes),
            None if image_size is None else int(image_size),
            None if recipe is None else str(recipe),
            None if normalisation is None else _numbers(*normalisation),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"what {source} tells of its training cannot be read ({error})") from error


def compare(trained: Facts, present: Facts, source: object) -> list[str]:
    """Refuse a checkpoint whose answers would be wrong on the data at hand.

    Args:
        trained: What the checkpoint tells.
        present: What the data at hand tells.
        source: The checkpoint's name, for messages.

    Returns:
        A line for each other difference.

    Raises:
        CheckpointError: If the classes or their order, or the normalisation, are others.
    """
    if trained.classes is not None and present.classes is not None:
        complaint = other_classes(trained.classes, present.classes)
        if complaint:
            raise CheckpointError(f"{source} was {complaint}")
    if None not in (trained.normalisation, present.normalisation) and trained.normalisation != present.normalisation:
        raise CheckpointError(
            f"{source} was trained on images with the normalisation {_words(trained.normalisation)} (recipe "
            f"{trained.recipe}), the data's is {_words(present.normalisation)} (recipe {present.recipe}); "
            f"set {_remedy(trained, present)}"
        )
    remarks = []
    if trained.classes is None and present.classes is not None:
        remarks.append(
            f"{source} tells no class names, as those of earlier versions: its outputs are taken for the data's classes"
        )
    for name in ("image_size", "recipe"):
        before, now = getattr(trained, name), getattr(present, name)
        if None not in (before, now) and before != now:
            remarks.append(f"{source} was trained with {name} {before}, the data has {now} (--data.{name} {before})")
    return [f"Warning: {remark}" for remark in remarks]


def other_classes(trained: Sequence[str], present: Sequence[str]) -> str | None:
    """How the classes of a training differ from those at hand, for a message; None where they are the same.

    Args:
        trained: The names, in the order of the outputs.
        present: The same of the data.
    """
    if tuple(trained) == tuple(present):
        return None
    if sorted(trained) == sorted(present):
        place = next(place for place, pair in enumerate(zip(trained, present, strict=True)) if len({*pair}) > 1)
        order = f" ([{', '.join(map(shown, trained))}])" if len(trained) <= _SHOWN else ""
        return (
            f"trained for the same classes in another order: number {place} was {shown(trained[place])!r} and is "
            f"{shown(present[place])!r} in the data; give the data set its classes in the trained order{order}, such "
            "as by --data.dataset.classes"
        )
    lost = [name for name in trained if name not in set(present)]
    new = [name for name in present if name not in set(trained)]
    return (
        f"trained for other classes: {len(trained)}, {_listed(lost, 'all of which the data has')}; the data has "
        f"{len(present)}, {_listed(new, 'all of which it was trained for')}; give a checkpoint of these classes, or "
        "the data it was trained on"
    )


def _listed(names: Sequence[str], none: str) -> str:
    if not names:
        return none
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"among them {', '.join(map(shown, names[:_SHOWN]))}{more}"


def _numbers(mean: Sequence[float], std: Sequence[float]) -> Normalisation:
    return tuple(map(float, mean)), tuple(map(float, std))


def _remedy(trained: Facts, present: Facts) -> str:
    if trained.recipe != present.recipe or trained.normalisation is None:
        return f"--data.recipe {trained.recipe}"
    mean, std = (json.dumps(numbers) for numbers in trained.normalisation)
    return f"--data.mean '{mean}' --data.std '{std}'"


def _words(normalisation: Normalisation | None) -> str:
    mean, std = normalisation or ((), ())
    return f"mean {mean}, std {std}"
