"""What a step says of itself, and what follows from it: keys, what is kept, what is made, what is wanted."""

from collections import Counter

import pytest

from aga_lightning.augment.base import Request
from aga_lightning.augment.engine.runner import Runner
from aga_lightning.augment.engine.step import Gathered, Rejection, Step
from aga_lightning.augment.methods.aga import AGA

MADE = Counter()


@pytest.fixture(autouse=True)
def counted():
    MADE.clear()


class Number(Step):
    """The variant's number, less what is rejected; kept in a folder."""

    name = "numbers"

    def __init__(self, *inputs, rejected=(), offset=0, parts=()):
        super().__init__(*inputs, parts=parts)
        self.rejected, self.offset = rejected, offset

    def settings(self):
        return self.offset

    def plan(self, request, digest):
        return request.variant

    def make(self, plans, *inputs):
        MADE[type(self).__name__] += len(plans)
        sums = [sum(values) for values in zip(*inputs, strict=True)] if inputs else [0] * len(plans)
        return [
            Rejection(f"{plan} is unlucky") if plan in self.rejected else plan + self.offset + more
            for plan, more in zip(plans, sums, strict=True)
        ]

    def encode(self, made, plan, *inputs):
        return {"number": made}, None

    def decode(self, facts, data, plan):
        return facts["number"]


class Doubled(Number):
    """Twice its input, and quick: not kept."""

    name = ""

    def make(self, plans, *inputs):
        MADE["Doubled"] += len(plans)
        return [2 * value for value in inputs[0]]


class Others(Gathered):
    """The numbers of variants 0 to 2."""

    def group(self, request):
        return "all"

    def requests(self, request, digest):
        return [Request(request.record, variant) for variant in range(3)]


class Total(Number):
    """The sum of what is gathered, less rejections."""

    name = "totals"

    def plan(self, request, digest):
        return None

    def make(self, plans, *inputs):
        return [sum(value for value in values if not isinstance(value, Rejection)) for values in inputs[0]]


def test_a_value_is_made_once_and_then_taken_from_the_cache(store, disc_records):
    request = Request(disc_records[0], 3)
    for _ in range(2):
        assert Runner(store).value(Doubled(Number(offset=4)), request) == 14
    assert MADE == {"Number": 1, "Doubled": 2}
    assert store.finished("numbers") == {Runner(store).key(Number(offset=4), request)}


def test_a_rejection_is_kept_and_passes_through(store, disc_records):
    for _ in range(2):
        steps = Doubled(Number(rejected=[3]))
        assert Runner(store).value(steps, Request(disc_records[0], 3)) == Rejection("3 is unlucky")
    assert MADE == {"Number": 1}
    assert Runner(store).status(steps, Request(disc_records[0], 3)) == Rejection("3 is unlucky")


def test_a_key_follows_from_settings_parts_plan_and_inputs_and_from_no_value(store, disc_records):
    def key(step, variant=0):
        return Runner(store).key(step, Request(disc_records[0], variant))

    keys = [
        key(Number()),
        key(Number(), 1),
        key(Number(offset=1)),
        key(Number(parts=[AGA()])),
        key(Number(Number())),
        key(Number(Number(offset=1))),
        key(Number(Number(), Number())),
        key(Doubled(Number())),
    ]
    assert len(set(keys)) == len(keys)
    assert key(Number()) == keys[0] and not MADE


def test_a_step_without_a_folder_for_what_it_keeps_says_so(store, disc_records):
    class Forgetful(Number):
        encode = Step.encode

    with pytest.raises(NotImplementedError, match="needs encode and decode"):
        Runner(store).value(Forgetful(), Request(disc_records[0], 0))


def test_only_what_is_missing_and_not_rejected_is_wanted(store, disc_records):
    first = Number(rejected=[1])
    second = Number(first, offset=9)
    goal = Doubled(second)
    asked = [Request(disc_records[0], variant) for variant in range(3)]

    def wanted(step):
        runner = Runner(store)
        return [request.variant for one in asked for request in goal.wants(step, one, runner)]

    assert wanted(first) == wanted(second) == [0, 1, 2]
    Runner(store).value(first, asked[0])
    Runner(store).value(first, asked[1])
    assert wanted(second) == [0, 2], "the first step has rejected one"
    Runner(store).value(goal, asked[2])
    assert wanted(first) == [0], "nothing below what is kept; what is there already is left out by its key"


def test_what_is_gathered_is_wanted_once_whoever_asks(store, disc_records):
    each = Number(rejected=[1])
    total = Total(Others(each))
    runner = Runner(store)
    asked = [Request(disc_records[0], variant) for variant in (7, 8)]
    assert [one.variant for request in asked for one in total.wants(each, request, runner)] == [0, 1, 2]
    assert Runner(store).key(total, asked[0]) == Runner(store).key(total, asked[1])
    assert [Runner(store).value(total, request) for request in asked] == [2, 2]
    assert MADE["Number"] == 3


def test_a_peek_makes_nothing(store, disc_records):
    request = Request(disc_records[0], 3)
    goal = Doubled(Number())
    assert goal.peek(request, Runner(store)) is None and not MADE
    Runner(store).value(goal, request)
    MADE.clear()
    assert goal.peek(request, Runner(store)) == 6
    assert Total(Others(Number())).peek(request, Runner(store)) is None
    assert MADE["Number"] == 0
