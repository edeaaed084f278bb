"""Fill the store, here and nowhere else: first each stage that needs a device, one model in memory, then the images.

The data module calls `fill` before the first epoch, the verb `augment` whenever it is asked, the mode lazy ahead of
each epoch, `estimate` for a few timed batches, and `augment_image` for a single photo.
"""

import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from lightning.pytorch.utilities.seed import isolate_rng
from torch.utils.data import DataLoader, Dataset

from aga_lightning.augment.augmenter import ModelStage, Unit
from aga_lightning.augment.base import Gate, Part, Request, parts_in
from aga_lightning.augment.engine.collection import Collection, Outcome
from aga_lightning.augment.engine.made import Made
from aga_lightning.augment.engine.ranks import Ranks
from aga_lightning.augment.engine.workload import images_task, stage_task
from aga_lightning.augment.pretrained import Pretrained
from aga_lightning.preflight import SettingError
from aga_lightning.workers import worker_settings

Bar = Callable[[str, int], AbstractContextManager[Callable[[int], object]]]
"""Called with what is made and how many there are; the block is told how many more are done."""

FINISHED = 8
"""Images for each batch of a stage, where only a few batches are asked for."""


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


class Watch:
    """Looks on while a store is filled; this one does nothing."""

    def begins(self, stage: ModelStage) -> None:
        """A stage is next; it may have nothing left to make."""

    def runs(self, stage: ModelStage) -> None:
        """A stage has something to make; its device is chosen, and its models are not loaded yet."""

    def ran(self, stage: ModelStage, units: Sequence[Unit], load_seconds: float, run_seconds: float) -> None:
        """A batch is in the store; the models are still loaded."""

    def made(self, outcomes: Sequence[Outcome], seconds: float) -> None:
        """The images of one source are in the store."""


def _no_bar(name: str, total: int) -> AbstractContextManager[Callable[[int], object]]:
    return nullcontext(lambda more: None)


def fill(
    collection: Collection,
    requests: Sequence[Request] | None = None,
    *,
    device: torch.device | None = None,
    ranks: Ranks = Ranks(),
    workers: int = 0,
    images: bool = True,
    batches: int | None = None,
    bar: Bar = _no_bar,
    watch: Watch = Watch(),
) -> list[Made]:
    """Make what some requests need and the store lacks, and keep it; what is finished is not made again.

    Random numbers that the caller draws afterwards do not depend on whether something was left to make.

    Args:
        collection: Whose requests they are, and where the outcomes go.
        requests: What to make; None for all that is asked for.
        device: Where the models run; None for the first accelerator there is.
        ranks: The processes that divide the requests, each of which calls this function.
        workers: Threads that load what a stage needs; processes that make the images.
        images: Whether to finish the images too; else only what needs a device is made.
        batches: At most so many batches of each stage, of the requests that the stages before have served, up to the
            first that looks at all training images; None for everything.
        bar: Shows how far a stage is.
        watch: Is told of each batch.

    Returns:
        What each stage has made, and last the images; with `batches`, only as far as it got.
    """
    filling = _Filling(collection, device, ranks, workers, bar, watch)
    requests = collection.requests if requests is None else requests
    made: list[Made] = []
    with isolate_rng():
        stages = collection.augmenter.stages(collection.store)
        for stage in stages:
            if batches is not None and _looks_at_all(stage, requests, collection):
                return made
            made.append(filling.stage(stage, requests, None if batches is None else batches * stage.batch_size))
            if batches is not None:
                requests = [request for request in requests if stage.serves(request, collection.store)]
        if images and not (batches is not None and _studies([collection.augmenter])):
            made.append(filling.images(requests, bool(stages), None if batches is None else batches * FINISHED))
    return made


@dataclass(frozen=True, slots=True)
class _Filling:
    """What is filled, and by whom; see `fill`."""

    collection: Collection
    device: torch.device | None
    ranks: Ranks
    workers: int
    bar: Bar
    watch: Watch

    def stage(self, stage: ModelStage, requests: Sequence[Request], limit: int | None) -> Made:
        """Make the units of a stage, or so many of them, and wait for what other jobs are making."""
        start, done, store = time.monotonic(), 0, self.collection.store
        self.watch.begins(stage)
        while True:
            units = self.ranks.share(lambda: stage.pending(requests, store)[:limit])
            left = self.ranks.total(self._run(stage, units))
            done += len(units) - left
            if not left:
                return Made(stage_task(stage, done), time.monotonic() - start)
            time.sleep(1.0)

    def images(self, requests: Sequence[Request], staged: bool, limit: int | None) -> Made:
        """Make the images of what the stages have made, or about so many of them."""
        start, done = time.monotonic(), 0
        pending: list[list[Request]] = self.ranks.share(lambda: self.collection.pending(requests))
        total = sum(map(len, pending))
        # A method that needs a device, but has no stages, works in the thread that holds it.
        workers = self.workers if staged or not self.collection.augmenter.accelerated else 0
        made = _made(self.collection, self.ranks.mine(pending), workers, processes=self.ranks.count == 1)
        with self.bar("Images", total) as advance, closing(made):
            started = time.perf_counter()
            for outcomes in made:
                self.watch.made(outcomes, time.perf_counter() - started)
                advance(len(outcomes) * self.ranks.count)
                done += len(outcomes)
                if limit is not None and done >= limit:
                    total = done
                    break
                started = time.perf_counter()
        for part in parts_in(self.collection.augmenter):
            if isinstance(part, Pretrained):
                part.release()  # of a method without stages, or of a painter that has isolated its donors
        return Made(images_task(self.collection.augmenter, total, staged), time.monotonic() - start)

    def _run(self, stage: ModelStage, units: Sequence[Unit]) -> int:
        """Make this process's share of the units; how many were left to other jobs."""
        mine, left = self.ranks.mine(units), 0
        if not mine:
            return 0
        if self.device is not None:
            stage.place(self.device)
        try:
            self.watch.runs(stage)
            ahead = BatchesAhead(mine, stage.load, stage.batch_size, self.workers if stage.loads else 0)
            with self.bar(stage.title, len(units)) as advance, closing(iter(ahead)) as batches:
                for batch in batches:
                    started = time.perf_counter()
                    left += stage.advance(batch.items, batch.loaded, self.collection.store)
                    self.watch.ran(stage, batch.items, batch.seconds, time.perf_counter() - started)
                    advance(len(batch.items) * self.ranks.count)
        finally:
            stage.release()
        return left


def _made(
    collection: Collection, pending: Sequence[Sequence[Request]], workers: int, processes: bool
) -> Generator[Sequence[Outcome], None, None]:
    """The outcomes of one source image after the other."""
    if workers == 0:
        yield from map(collection.make, pending)
    elif processes:
        yield from DataLoader(PendingRequests(collection, pending), batch_size=None, **worker_settings(workers))
    else:  # a process that talks to other ranks should not be forked
        for batch in BatchesAhead(pending, collection.make, 2 * workers, workers):
            yield from batch.loaded


@dataclass(frozen=True, slots=True)
class Batch:
    """Items, what was loaded for them, and how long this process has loaded or waited."""

    items: Sequence[Any]
    loaded: Sequence[Any]
    seconds: float


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

    def __iter__(self) -> Generator[Batch, None, None]:
        """The batches in order, loaded."""
        if self.threads == 0:
            for items in self.batches:
                started = time.perf_counter()
                yield Batch(items, [self.load(item) for item in items], time.perf_counter() - started)
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
        started = time.perf_counter()
        return Batch(items, [future.result() for future in futures], time.perf_counter() - started)


class PendingRequests(Dataset[list[Outcome]]):
    """The images that still wait for augmentations, each made when it is asked for: in a loader's process.

    Args:
        collection: Where the outcomes go.
        pending: The variants asked for, grouped by image.
    """

    def __init__(self, collection: Collection, pending: Sequence[Sequence[Request]]) -> None:
        self.collection = collection
        self.pending = pending

    def __len__(self) -> int:
        """How many images still wait for an augmentation."""
        return len(self.pending)

    def __getitem__(self, index: int) -> list[Outcome]:
        """Make the augmentations of an image."""
        return self.collection.make(self.pending[index])


def _looks_at_all(stage: ModelStage, requests: Sequence[Request], collection: Collection) -> bool:
    """Whether a stage would look at all training images, whatever the requests."""
    return _studies(stage.parts) or (stage.gathers and bool(stage.pending(requests, collection.store)))


def _studies(parts: Sequence[Part]) -> bool:
    return any(isinstance(part, Gate) and part.learns and part.opens for part in parts_in(list(parts)))
