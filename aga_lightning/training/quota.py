"""At most so many augmentations of a class: which of them enter training, set by a seed and by nothing else."""

from collections import Counter
from collections.abc import Mapping, Sequence

from lightning.pytorch.utilities import rank_zero_warn

from aga_lightning.images.records import DatasetError, ImageRecord
from aga_lightning.images.seeds import seed_from

Pair = tuple[int, int]
"""A record, by its place among the training images, and one of its variants."""


def quotas(setting: int | Mapping[str, int] | None, classes: Sequence[str]) -> dict[str, int]:
    """How many augmentations of each class may enter training; a class without a limit is left out.

    Args:
        setting: One number for all classes, or a number for each of some; None limits nothing.
        classes: The names of all classes.

    Raises:
        DatasetError: If there is no class of a name.
        ValueError: If a number is below 0.
    """
    limits = dict.fromkeys(classes, setting) if isinstance(setting, int) else dict(setting or {})
    if unknown := sorted(set(limits) - set(classes)):
        raise DatasetError(
            f"augmented_per_class names {', '.join(map(repr, unknown))}, but the classes are {', '.join(classes)}"
        )
    if wrong := [f"{number} of {name}" for name, number in limits.items() if number < 0]:
        raise ValueError(f"augmented_per_class is a number of augmentations, not {wrong[0]}")
    return limits


def choose(
    accepted: Mapping[Pair, bool], records: Sequence[ImageRecord], limits: Mapping[str, int], seed: int
) -> set[Pair]:
    """The pairs that enter training where a class may have no more than its quota.

    As many images as possible are shown once before one is shown in a second variant; which image comes first, and
    which of its variants, is drawn. An original that stands in for an augmentation only fills what augmentations
    leave of the quota. A larger quota keeps all that a smaller one has chosen.

    Args:
        accepted: Whether there is an augmentation for a pair that may enter, or the original stands in for it.
        records: The training images.
        limits: The quota of each class that has one.
        seed: All that is random about the choice. An image is told by its name and its folder's, so that neither the
            order of the images nor where they lie changes anything.
    """
    turns: Counter[int] = Counter()
    queue = []
    for pair in sorted(accepted, key=lambda pair: (not accepted[pair], _draw(seed, records[pair[0]], pair[1]))):
        record = records[pair[0]]
        queue.append((not accepted[pair], turns[pair[0]], _draw(seed, record), str(record.path), pair))
        turns[pair[0]] += 1
    taken: Counter[str] = Counter()
    kept = set()
    for *_, pair in sorted(queue):
        name = records[pair[0]].class_name
        if name not in limits or taken[name] < limits[name]:
            taken[name] += 1
            kept.add(pair)
    return kept


def report_shortfall(accepted: Mapping[Pair, bool], records: Sequence[ImageRecord], limits: Mapping[str, int]) -> None:
    """Warn, on the first rank, of classes that have fewer augmentations than their quota.

    Args:
        accepted: As in `choose`.
        records: The training images.
        limits: The quota of each class that has one.
    """
    had = Counter(records[index].class_name for (index, _), made in accepted.items() if made)
    short = {name: limit - had[name] for name, limit in limits.items() if had[name] < limit}
    if not short:
        return
    worst = sorted(short, key=lambda name: (-short[name], name))[:5]
    listing = "; ".join(f"{name} has {had[name]} of {limits[name]}" for name in worst)
    rank_zero_warn(
        f"augmented_per_class: {len(short)} of {len(limits)} classes lack {sum(short.values())} augmentations in all "
        f"({listing}{'; ...' if len(worst) < len(short) else ''}); a larger degree makes more"
    )


def _draw(seed: int, record: ImageRecord, *variant: int) -> int:
    return seed_from(seed, "quota", f"{record.path.parent.name}/{record.path.name}", *variant)
