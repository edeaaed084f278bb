"""Gates between steps: who is asked, what is kept of it, and what happens to what they reject."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from tiny.costly import CostlyGate, calls
from tiny.plain import Corners

from aga_lightning.augment.base import Draft, Gate, Request
from aga_lightning.augment.detectors.embedded import CentrePrior
from aga_lightning.augment.engine.accepting import Accept, FirstAccepted
from aga_lightning.augment.engine.isolation import Boxes, Photo, Subjects
from aga_lightning.augment.engine.runner import Runner
from aga_lightning.augment.engine.stage import StepStage
from aga_lightning.augment.engine.step import Rejection, Step
from aga_lightning.augment.gates.embedded import BlankBackground


class Pictures(Step):
    """By the variant: noise, black, and a grey that is not black but blank."""

    fills = "background"

    def __init__(self, attempt=0):
        super().__init__()
        self.attempt = attempt

    def plan(self, request, digest):
        return (request.variant + self.attempt) % 3

    def make(self, plans: Sequence[Any], *inputs: Sequence[Any]):
        noise = np.random.default_rng(0).integers(1, 256, (9, 9, 3), np.uint8)
        return [(noise, noise * 0, np.full((9, 9, 3), 90, np.uint8))[plan] for plan in plans]


class Unlucky(Step):
    """Rejects everything, and keeps nothing."""

    def make(self, plans, *inputs):
        return [Rejection("bad luck")] * len(plans)


class Kept(Unlucky):
    """The same, in a folder."""

    name = "pictures"


class Student(Gate):
    """Objects until it has learned; counts its lessons."""

    stage = "background"
    learns = True

    def __init__(self):
        self._lessons = 0

    def learn(self, training):
        self._lessons += 1

    def objection(self, draft):
        return None if self._lessons else "I know nothing"


class Guard(BlankBackground):
    """Knows the hashes that it was given."""

    guards = True

    def guard(self, hashes):
        self.hashes = hashes


class TopLeft(Gate):
    """Accepts what touches the top left corner."""

    stage = "subject"

    def objection(self, draft):
        return None if draft.subject.mask[0, 0] else "not in the top left corner"


class Training:
    """Training images that need not be looked at."""

    records = ()

    def digest(self):
        return "all of them"


def accept(*gates, remembers=True, attempt=0):
    step = Accept("background", gates, Pictures(attempt), Photo(None))
    step.remembers = remembers
    return step


def values(step, record, store, count=3):
    found = [Runner(store).value(step, Request(record, variant)) for variant in range(count)]
    return [value.reason if isinstance(value, Rejection) else None for value in found]


def test_gates_without_a_model_are_asked_first_and_spare_the_others(log, store, disc_records):
    said = values(accept(CostlyGate(str(log)), BlankBackground()), disc_records[0], store)
    assert said[0] is None and all("blank" in reason for reason in said[1:])
    assert calls(log)["judge"] == 1


def test_a_verdict_is_kept_where_a_part_is_costly_and_told_without_the_gate(log, store, disc_records):
    for _ in range(2):
        step = accept(CostlyGate(str(log)))
        assert values(step, disc_records[0], store) == [None, "it is black", None]
    assert calls(log)["judge"] == 3
    states = [Runner(store).status(step, Request(disc_records[0], variant)) for variant in range(2)]
    assert states == [False, Rejection("it is black", by_gate=True)]
    assert "blank" in values(accept(BlankBackground(), remembers=False), disc_records[0], store)[1]
    assert len(store.finished("verdicts")) == 3


def test_other_gates_and_other_knowledge_have_other_verdicts_and_the_value_keeps_its_key(log, store, disc_records):
    request, runner = Request(disc_records[0], 1), Runner(store)
    steps = [accept(CostlyGate(str(log))), accept(BlankBackground()), *(accept(Guard()) for _ in range(3)),
             accept(Student())]  # fmt: skip
    for step, hashes in zip(steps[2:5], ([1, 2], [2, 1], [3]), strict=True):
        step.guard(hashes)
        assert step.gates[0].hashes == hashes
    for step in steps:
        step.prepare(Training())
    places = [step.place(request, runner) for step in steps]
    assert places[2] == places[3] and len(set(places)) == 5
    assert {runner.key(step, request) for step in steps} == {runner.key(Pictures(), request)}
    assert [bool(step.learned) for step in steps] == [False, False, True, True, True, True]


def test_a_gate_that_learns_is_taught_once(store, disc_records):
    gate = Student()
    step = accept(gate, remembers=False)
    step.prepare(Training())
    for _ in range(2):
        assert values(step, disc_records[0], store) == [None, None, None]
    assert gate._lessons == 1


def test_subjects_are_judged_one_by_one_and_handed_on_in_turn(store, disc_records):
    photo = Photo(None)
    step = Accept("subject", [TopLeft()], Subjects(Corners(), photo, Boxes(CentrePrior(), photo)), photo)
    step.remembers = True
    assert values(step, disc_records[0], store, 4) == [None, "not in the top left corner"] * 2
    assert len(store.finished("verdicts")) == 1
    plain = Accept("subject", [], step.judged, photo)
    masks = [Runner(store).value(plain, Request(disc_records[0], variant)).mask for variant in range(4)]
    assert [(mask[0, 0], mask[-1, -1]) for mask in masks] == [(True, False), (False, True)] * 2


def test_further_attempts_are_made_where_a_gate_has_objected_and_nowhere_else(store, disc_records):
    first = FirstAccepted([accept(BlankBackground(), attempt=number) for number in range(3)])
    made = [Runner(store).value(first, Request(disc_records[0], variant)) for variant in range(3)]
    assert [made.std() > 50 for made in made] == [True] * 3
    hopeless = FirstAccepted([accept(BlankBackground(), attempt=1) for _ in range(2)])
    assert "blank" in values(hopeless, disc_records[0], store, 1)[0]
    second = first.inputs[1]
    wanted = [one.variant for variant in range(3)
              for one in first.wants(second, Request(disc_records[0], variant), Runner(store))]  # fmt: skip
    assert wanted == [1, 2]
    assert [step.decides for step in first.inputs] == [True, True, False]


def test_that_an_input_was_rejected_is_kept_under_the_key_of_a_verdict_alone(log, store, disc_records):
    gate, asked = CostlyGate(str(log)), [Request(disc_records[0], 0)]
    verdicts = Accept("background", [gate], Unlucky())
    verdicts.remembers = True
    for step, left in ((verdicts, 0), (Kept(Unlucky(), parts=[gate]), 1)):  # whose key tells no gate
        stage = StepStage(step, step, store)
        units = stage.pending(asked, store)
        stage.run(units, [stage.load(unit) for unit in units])
        assert len(units) == 1 and len(stage.pending(asked, store)) == left


def test_a_photo_that_cannot_be_read_needs_no_second_attempt(store, disc_records):
    disc_records[0].path.write_bytes(b"no image at all")
    first = FirstAccepted([accept(BlankBackground(), attempt=number) for number in range(2)])
    assert disc_records[0].path.name in values(first, disc_records[0], store, 1)[0]
    assert [*first.wants(first.inputs[1], Request(disc_records[0], 0), Runner(store))] == []


def test_a_glance_asks_no_gate_with_a_model(log, store, disc_records):
    step = accept(CostlyGate(str(log)), BlankBackground())
    noise, black, _ = Pictures().make([0, 1, 2])
    sample = Photo(None).read(disc_records[0], store.digest)
    assert "blank" in step.glance(Draft(sample, background=black))
    assert step.glance(Draft(sample, background=noise)) is None
    assert calls(log)["judge"] == 0
