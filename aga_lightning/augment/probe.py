"""Make a little of everything, with a watch in the hand; what is made is kept."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from itertools import groupby
from math import ceil

import torch
from lightning.pytorch.utilities import rank_zero_info
from torch import nn

from aga_lightning.augment.augmenter import ModelStage, StageCache, Unit
from aga_lightning.augment.base import Gate, Part, Request, parts_in
from aga_lightning.augment.collection import Collection
from aga_lightning.augment.pretrained import Pretrained

_MERGED = 8  # finished images for each batch of a stage


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
    store, augmenter = collection.store, collection.augmenter
    stages = augmenter.stages(store)
    most = max([stage.batch_size for stage in stages] + [ceil(_MERGED / collection.degree)])
    requests = _spread(collection.pending(), batches * most)
    measured: list[Measured | None] = []
    for stage in stages:
        units = stage.pending(requests, store)[: batches * stage.batch_size]
        if _learns(stage.parts) or (stage.gathers and units):
            return measured + [None] * (len(stages) + 1 - len(measured))
        if units:
            rank_zero_info(f"probe: {len(units)} of {type(stage).__name__}")
        measured.append(_run(stage, units, store, device) if units else None)
        requests = [request for request in requests if _through(stage, request, store)]
    return [*measured, None if _learns([augmenter]) else _finish(collection, requests, batches)]


def model_bytes(parts: Sequence[Pretrained]) -> int:
    """Bytes of the parameters and buffers of all models that are loaded; a tensor that two share counts once."""
    tensors = {
        tensor.data_ptr(): tensor.nbytes
        for part in parts
        for module in _modules(vars(part).get("_model"), 3)
        for tensor in [*module.parameters(), *module.buffers()]
    }
    return sum(tensors.values())


def _run(stage: ModelStage, units: Sequence[Unit], store: StageCache, device: torch.device) -> Measured:
    """Run a stage for some units, batch by batch."""
    cuda = device.type == "cuda"
    if cuda:
        torch.cuda.reset_peak_memory_stats(device)
    stage.place(device)
    started = time.perf_counter()
    for model in stage.models:
        _ = model.model
    loading = time.perf_counter() - started
    watches = []
    for start in range(0, len(units), stage.batch_size):
        batch = units[start : start + stage.batch_size]
        started = time.perf_counter()
        loaded = [stage.load(unit) for unit in batch]
        ready = time.perf_counter()
        stage.advance(batch, loaded, store)
        weight = sum(stage.weight(unit) for unit in batch)
        watches.append((len(batch), ready - started, weight, time.perf_counter() - ready))
    steady = watches[1:] or watches
    run = sum(seconds for *_, seconds in steady) / sum(weight for _, _, weight, _ in steady)
    memory = torch.cuda.max_memory_allocated(device) if cuda else model_bytes(stage.models)
    stage.release()
    return Measured(
        units=len(units),
        first_seconds=loading + max(0.0, watches[0][3] - run * watches[0][2]),
        run_seconds=run,
        load_seconds=sum(seconds for _, seconds, *_ in steady) / sum(size for size, *_ in steady),
        unit_bytes=sum(_kept(stage, unit, store) for unit in units) / len(units),
        memory_bytes=memory,
    )


def _finish(collection: Collection, requests: Sequence[Request], batches: int) -> Measured | None:
    """Finish some images, the variants of a source together."""
    pending = [request for request in requests if collection.find(request) is None]
    groups = [list(variants) for _, variants in groupby(pending, key=lambda request: request.record)]
    watches, sizes = [], []
    for group in groups:
        started = time.perf_counter()
        outcomes = collection.make(group)
        watches.append((len(group), time.perf_counter() - started))
        sizes += [outcome.path.stat().st_size if outcome.path else 0 for outcome in outcomes]
        if len(sizes) >= batches * _MERGED:
            break
    for part in parts_in(collection.augmenter):
        if isinstance(part, Pretrained):
            part.release()  # a painter of donors' photos has isolated them
    if not watches:
        return None
    rank_zero_info(f"probe: {len(sizes)} finished images")
    steady = watches[1:] or watches
    seconds = sum(took for _, took in steady) / sum(size for size, _ in steady)
    first = max(0.0, watches[0][1] - seconds * watches[0][0])
    return Measured(len(sizes), first, 0.0, seconds, sum(sizes) / len(sizes), 0, sizes.count(0))


def _spread(groups: Sequence[Sequence[Request]], count: int) -> list[Request]:
    """The requests of some groups, evenly spaced."""
    chosen = dict.fromkeys(number * len(groups) // count for number in range(count)) if groups else {}
    return [request for number in chosen for request in groups[number]]


def _through(stage: ModelStage, request: Request, store: StageCache) -> bool:
    """Whether a stage has made what a request needs of it, be that nothing."""
    key = stage.key(request)
    return key is None or store.facts(stage.name, key) is not None


def _kept(stage: ModelStage, unit: Unit, store: StageCache) -> int:
    found = store.load(stage.name, unit.key)
    return 0 if found is None else len(found[1] or b"") + len(json.dumps(dict(found[0])))


def _learns(parts: Sequence[Part]) -> bool:
    return any(isinstance(part, Gate) and part.learns and part.opens for part in parts_in(list(parts)))


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
