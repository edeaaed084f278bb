"""Quotas: which augmentations of a class enter training if it may have only so many. A seed alone decides."""

from collections import Counter
from collections.abc import Mapping, Sequence

from lightning.pytorch.utilities import rank_zero_warn

from aga_lightning.images.records import DatasetError, ImageRecord
from aga_lightning.images.seeds import seed_from

Pair = tuple[int, int]
"""The index of a record among the training images, and the number of a variant."""


def quotas(setting: int | Mapping[str, int] | None, classes: Sequence[str]) -> dict[str, int]:
    """The quota of each class that has one.

    Args:
        setting: One number for all classes, or {class: number}; None for no quota. `check_numbers` has seen that the
            numbers are not below 0.
        classes: The names of all classes.

    Raises:
        DatasetError: If the setting names an unknown class.
    """
    limits = dict.fromkeys(classes, setting) if isinstance(setting, int) else dict(setting or {})
    if unknown := sorted(set(limits) - set(classes)):
        raise DatasetError(
            f"augmented_per_class names {', '.join(map(repr, unknown))}, but the classes are {', '.join(classes)}"
        )
    return limits


def choose(
    accepted: Mapping[Pair, bool], records: Sequence[ImageRecord], limits: Mapping[str, int], seed: int
) -> set[Pair]:
    """The pairs that enter training within the quotas.

    Each image is shown once, as far as possible, before any is shown in a second variant; the order of the images and
    of their variants is random. If too few augmentations were accepted, originals fill the rest of the quota. A larger
    quota keeps every pair that a smaller one has chosen.

    Args:
        accepted: For each pair, whether it has an accepted augmentation; if not, the original replaces it.
        records: The training images.
        limits: The quota of each class that has one.
        seed: Seed of the choice. Only the names of an image and of its folder enter the draw, so that the order of the
            images and the place of the data set change nothing.
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
    """Warn, on the first rank only, of classes that have fewer augmentations than their quota.

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
