"""Fill the store under Lightning's Trainer, so that its devices, nodes and ranks share the work.

First each stage that needs a device goes through all requests, one model in memory at a time; then the loaders' worker
processes merge. Each of these is one prediction of the trainer.
"""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.utilities import rank_zero_info
from torch.utils.data import DataLoader, Dataset

from aga_lightning.augment.augmenter import ModelStage
from aga_lightning.augment.base import Request
from aga_lightning.augment.collection import Collection
from aga_lightning.data.workers import worker_settings
from aga_lightning.preflight import SettingError

Work = list[Request]


@dataclass(frozen=True, slots=True)
class Shard:
    """One of several jobs that share a store: every `count`-th training image, starting with number `index`."""

    index: int = 0
    count: int = 1

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Read "i/n", with i counted from 0.

        Raises:
            ValueError: If that is not what the text says.
        """
        index, _, count = text.partition("/")
        if not (index.isdigit() and count.isdigit() and int(index) < int(count)):
            raise SettingError(f"--shard is {text!r}; give i/n with i from 0 to n-1, such as 0/8")
        return cls(int(index), int(count))

    def of(self, collection: Collection) -> list[Request]:
        """The requests of this job; all variants of an image belong to one job."""
        return collection.requests_of(collection.records[self.index :: self.count])


@dataclass(frozen=True, slots=True)
class Source:
    """What is to be filled.

    Args:
        prepare: Puts the data set's files in place; called once a machine.
        open_collection: Gives what is to be filled; called once a process, when the files are in place.
        num_workers: Loader threads of a stage, loader processes of the merging.
        shard: Which part of it this job makes.
    """

    prepare: Callable[[], None]
    open_collection: Callable[[], Collection]
    num_workers: int
    shard: Shard = Shard()


class _Filler(LightningModule, ABC):
    """A module whose prediction makes things and keeps them."""

    def __init__(self, source: Source) -> None:
        super().__init__()
        self.source = source

    def prepare_data(self) -> None:
        """Put the data set's files in place."""
        self.source.prepare()

    def setup(self, stage: str) -> None:
        """Find out what is to be made."""
        self.collection = self.source.open_collection()
        # One rank looks, so that all divide the same list whatever other jobs finish meanwhile.
        work = self.find_work() if self.trainer.is_global_zero else []
        self.work = self.trainer.strategy.broadcast(work)

    @abstractmethod
    def find_work(self) -> list[Any]:
        """What is to be made."""

    def transfer_batch_to_device(self, batch: object, device: torch.device, dataloader_idx: int) -> object:
        """Batches are no tensors; the parts see to the device themselves."""
        return batch


class Batch:
    """Items and what was loaded for them; opaque, because Lightning takes lists apart in search of tensors."""

    def __init__(self, items: Sequence[Any], loaded: Sequence[Any]) -> None:
        self.items = items
        self.loaded = loaded


class BatchesAhead:
    """Items in batches: while one batch is worked on, threads load the next.

    Threads and no processes, because decoding leaves the interpreter to others, and because a process that holds a
    device and talks to other ranks should not be forked: the child of one that does hangs now and then.

    Args:
        items: What to load, in order.
        load: Loads an item.
        batch_size: Items a batch.
        threads: How many load; 0 loads when a batch is asked for.
    """

    def __init__(self, items: Sequence[Any], load: Callable[[Any], Any], batch_size: int, threads: int) -> None:
        self.batches = [items[start : start + batch_size] for start in range(0, len(items), batch_size)]
        self.load = load
        self.threads = threads

    def __len__(self) -> int:
        """How many batches there are."""
        return len(self.batches)

    def __iter__(self) -> Iterator[Batch]:
        """The batches in order, loaded."""
        if self.threads == 0:
            yield from (Batch(items, [self.load(item) for item in items]) for items in self.batches)
            return
        pool = ThreadPoolExecutor(self.threads)
        try:
            coming: deque[tuple[Sequence[Any], list[Future[Any]]]] = deque()
            for items in self.batches:
                coming.append((items, [pool.submit(self.load, item) for item in items]))
                if len(coming) > 1:
                    yield self._loaded(*coming.popleft())
            while coming:
                yield self._loaded(*coming.popleft())
        finally:
            pool.shutdown(cancel_futures=True)  # who stops early does not wait for what nobody will use

    def _loaded(self, items: Sequence[Any], futures: Sequence[Future[Any]]) -> Batch:
        return Batch(items, [future.result() for future in futures])


class StageFiller(_Filler):
    """A module whose prediction takes one stage through all requests.

    Args:
        source: What is to be filled.
        stage: The stage.
    """

    def __init__(self, source: Source, stage: ModelStage) -> None:
        super().__init__(source)
        self.stage = stage
        self.left_to_others = 0

    def find_work(self) -> list[Any]:
        """The stage's units."""
        units = self.stage.pending(self.source.shard.of(self.collection), self.collection.store)
        if units:
            rank_zero_info(f"{type(self.stage).__name__}: {len(units)} to make")
        return list(units)

    def predict_dataloader(self) -> BatchesAhead:
        """This rank's share of the units, in batches."""
        mine = self.work[self.trainer.global_rank :: self.trainer.world_size]
        threads = self.source.num_workers if self.stage.loads else 0
        return BatchesAhead(mine, self.stage.load, self.stage.batch_size, threads)

    def on_predict_start(self) -> None:
        """Let the models run where the trainer wants them."""
        self.stage.place(self.device)

    def predict_step(self, batch: Batch) -> int:
        """Make a batch, and keep it; how much was left to other jobs."""
        left = self.stage.advance(batch.items, batch.loaded, self.collection.store)
        self.left_to_others += left
        return left

    def on_predict_end(self) -> None:
        """Give the memory to the next stage."""
        self.stage.release()


class PendingRequests(Dataset[int]):
    """The images that still wait for augmentations, each made when it is asked for: in a loader's process.

    Args:
        collection: Where the outcomes go.
        pending: The variants asked for, grouped by image.
    """

    def __init__(self, collection: Collection, pending: Sequence[Work]) -> None:
        self.collection = collection
        self.pending = pending

    def __len__(self) -> int:
        """How many images still wait for an augmentation."""
        return len(self.pending)

    def __getitem__(self, index: int) -> int:
        """Make the augmentations of an image; how many."""
        return len(self.collection.make(self.pending[index]))


class StoreFiller(_Filler):
    """A module whose prediction makes the augmentations, when the stages that need a device are through."""

    def find_work(self) -> list[Any]:
        """The requests that have not ended."""
        return list(self.collection.pending(self.source.shard.of(self.collection)))

    def predict_dataloader(self) -> DataLoader[int] | BatchesAhead:
        """One image after the other: by the loader's processes, or by threads where several ranks share the images."""
        workers = self.source.num_workers
        augmenter = self.collection.augmenter
        if augmenter.accelerated and not augmenter.stages(self.collection.store):
            workers = 0  # a method that needs a device, but has no stages, works in the thread that holds it
        ranks = self.trainer.world_size
        if ranks > 1:
            mine = self.work[self.trainer.global_rank :: ranks]
            return BatchesAhead(mine, lambda work: len(self.collection.make(work)), max(1, 2 * workers), workers)
        dataset = PendingRequests(self.collection, self.work)
        return DataLoader(dataset, batch_size=None, **worker_settings(workers))

    def predict_step(self, made: int | Batch) -> int:
        """Nothing is left to do; how many images were made."""
        return sum(made.loaded) if isinstance(made, Batch) else made
