"""What stands between two steps: gates that look at what was made, and further attempts where they object."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from aga_lightning.augment.augmenter import Finished
from aga_lightning.augment.base import Draft, Gate, Request, Subject, SubjectSource, accelerated
from aga_lightning.augment.engine.runner import Runner
from aga_lightning.augment.engine.step import Digest, Rejection, Step, digest_of
from aga_lightning.augment.fingerprint import fingerprint

Objections = tuple[str | None, ...]
"""What the gates say of each thing that was made for a request: a reason, or None where none objects."""


class Accept(Step[Any]):
    """Hands on what a step has made, if no gate objects to it.

    A value keeps its key, so that other gates repeat none of the work that follows. Verdicts have keys of their own.
    They are kept where the method has costly parts, whose stages look them up; to look at words costs less than to
    look a verdict up. Of a photo with several subjects all are judged, and each request gets one of them in turn.

    Args:
        stage: What is judged: subject, caption, background or image.
        gates: Gates of all stages; those of other stages are not asked.
        judged: The step whose value is judged. That of an image is a whole `Draft`.
        beside: What else the gates are shown, such as the photo. It does not enter the verdict's key.
    """

    name = "verdicts"
    keeps_rejected_inputs = True  # the key of a verdict tells all gates up to here

    def __init__(
        self,
        stage: Literal["subject", "caption", "background", "image"],
        gates: Sequence[Gate],
        judged: Step[Any],
        *beside: Step[Any],
    ) -> None:
        # The gates without a model are asked first.
        self.gates = sorted((gate for gate in gates if gate.stage == stage), key=accelerated)
        super().__init__(judged, *beside, parts=self.gates)
        self.stage = stage
        self.title = f"{stage.capitalize()}Verdicts"
        self.judged = judged
        self.attempt = judged.attempt
        self.remembers = False
        self._so_far = [step for step in Runner.ordered(self) if isinstance(step, Accept)]
        self._guarded = ""
        self._training: SubjectSource | None = None
        self._taught: set[int] = set()
        if stage == "subject":
            (self if self.gates else judged).decides = True

    @property
    def kept(self) -> bool:
        """Whether verdicts are kept."""
        return self.remembers and bool(self.gates) and self.stage != "caption"

    @property
    def threaded(self) -> bool:
        """Never: gates may learn before they first object, which happens once."""
        return False

    def guard(self, hashes: Sequence[int]) -> None:
        """Let the gates compare what is made with the evaluation images."""
        for gate in self.gates:
            if gate.guards:
                self._guarded = fingerprint(sorted(hashes))
                gate.guard(hashes)

    def prepare(self, training: SubjectSource) -> None:
        """Give the gates what they may learn from."""
        super().prepare(training)
        self._training = training
        self._taught.clear()
        studied = training.digest() if any(gate.learns for gate in self.gates) else ""
        known = fingerprint(studied, self._guarded) if studied or self._guarded else ""
        self.learned = {f"{self.stage} gates": known} if known else {}

    def settings(self) -> object:
        """What the gates know."""
        return self.learned

    def plan(self, request: Request, digest: Digest) -> list[object]:
        """What a gate may want to know of the record: the class, where the image is judged; else the superclass."""
        record = request.record
        return [record.class_name, record.label] if self.stage == "image" else [record.superclass]

    def key(self, request: Request, runner: Runner) -> str:
        """That of the value, which stays what it is."""
        return runner.key(self.judged, request)

    def place(self, request: Request, runner: Runner) -> str:
        """The verdict's own key, which follows from all gates up to here."""
        gates = [step.own_key for step in self._so_far]
        return digest_of("verdict", gates, runner.key(self.judged, request), runner.plan(self, request))

    def make(self, plans: Sequence[Any], *inputs: Sequence[Any]) -> list[Objections]:
        """What the first gate that objects says of each thing."""
        drafts = [self._drafts(*values) for values in zip(*inputs, strict=True)]
        objections = iter(self._first_objections([draft for several in drafts for draft in several]))
        return [tuple(next(objections) for _ in several) for several in drafts]

    def encode(self, made: Objections, plan: object, *inputs: object) -> Finished:
        """The verdict alone."""
        return {"objections": list(made)}, None

    def decode(self, facts: Mapping[str, object], data: bytes | None, plan: object) -> Objections:
        """The verdict."""
        return _objections(facts)

    def value(self, request: Request, runner: Runner) -> Any:  # noqa: ANN401 whatever is judged
        """What is judged, or the objection to it."""
        if self.gates:
            verdict = runner.once(super().value, self, request)
            if isinstance(verdict, Rejection):
                return verdict
            if (objection := _of(verdict, request)) is not None:
                return Rejection(objection, by_gate=True)
        return _chosen(runner.value(self.judged, request), request)

    def peek(self, request: Request, runner: Runner) -> Any:  # noqa: ANN401 as `value`
        """What is judged, whatever the gates say."""
        return _chosen(self.judged.peek(request, runner), request)

    def status(self, request: Request, runner: Runner) -> Rejection | bool:
        """Whether it is judged, or that it is rejected, as far as the cache knows."""
        facts = runner.facts(self.name, runner.place(self, request)) if self.kept else None
        if facts is not None and "rejected" in facts:
            return Rejection(str(facts["rejected"]))
        if facts is not None and (objection := _of(_objections(facts), request)) is not None:
            return Rejection(objection, by_gate=True)
        return self.judged.status(request, runner)

    def wants(self, target: Step[Any], request: Request, runner: Runner) -> Iterator[Request]:
        """As any step; but what is judged is needed beyond the verdict, be that kept or not."""
        if self is target:
            yield from super().wants(target, request, runner)
        else:
            for step in runner.way(self, target):
                yield from step.wants(target, request, runner)

    def glance(self, draft: Draft) -> str | None:
        """What the first gate without a model says of a draft; nothing is kept."""
        objections = (gate.objection(draft) for gate in self.gates if not accelerated(gate))
        return next((objection for objection in objections if objection), None)

    def _drafts(self, judged: Any, *beside: Any) -> list[Draft]:  # noqa: ANN401 as `value`
        if isinstance(judged, Draft):
            return [judged]
        draft = Draft(**{step.fills: value for step, value in zip(self.inputs[1:], beside, strict=True)})
        several = judged.instances or [judged] if isinstance(judged, Subject) else [judged]
        changes: list[dict[str, Any]] = [{self.judged.fills: one} for one in several]
        return [replace(draft, **change) for change in changes]

    def _first_objections(self, drafts: Sequence[Draft]) -> list[str | None]:
        objections: list[str | None] = [None] * len(drafts)
        for gate in self.gates:
            left = [index for index, objection in enumerate(objections) if objection is None]
            if not left:
                break
            if gate.learns and self._training is not None and id(gate) not in self._taught:
                gate.learn(self._training)
                self._taught.add(id(gate))
            for index, objection in zip(left, gate.objections([drafts[i] for i in left]), strict=True):
                objections[index] = objection
        return objections


class FirstAccepted(Step[Any]):
    """The first of several attempts to which no gate objects.

    Where each attempt is rejected by a gate, there is none, with the last objection. What else an attempt is rejected
    for would reject the next one too.

    Args:
        attempts: The attempts, in order.
    """

    def __init__(self, attempts: Sequence[Accept]) -> None:
        super().__init__(*attempts)
        for attempt in attempts[:-1]:
            attempt.decides = bool(attempt.gates)  # what follows needs to know which of them are to be made anew

    def key(self, request: Request, runner: Runner) -> str:
        """A key of all attempts and of the gates that choose; of one attempt alone its own."""
        if len(self.inputs) == 1:
            return runner.key(self.inputs[0], request)
        return digest_of("first", [runner.place(step, request) for step in self.inputs])

    def make(self, plans: Sequence[Any], *inputs: Sequence[Any]) -> Sequence[Any]:
        """Nothing: the attempts are made by their own steps."""
        raise NotImplementedError

    def value(self, request: Request, runner: Runner) -> Any:  # noqa: ANN401 whatever is attempted
        """The value of the first attempt that passes, or the last objection."""
        for step in self.inputs:
            value = runner.value(step, request)
            if not (isinstance(value, Rejection) and value.by_gate):
                break
        return value

    def peek(self, request: Request, runner: Runner) -> Any:  # noqa: ANN401 as `value`
        """The first attempt of which all is kept."""
        return next((value for step in self.inputs if (value := step.peek(request, runner)) is not None), None)

    def status(self, request: Request, runner: Runner) -> Rejection | bool:
        """That of the first attempt that is not known to be rejected by a gate; else of the last."""
        state: Rejection | bool = False
        for step in self.inputs:
            state = runner.status(step, request)
            if not (isinstance(state, Rejection) and state.by_gate):
                break
        return state

    def wants(self, target: Step[Any], request: Request, runner: Runner) -> Iterator[Request]:
        """What the attempts need, up to the first that no gate is known to have objected to."""
        way = runner.way(self, target)
        for step in way:
            yield from step.wants(target, request, runner)
            state = step is not way[-1] and runner.status(step, request)
            if not (isinstance(state, Rejection) and state.by_gate):
                return


def _objections(facts: Mapping[str, object]) -> Objections:
    said = facts["objections"]
    return tuple(None if one is None else str(one) for one in said) if isinstance(said, list) else ()


def _of(objections: Objections, request: Request) -> str | None:
    """What is said of the thing that a request gets."""
    return objections[request.variant % len(objections)]


def _chosen(judged: Any, request: Request) -> Any:  # noqa: ANN401 whatever is judged
    """What a request gets of what was judged: of several subjects one, in turn."""
    return judged.for_variant(request.variant) if isinstance(judged, Subject) else judged
