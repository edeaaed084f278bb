"""The images of an epoch: originals and augmentations, appended or swapped in, in an order set by the seed."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from torch.utils.data import BatchSampler, Sampler

ORIGINAL = -1

ReplaceSchedule = Literal["constant", "linear", "cosine"]


class Pick(NamedTuple):
    """One training item.

    Args:
        record: Index of the record.
        variant: Number of the augmentation, `ORIGINAL` for the photo itself.
        seed: Seed of the random transforms; it makes the result independent of the number of workers.
    """

    record: int
    variant: int
    seed: int


@dataclass(frozen=True, slots=True)
class MixingPolicy:
    """How augmentations enter training.

    Args:
        replace_probability: 0 appends all augmentations to the originals (the paper); p > 0 shows originals only, each
            swapped for one of its augmentations with this probability.
        schedule: How p falls over the mixed epochs: not at all, linearly to 0, or along a half cosine to 0.
        real_only_epochs: Number of last epochs that show originals only.
        max_epochs: Number of epochs of the fit; needed by a falling schedule and by `real_only_epochs`.
    """

    replace_probability: float = 0.0
    schedule: ReplaceSchedule = "constant"
    real_only_epochs: int = 0
    max_epochs: int | None = None

    def __post_init__(self) -> None:
        if self.max_epochs is None and (self.real_only_epochs or self.schedule != "constant"):
            raise ValueError("real_only_epochs and a falling replace_schedule need --trainer.max_epochs")

    def is_real_only(self, epoch: int) -> bool:
        """Whether an epoch shows originals only."""
        return self.max_epochs is not None and epoch >= self.max_epochs - self.real_only_epochs

    def probability(self, epoch: int) -> float:
        """Probability that an original is swapped for an augmentation in an epoch (counted from 0)."""
        if self.is_real_only(epoch):
            return 0.0
        if self.schedule == "constant" or self.max_epochs is None:
            return self.replace_probability
        progress = epoch / max(1, self.max_epochs - self.real_only_epochs)
        fall = 1 - progress if self.schedule == "linear" else (1 + math.cos(math.pi * progress)) / 2
        return self.replace_probability * fall


def planned_epochs(max_epochs: int | None, max_steps: int, steps_per_epoch: int | None) -> int | None:
    """Number of epochs that a trainer will run; None if there is no limit, or if it cannot be told.

    Args:
        max_epochs: The trainer's; None or -1 for no limit.
        max_steps: The trainer's; -1 for no limit.
        steps_per_epoch: Optimiser steps of an epoch; None if they depend on the number of images.
    """
    if max_epochs not in (None, -1):
        return max_epochs
    return math.ceil(max_steps / steps_per_epoch) if max_steps > 0 and steps_per_epoch else None


class MixingSampler(Sampler[Pick]):
    """Draws the picks of an epoch.

    An epoch is a shuffled pass over its items; a longer one (`length`) starts a new pass, a shorter one stops early.
    All ranks draw the same list, which Lightning's distributed sampler then divides.

    Args:
        originals: Number of records.
        augmented: The augmentations, as (record, variant).
        policy: How augmentations enter training.
        epoch: Returns the current epoch, so that a resumed run continues where it stopped.
        seed: Sets the order and each pick's seed.
        length: Picks an epoch; None for one pass over all items.
        announce: Called with all picks of an epoch before the first is drawn, so that their augmentations can be made
            in batches.
    """

    def __init__(
        self,
        originals: int,
        augmented: Sequence[tuple[int, int]],
        policy: MixingPolicy,
        epoch: Callable[[], int],
        seed: int,
        length: int | None = None,
        announce: Callable[[list[Pick]], None] | None = None,
    ) -> None:
        self._announce = announce
        self._originals = np.array([(index, ORIGINAL) for index in range(originals)], np.int64).reshape(-1, 2)
        self._augmented = np.array(augmented, np.int64).reshape(-1, 2)
        self._policy = policy
        self._epoch = epoch
        self._seed = seed
        appended = 0 if policy.replace_probability > 0 else len(self._augmented)
        self._length = originals + appended if length is None else length

    def __len__(self) -> int:
        """Picks an epoch."""
        return self._length

    def __iter__(self) -> Iterator[Pick]:
        """The picks of the current epoch."""
        epoch = self._epoch()
        rng = np.random.default_rng([self._seed, epoch])
        items = self._items(epoch, rng)
        seeds = rng.integers(2**62, size=len(items))
        rows = zip(items.tolist(), seeds.tolist(), strict=True)
        picks: Iterable[Pick] = (Pick(index, variant, seed) for (index, variant), seed in rows)
        if self._announce is not None:
            picks = list(picks)
            self._announce(picks)
        yield from picks

    def _items(self, epoch: int, rng: np.random.Generator) -> np.ndarray:
        append = self._policy.replace_probability == 0 and not self._policy.is_real_only(epoch)
        pool = np.concatenate([self._originals, self._augmented]) if append else self._originals
        passes = math.ceil(self._length / max(1, len(pool)))
        order = np.concatenate([rng.permutation(len(pool)) for _ in range(passes)])[: self._length]
        items = pool[order]
        probability = self._policy.probability(epoch)
        return self._swap(items, probability, rng) if probability > 0 else items

    def _swap(self, items: np.ndarray, probability: float, rng: np.random.Generator) -> np.ndarray:
        by_record = self._augmented[np.argsort(self._augmented[:, 0], kind="stable")]
        first = np.searchsorted(by_record[:, 0], items[:, 0], side="left")
        count = np.searchsorted(by_record[:, 0], items[:, 0], side="right") - first
        chosen = first + (rng.random(len(items)) * count).astype(np.int64)
        swapped = (rng.random(len(items)) < probability) & (count > 0)
        items[swapped] = by_record[chosen[swapped]]
        return items


class MergingBatches(BatchSampler):
    """The picks in batches; a last batch of a single pick joins the batch before it.

    Batch norm cannot normalise over a single image, and fails if its maps have one pixel.

    Args:
        sampler: Draws the picks.
        batch_size: Picks a batch; the last batch may have one more.
        drop_last: Whether an incomplete last batch is left out.
    """

    def __init__(self, sampler: Any, batch_size: int, drop_last: bool) -> None:  # noqa: ANN401 torch: of numbers
        super().__init__(sampler, batch_size, drop_last)

    def __iter__(self) -> Iterator[list[Pick]]:  # type: ignore[override] # torch knows samplers of numbers only
        """The batches of the current epoch."""
        held: list[Any] = []
        for batch in super().__iter__():
            if len(batch) == 1 < self.batch_size and held:
                held += batch
            else:
                if held:
                    yield held
                held = batch
        if held:
            yield held

    def __len__(self) -> int:
        """Number of batches of an epoch."""
        items = len(self.sampler)  # type: ignore[arg-type] # ours has a length
        alone = not self.drop_last and 1 < self.batch_size < items and items % self.batch_size == 1
        return super().__len__() - alone
