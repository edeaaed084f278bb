"""One step of a method: what it is made of, how a batch of it is made, and under which key it is kept."""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from aga_lightning.augment.augmenter import Finished, denoiser_calls
from aga_lightning.augment.base import Part, Request, SubjectSource, accelerated
from aga_lightning.augment.engine.runner import Runner
from aga_lightning.augment.fingerprint import fingerprint, part_name

Made = TypeVar("Made")

Digest = Callable[[Path], str]
"""What tells the pixels of an image file from others; see `StageCache.digest`."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a step has nothing for a request. It passes through all steps that follow.

    Args:
        reason: In words for a person.
        by_gate: Whether a gate objects, so that another attempt may pass.
    """

    reason: str
    by_gate: bool = False


class Step(ABC, Generic[Made]):
    """One box of a method's diagram: it makes one thing for a request, of what its inputs have made for it.

    A subclass says in `plan` what of the request itself decides, and in `make` how a batch is made. `make` sees nothing
    but plans and the inputs' values. So the key under which a value is kept follows: a digest of the step, its parts'
    settings, its inputs' keys and the plan. A value itself never enters a key, and so all keys are known before
    anything is made.

    Args:
        inputs: The steps whose values it takes, in the order in which they are made. Where one of them has a
            rejection, the later ones are not made, nor is this step.
        parts: The parts that it calls.

    Attributes:
        name: The cache's folder of what it makes, in a word such as "boxes". Empty for what is quicker to make again
            than to look up, which is not kept.
        title: What a bar calls it; the class's name where nothing is said.
        fills: The field of a `Draft` that its value is, for gates and for those who show what is kept.
        of_record: Whether all requests for one image get the same, as far as the inputs do.
        loads: Whether inputs are worth a loader's thread; words are not.
        gathers: Whether it needs values of other requests than its own.
        batches: How many batches of its parts are handed to it at once.
        version: To be raised when the same parts and inputs start to give another value.
        keeps_rejected_inputs: Whether the cache keeps under its keys that an input was rejected.
        attempt: How many attempts at the same thing come before it.
        decides: Whether it has to be made for all requests before what follows, since it may reject.
        learned: What `prepare` learned that decides the value of some request; plain JSON values.
    """

    name: ClassVar[str] = ""
    title: str = ""
    fills: ClassVar[str] = ""
    of_record: bool = False
    loads: ClassVar[bool] = True
    gathers: ClassVar[bool] = False
    batches: ClassVar[int] = 1
    version: ClassVar[int] = 1
    keeps_rejected_inputs: ClassVar[bool] = False

    def __init__(self, *inputs: "Step[Any]", parts: Sequence[Part] = ()) -> None:
        self.inputs = inputs
        self.parts = tuple(parts)
        self.of_record = self.of_record and all(step.of_record for step in inputs)
        self.title = self.title or type(self).__name__
        self.attempt = 0
        self.decides = False
        self.learned: Mapping[str, object] = {}

    # What a subclass says of itself.

    def plan(self, request: Request, digest: Digest) -> Any:  # noqa: ANN401 each step has plans of its own kind
        """What of a request decides the value, besides the inputs: seeds, sizes, names; plain JSON values."""
        return None

    @abstractmethod
    def make(self, plans: Sequence[Any], *inputs: Sequence[Any]) -> Sequence[Made | Rejection]:
        """Make a batch: one value a plan, which depends on that plan and its inputs alone.

        Args:
            plans: What `plan` said of each request.
            inputs: The values of each input, one a plan; none of them is a rejection.
        """

    def encode(self, made: Made, plan: Any, *inputs: Any) -> Finished:  # noqa: ANN401 as `plan`
        """What is kept of a value, where the step has a folder: facts (plain JSON values), and a file's content."""
        raise NotImplementedError(f"{type(self).__name__} has a folder, and so needs encode and decode")

    def decode(self, facts: Mapping[str, object], data: bytes | None, plan: Any) -> Made:  # noqa: ANN401 as `plan`
        """The value, from what is kept of it. This is what the next steps get, also when it has just been made."""
        raise NotImplementedError(f"{type(self).__name__} has a folder, and so needs encode and decode")

    def settings(self) -> object:
        """What decides all values besides parts, inputs and plans; plain JSON values."""
        return None

    def guard(self, hashes: Sequence[int]) -> None:
        """Take perceptual hashes of the evaluation images, for parts that compare with them; `prepare` comes after."""

    def prepare(self, training: SubjectSource) -> None:
        """Learn what it needs from the training images, and from no others. A subclass calls this method too."""
        vars(self).pop("own_key", None)

    def calls(self, plan: Any = None) -> float:  # noqa: ANN401 as `plan`
        """Evaluations of a diffusion model's denoiser for a value; without a plan, in the mean over all of them."""
        return denoiser_calls(self.parts)

    def priority(self, plan: Any) -> float:  # noqa: ANN401 as `plan`
        """Values of a higher priority are made first; all are equal, but where equal ones fill a batch better."""
        return 0.0

    # What follows from it.

    @property
    def kept(self) -> bool:
        """Whether values are kept. Of what is not kept, a step with a folder keeps its rejections nevertheless."""
        return bool(self.name)

    @property
    def staged(self) -> bool:
        """Whether it is made for all requests before the next step: one with a model, or one that decides."""
        return self.kept and (self.decides or accelerated(self.parts))

    @property
    def threaded(self) -> bool:
        """Whether a loader's threads make it, because it calls no model."""
        return not accelerated(self.parts)

    @cached_property
    def own_key(self) -> str:
        """A key of the step itself, without its inputs and plans."""
        return fingerprint(part_name(type(self)), self.version, self.parts, self.settings())

    def key(self, request: Request, runner: Runner) -> str:
        """A key of the value, from which the keys of later steps follow."""
        inputs = [runner.key(step, request) for step in self.inputs]
        return digest_of(self.own_key, inputs, runner.plan(self, request))

    def place(self, request: Request, runner: Runner) -> str:
        """Under which key the cache keeps it."""
        return runner.key(self, request)

    def gathered(self, request: Request, runner: Runner) -> list[Any] | Rejection:
        """The values of the inputs, each made now if need be; or the first rejection."""
        values = []
        for step in self.inputs:
            value = runner.value(step, request)
            if isinstance(value, Rejection):
                return value
            values.append(value)
        return values

    def value(self, request: Request, runner: Runner) -> Made | Rejection:
        """What the step has made for a request, made now where it is not kept."""
        kept = self.recalled(request, runner)
        if kept is not None:
            return kept
        inputs = self.gathered(request, runner)
        if isinstance(inputs, Rejection):
            return inputs
        return self.finished([request], [inputs], runner)[0]

    def recalled(self, request: Request, runner: Runner) -> Made | Rejection | None:
        """What is kept for a request; None where nothing is."""
        if not self.name:
            return None
        found = runner.cache.load(self.name, runner.place(self, request))
        return None if found is None else self._decoded(found, runner.plan(self, request))

    def finished(
        self, requests: Sequence[Request], inputs: Sequence[Sequence[Any]], runner: Runner
    ) -> list[Made | Rejection]:
        """Make and keep a batch, given the inputs of each request; what another process has made is taken from it."""
        plans = [runner.plan(self, request) for request in requests]
        if not self.kept:
            return [self._noted(made, request, runner) for made, request in
                    zip(self._made(plans, inputs), requests, strict=True)]  # fmt: skip
        places = [runner.place(self, request) for request in requests]

        def make(missing: list[int]) -> list[Finished]:
            made = self._made([plans[i] for i in missing], [inputs[i] for i in missing])
            return [self._encoded(one, plans[i], inputs[i]) for i, one in zip(missing, made, strict=True)]

        found = runner.cache.recall(self.name, places, make)
        return [self._decoded(one, plan) for one, plan in zip(found, plans, strict=True)]

    def peek(self, request: Request, runner: Runner) -> Made | None:
        """The value, as far as all that it takes is kept; nothing is made that a part has to be asked for."""
        if self.kept:
            found = self.recalled(request, runner)
            return None if isinstance(found, Rejection) else found
        inputs = [] if self.parts else [step.peek(request, runner) for step in self.inputs]
        if self.parts or any(value is None for value in inputs):
            return None
        made = self.make([runner.plan(self, request)], *([value] for value in inputs))[0]
        return None if isinstance(made, Rejection) else made

    def status(self, request: Request, runner: Runner) -> Rejection | bool:
        """Whether the value is kept, or that there will be none, as far as the cache knows; nothing is made."""
        facts = runner.facts(self.name, runner.place(self, request)) if self.name else None
        if facts is not None:
            return Rejection(str(facts["rejected"])) if "rejected" in facts else True
        return self._refused(request, runner)

    def wants(self, target: "Step[Any]", request: Request, runner: Runner) -> Iterator[Request]:
        """The requests for which `target` has to be made, so that this step can be, as far as the cache knows."""
        if self is target:
            if not isinstance(self._refused(request, runner), Rejection):
                yield request
        elif (way := runner.way(self, target)) and not (self.kept and runner.status(self, request)):
            for step in way:
                yield from step.wants(target, request, runner)
                if step is not way[-1] and isinstance(runner.status(step, request), Rejection):
                    return

    def _refused(self, request: Request, runner: Runner) -> Rejection | bool:
        """The first rejection among the inputs, as far as the cache knows; else False."""
        states = (runner.status(step, request) for step in self.inputs)
        return next((state for state in states if isinstance(state, Rejection)), False)

    def _made(self, plans: Sequence[Any], inputs: Sequence[Sequence[Any]]) -> Sequence[Made | Rejection]:
        columns = list(zip(*inputs, strict=True)) if self.inputs else []
        return self.make(plans, *columns)

    def _noted(self, made: Made | Rejection, request: Request, runner: Runner) -> Made | Rejection:
        if isinstance(made, Rejection) and self.name:
            runner.cache.save(self.name, self.place(request, runner), {"rejected": made.reason})
        return made

    def _encoded(self, made: Made | Rejection, plan: Any, inputs: Sequence[Any]) -> Finished:  # noqa: ANN401
        if isinstance(made, Rejection):
            return {"rejected": made.reason}, None
        return self.encode(made, plan, *inputs)

    def _decoded(self, found: Finished, plan: Any) -> Made | Rejection:  # noqa: ANN401 as `plan`
        facts, data = found
        return Rejection(str(facts["rejected"])) if "rejected" in facts else self.decode(facts, data, plan)


def digest_of(*values: object) -> str:
    """A key of plain JSON values, quicker than `fingerprint`, which knows parts too."""
    return hashlib.sha256(_encode(values).encode()).hexdigest()[:32]


_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


class Gathered(Step[list[Any]]):
    """The values of a step for several requests at once, such as for all training images of a class.

    Rejections are among them: who gathers decides what to do without.

    Args:
        each: The step.
    """

    gathers = True

    def __init__(self, each: Step[Any]) -> None:
        super().__init__(each)
        self.each = each
        self._members: dict[Any, list[Request]] = {}
        self._keys: dict[Any, str] = {}

    def group(self, request: Request) -> Any:  # noqa: ANN401 anything that can be looked up
        """What many requests that gather the same have in common; None where each gathers its own."""
        return None

    @abstractmethod
    def requests(self, request: Request, digest: Digest) -> Sequence[Request]:
        """Those whose values are gathered for a request, in an order that their content decides."""

    def prepare(self, training: SubjectSource) -> None:
        """Forget what was gathered of other training images."""
        super().prepare(training)
        self._members, self._keys = {}, {}

    def members(self, request: Request, runner: Runner) -> list[Request]:
        """As `requests`, worked out once for a group."""
        group = self.group(request)
        if group is None:
            return list(self.requests(request, runner.digest))
        if group not in self._members:
            self._members[group] = list(self.requests(request, runner.digest))
        return self._members[group]

    def key(self, request: Request, runner: Runner) -> str:
        """A digest of all the keys."""
        group = self.group(request)
        if group is not None and group in self._keys:
            return self._keys[group]
        key = digest_of("all", [runner.key(self.each, member) for member in self.members(request, runner)])
        if group is not None:
            self._keys[group] = key
        return key

    def make(self, plans: Sequence[Any], *inputs: Sequence[Any]) -> Sequence[list[Any]]:
        """Nothing: each value is made by its own step."""
        raise NotImplementedError

    def value(self, request: Request, runner: Runner) -> list[Any]:
        """The values, one a member."""
        # Each by a walk of its own, which forgets the images that it has read.
        return [self.each.value(member, runner.fresh()) for member in self.members(request, runner)]

    def peek(self, request: Request, runner: Runner) -> list[Any] | None:
        """The values, if all are kept."""
        values = [self.each.peek(member, runner) for member in self.members(request, runner)]
        return None if any(value is None for value in values) else values

    def status(self, request: Request, runner: Runner) -> bool:
        """Whether all are kept; a rejection of one is none of all."""
        return False

    def wants(self, target: Step[Any], request: Request, runner: Runner) -> Iterator[Request]:
        """What each member needs; it is told once for each group."""
        group = self.group(request)
        if runner.leads(self, target) and (group is None or runner.first_look(self, group)):
            for member in self.members(request, runner):
                yield from self.each.wants(target, member, runner)
