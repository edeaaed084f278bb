from dataclasses import replace

import numpy as np
import pytest
from tiny.costly import CostlyGate, calls

from aga_lightning.augment.base import Draft, Gate
from aga_lightning.augment.engine.gating import Gating
from aga_lightning.augment.engine.store import Store
from aga_lightning.augment.gates.embedded import BlankBackground
from aga_lightning.images.samples import load_sample


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "cache")


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log"


@pytest.fixture
def drafts(disc_records):
    """Behind the same photo: noise, black, and a grey that is not black but blank."""
    draft = Draft(load_sample(disc_records[0], "0", 48))
    noise = np.random.default_rng(0).integers(0, 256, (9, 9, 3), np.uint8)
    return [replace(draft, background=picture) for picture in (noise, noise * 0, np.full((9, 9, 3), 90, np.uint8))]


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


def test_gates_without_a_model_speak_first_and_spare_the_others(log, store, drafts):
    gating = Gating([CostlyGate(str(log)), BlankBackground()], remembers=True)
    verdicts = gating.objections("background", drafts, ["a", "b", "c"], store)
    assert verdicts[0] is None
    assert all("blank" in verdict for verdict in verdicts[1:])
    assert calls(log)["judge"] == 1


def test_a_verdict_is_kept(log, store, drafts):
    for _ in range(2):
        gating = Gating([CostlyGate(str(log))], remembers=True)
        assert gating.objections("background", drafts, ["a", "b", "c"], store) == [None, "it is black", None]
    assert calls(log)["judge"] == 3
    assert gating.verdict("background", "b", store) == "it is black"
    assert gating.verdict("background", "a", store) is None
    assert gating.verdict("background", "never seen", store) is None


def test_verdicts_of_other_gates_or_other_knowledge_are_not_taken(log, store, drafts):
    gating = Gating([CostlyGate(str(log))], remembers=True)
    gating.objections("background", drafts[1:2], ["b"], store)
    assert Gating([BlankBackground()], remembers=True).verdict("background", "b", store) is None
    gating.instruct(None, "what it has learned since")
    assert gating.verdict("background", "b", store) is None


def test_nothing_is_kept_where_all_parts_are_cheap(store, drafts):
    gating = Gating([BlankBackground()], remembers=False)
    assert gating.objections("background", drafts[1:2], [""], store)[0] is not None
    assert store.finished("verdicts") == set()


def test_a_gate_that_learns_is_taught_once(store, drafts):
    gate = Student()
    gating = Gating([gate], remembers=False)
    gating.instruct(object(), "")
    assert gating.objections("background", drafts, ["", "", ""], store) == [None, None, None]
    gating.objections("background", drafts, ["", "", ""], store)
    assert gate._lessons == 1


def test_a_glance_asks_no_gate_with_a_model(log, drafts):
    gating = Gating([CostlyGate(str(log)), BlankBackground()], remembers=True)
    assert "blank" in gating.glance("background", drafts[1])
    assert gating.glance("background", drafts[0]) is None
    assert calls(log)["judge"] == 0
