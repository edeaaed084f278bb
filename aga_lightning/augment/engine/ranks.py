"""The processes that divide the augmentations among them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from lightning.pytorch import Trainer
from torch import distributed


@dataclass(frozen=True, slots=True)
class Ranks:
    """The processes that divide the work and wait for each other; by default this one alone.

    Args:
        rank: The number of this process, from 0.
        count: How many there are.
        first: Gives all of them what the first one has.
        total: The sum of a number over all of them.
    """

    rank: int = 0
    count: int = 1
    first: Callable[[list[Any]], list[Any]] = lambda work: work
    total: Callable[[int], int] = lambda number: number

    @classmethod
    @contextmanager
    def of(cls, trainer: Trainer | None) -> Iterator["Ranks"]:
        """The ranks of a trainer whose processes have found each other, as they have in `setup`.

        They wait for the slowest one however long it takes; a trainer's own group would give up after half an hour.

        Args:
            trainer: None for this process alone.
        """
        if trainer is None or trainer.world_size == 1:
            yield cls()
            return
        group: Any = distributed.new_group(backend="gloo", timeout=timedelta(days=365))

        def first(work: list[Any]) -> list[Any]:
            shared = [work]
            distributed.broadcast_object_list(shared, src=0, group=group)
            return shared[0]

        def total(number: int) -> int:
            numbers = torch.tensor(number)
            distributed.all_reduce(numbers, group=group)
            return int(numbers)

        try:
            yield cls(trainer.global_rank, trainer.world_size, first, total)
        finally:
            distributed.destroy_process_group(group)

    def share(self, find: Callable[[], Sequence[Any]]) -> list[Any]:
        """What there is to do; one rank looks, so that all divide one list whatever other jobs finish meanwhile."""
        return self.first(list(find()) if self.rank == 0 else [])

    def mine(self, work: Sequence[Any]) -> Sequence[Any]:
        """The part of the work that this process does."""
        return work[self.rank :: self.count]
