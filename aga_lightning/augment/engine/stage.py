"""A step taken through all requests in batches, before the next one starts, so that one model is in memory."""

from collections.abc import Sequence
from typing import Any

from aga_lightning.augment.augmenter import ModelStage, StageCache, Unit
from aga_lightning.augment.base import Request, parts_in
from aga_lightning.augment.engine.runner import Runner, Snapshot
from aga_lightning.augment.engine.step import Rejection, Step
from aga_lightning.augment.pretrained import Pretrained

_AT_ONCE = 16  # values of a step without a model that are made at once


class StepStage(ModelStage):
    """A step for all requests: loaded in the threads of a loader, made in batches under the keys of a single request.

    Args:
        step: The step.
        goal: The last step of its method.
        cache: Where the values are kept.
        snapshot: What the cache holds, for all stages of the method.
    """

    def __init__(self, step: Step[Any], goal: Step[Any], cache: StageCache, snapshot: Snapshot | None = None) -> None:
        sizes = [part.batch_size for part in parts_in(list(step.parts)) if isinstance(part, Pretrained)]
        super().__init__(step.name, step.parts, step.batches * max(sizes, default=_AT_ONCE))
        self.step = step
        self.goal = goal
        self.cache = cache
        self.snapshot = snapshot or Snapshot(cache)
        self.title = step.title + (f" {step.attempt + 1}" if step.attempt else "")
        self.attempt = step.attempt
        self.loads = step.loads
        self.gathers = step.gathers or any(one.gathers for one in step.inputs)

    def pending(self, requests: Sequence[Request], cache: StageCache) -> list[Unit]:
        """What the requests need and the cache lacks, each once, in the order of the requests."""
        for step in Runner.ordered(self.goal):
            if step is self.step or not step.kept:  # what is not kept is filled by loaders: images that cannot be read
                self.snapshot.forget(step.name)
        runner = Runner(cache, self.snapshot)
        units: dict[str, Unit] = {}
        ranks: dict[str, float] = {}
        before = None
        for request in requests:
            if request.record is not before:
                runner.forget()
                before = request.record
            for wanted in self.goal.wants(self.step, request, runner):
                place = runner.place(self.step, wanted)
                if place not in units and not self.snapshot.holds(self.name, place):
                    units[place] = Unit(place, wanted)
                    ranks[place] = self.step.priority(runner.plan(self.step, wanted))
        if units:
            self.snapshot.forget(self.name)
        return sorted(units.values(), key=lambda unit: -ranks[unit.key])

    def serves(self, request: Request, cache: StageCache) -> bool:
        """Whether the cache holds what a request needs of this stage, be that nothing."""
        runner = Runner(cache)
        wanted = self.goal.wants(self.step, request, runner)
        return all(cache.facts(self.name, runner.place(self.step, one)) is not None for one in wanted)

    def load(self, unit: Unit) -> object:
        """The inputs, or why there are none. A step without a model is made here, and kept."""
        runner = Runner(self.cache)
        if self.step.threaded:
            return runner.value(self.step, unit.request)
        return self.step.gathered(unit.request, runner)

    def run(self, units: Sequence[Unit], loaded: Sequence[object]) -> None:
        """Make what could be loaded."""
        runner = Runner(self.cache)
        if self.step.threaded:
            return
        for unit, inputs in zip(units, loaded, strict=True):
            if isinstance(inputs, Rejection) and self.step.keeps_rejected_inputs:
                self.cache.save(self.name, unit.key, {"rejected": inputs.reason})
        pairs = [(unit.request, inputs) for unit, inputs in zip(units, loaded, strict=True) if isinstance(inputs, list)]
        if pairs:
            self.step.finished([request for request, _ in pairs], [inputs for _, inputs in pairs], runner)

    @property
    def denoiser_calls_per_unit(self) -> int:
        """Evaluations of a diffusion model's denoiser for a value, in the mean; 0 where there is none."""
        return int(self.step.calls())

    def weight(self, unit: Unit) -> float:
        """The denoiser's evaluations for a unit, against the mean."""
        mean = self.denoiser_calls_per_unit
        plan = Runner(self.cache).plan(self.step, unit.request)
        return self.step.calls(plan) / mean if mean else 1.0
