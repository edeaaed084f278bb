"""Make a little of everything, with a watch in the hand; what is made is kept."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from math import ceil

import torch
from torch import nn

from aga_lightning.augment.augmenter import ModelStage, StageCache, Unit
from aga_lightning.augment.base import Request
from aga_lightning.augment.engine.collection import Collection, Outcome
from aga_lightning.augment.engine.generation import FINISHED, Watch, fill
from aga_lightning.augment.pretrained import Pretrained


@dataclass(frozen=True, slots=True)
class Measured:
    """What a few units of a stage took.

    Args:
        units: How many were made.
        first_seconds: Loading the models, and what the first batch took longer than the others.
        run_seconds: Work on the device, a unit.
        load_seconds: Work that the loader's threads or processes share, a unit.
        unit_bytes: Bytes kept, a unit.
        memory_bytes: Peak memory of the device; on a CPU that of the models' parameters and buffers.
        rejected: How many of the finished images are none, because something was rejected.
    """

    units: int
    first_seconds: float
    run_seconds: float
    load_seconds: float
    unit_bytes: float
    memory_bytes: int
    rejected: int = 0

    def seconds(self, workers: int) -> float:
        """Seconds a unit, where that many loaders work beside the device; without any, one after the other."""
        if workers == 0:
            return self.run_seconds + self.load_seconds
        return max(self.run_seconds, self.load_seconds / workers)


def probe(collection: Collection, batches: int, device: torch.device) -> list[Measured | None]:
    """Take a few requests from all over the data set through all stages.

    Args:
        collection: Where the work is kept.
        batches: How many of each stage. Whole ones, since a model takes as long for a batch that is filled up.
        device: Where the models run.

    Returns:
        An entry a stage, and one for the finished images. None where nothing was left to make, where the few requests
        got no further, and from the first gate or stage on that looks at all training images first.
    """
    stages = collection.augmenter.stages(collection.store)
    most = max([stage.batch_size for stage in stages] + [ceil(FINISHED / collection.degree)])
    watch = _Stopwatch(collection.store, device)
    requests = _spread(collection.pending(), batches * most)
    made = fill(collection, requests, device=device, batches=batches, watch=watch)
    measured = [stage.measured() for stage in watch.stages] + [watch.finished()]
    return measured[: len(made)] + [None] * (len(stages) + 1 - len(made))


def model_bytes(parts: Sequence[Pretrained]) -> int:
    """Bytes of the parameters and buffers of all models that are loaded; a tensor that two share counts once."""
    tensors = {
        tensor.data_ptr(): tensor.nbytes
        for part in parts
        for module in _modules(vars(part).get("_model"), 3)
        for tensor in [*module.parameters(), *module.buffers()]
    }
    return sum(tensors.values())


@dataclass(slots=True)
class _Laps:
    """What the batches of one stage took: how many units, how long they loaded, their weight, how long they ran."""

    loading: float = 0.0
    memory: int = 0
    kept: int = 0
    batches: list[tuple[int, float, float, float]] = field(default_factory=list)

    def measured(self) -> Measured | None:
        """What that makes for a unit; None where there was none."""
        if not self.batches:
            return None
        steady = self.batches[1:] or self.batches
        run = sum(seconds for *_, seconds in steady) / sum(weight for _, _, weight, _ in steady)
        _, _, weight, first = self.batches[0]
        units = sum(count for count, *_ in self.batches)
        return Measured(
            units=units,
            first_seconds=self.loading + max(0.0, first - run * weight),
            run_seconds=run,
            load_seconds=sum(seconds for _, seconds, *_ in steady) / sum(count for count, *_ in steady),
            unit_bytes=self.kept / units,
            memory_bytes=self.memory,
        )


class _Stopwatch(Watch):
    """Times what is made.

    Args:
        store: Where it is kept.
        device: Where the models run.
    """

    def __init__(self, store: StageCache, device: torch.device) -> None:
        self.stages: list[_Laps] = []
        self._store, self._device = store, device
        self._images: list[tuple[int, float]] = []
        self._sizes: list[int] = []

    def begins(self, stage: ModelStage) -> None:
        """Take a new sheet."""
        self.stages.append(_Laps())

    def runs(self, stage: ModelStage) -> None:
        """Load the models, which is timed apart."""
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
        started = time.perf_counter()
        for model in stage.models:
            _ = model.model
        self.stages[-1].loading = time.perf_counter() - started

    def ran(self, stage: ModelStage, units: Sequence[Unit], load_seconds: float, run_seconds: float) -> None:
        """Note a batch."""
        laps = self.stages[-1]
        laps.batches.append((len(units), load_seconds, sum(stage.weight(unit) for unit in units), run_seconds))
        laps.kept += sum(_kept(stage, unit, self._store) for unit in units)
        cuda = self._device.type == "cuda"
        laps.memory = torch.cuda.max_memory_allocated(self._device) if cuda else model_bytes(stage.models)

    def made(self, outcomes: Sequence[Outcome], seconds: float) -> None:
        """Note the images of a source."""
        self._images.append((len(outcomes), seconds))
        self._sizes += [outcome.path.stat().st_size if outcome.path else 0 for outcome in outcomes]

    def finished(self) -> Measured | None:
        """What an image took; None where there was none."""
        if not self._images:
            return None
        steady = self._images[1:] or self._images
        seconds = sum(took for _, took in steady) / sum(count for count, _ in steady)
        count, first = self._images[0]
        sizes = self._sizes
        first_seconds = max(0.0, first - seconds * count)
        return Measured(len(sizes), first_seconds, 0.0, seconds, sum(sizes) / len(sizes), 0, sizes.count(0))


def _spread(groups: Sequence[Sequence[Request]], count: int) -> list[Request]:
    """The requests of some groups, evenly spaced."""
    chosen = dict.fromkeys(number * len(groups) // count for number in range(count)) if groups else {}
    return [request for number in chosen for request in groups[number]]


def _kept(stage: ModelStage, unit: Unit, store: StageCache) -> int:
    found = store.load(stage.name, unit.key)
    return 0 if found is None else len(found[1] or b"") + len(json.dumps(dict(found[0])))


def _modules(thing: object, depth: int) -> Iterator[nn.Module]:
    """The networks in what a part has loaded: one, several, a pipeline of diffusers, or a record of ours."""
    if isinstance(thing, nn.Module):
        yield thing
        return
    inside: list[object] = []
    if isinstance(components := getattr(thing, "components", None), Mapping):
        inside = list(components.values())
    elif isinstance(thing, list | tuple):
        inside = list(thing)
    elif is_dataclass(thing) and not isinstance(thing, type):
        inside = [getattr(thing, field.name) for field in fields(thing)]
    if depth:
        for item in inside:
            yield from _modules(item, depth - 1)
