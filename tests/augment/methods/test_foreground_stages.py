import pytest
from tiny.costly import calls, entries
from tiny.painted import ColourClip, DiscPainter, NotWhite, PlainDiscs, PlainTints

from aga_lightning.augment.base import Request
from aga_lightning.augment.detectors.embedded import CentrePrior
from aga_lightning.augment.engine.store import Store
from aga_lightning.augment.engine.workload import StandIns
from aga_lightning.augment.gates.embedded import MaskSanity
from aga_lightning.augment.methods.beyond_generation import BeyondGeneration


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "cache")


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log"


def arm(log, painter=DiscPainter, candidates=3, **settings):
    path = str(log)
    parts = {"foreground_painter": painter(path), "background_painter": PlainTints(path), "filters": [MaskSanity()]}
    parts |= {"finder": CentrePrior(), "cutter": NotWhite(), "selector": ColourClip(path)}
    return BeyondGeneration(candidates=candidates, max_side=48, **(parts | settings))


def run(stage, requests, store):
    units = stage.pending(requests, store)
    for start in range(0, len(units), stage.batch_size):
        batch = units[start : start + stage.batch_size]
        assert stage.advance(batch, [stage.load(unit) for unit in batch], store) == 0
    stage.release()
    return len(units)


def names(stages):
    return [type(stage).__name__ for stage in stages]


def test_the_painter_comes_first_and_clip_only_where_there_is_a_choice(log, store):
    assert names(arm(log).stages(store)) == ["Foregrounds", "Selection", "SubjectVerdicts"]
    assert names(arm(log, candidates=1).stages(store)) == ["Foregrounds", "SubjectVerdicts"]
    assert names(arm(log, PlainDiscs).stages(store)) == ["Selection", "SubjectVerdicts"]
    assert names(arm(log, PlainDiscs, candidates=1).stages(store)) == []


def test_a_unit_is_a_candidate_then_a_foreground(log, store, disc_records):
    one = arm(log)
    one.prepare(disc_records, store)
    requests = [Request(record, variant) for record in disc_records for variant in range(2)]
    first, second, _ = one.stages(StandIns(store))
    assert len(first.pending(requests, store)) == 48
    assert len(second.pending(requests, store)) == 16
    assert not log.exists()
    first, second, third = one.stages(store)
    assert [run(stage, requests, store) for stage in (first, second, third)] == [48, 16, 16]
    assert calls(log)["disc"] == calls(log)["look"] == 48
    assert [run(stage, requests, store) for stage in one.stages(store)] == [0, 0, 0]
    assert calls(log)["disc"] == 48


def test_shared_foregrounds_are_painted_once(log, store, disc_records):
    one = arm(log, foregrounds_per_class=2)
    one.prepare(disc_records, store)
    requests = [Request(record, variant) for record in disc_records for variant in range(4)]
    # Two classes of two foregrounds of three candidates.
    assert [run(stage, requests, store) for stage in one.stages(store)] == [12, 4, 4]


def test_candidates_that_are_there_are_not_painted_again(log, store, disc_records):
    requests = [Request(record, 0) for record in disc_records]
    fewer, more = arm(log, candidates=2), arm(log, candidates=3)
    for one in (fewer, more):
        one.prepare(disc_records, store)
    assert run(fewer.stages(store)[0], requests, store) == 16
    assert run(more.stages(store)[0], requests, store) == 8


def test_one_model_is_in_memory_at_a_time(log, store, disc_records):
    one = arm(log)
    one.prepare(disc_records, store)
    for stage in one.stages(store):
        run(stage, [Request(record, 0) for record in disc_records], store)
    held = [entry for entry in entries(log) if entry.split()[1] in ("load", "release")]
    assert held == ["DiscPainter load", "DiscPainter release", "ColourClip load", "ColourClip release"]
