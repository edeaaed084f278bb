"""What is counted beforehand is what is made afterwards, and counting makes nothing."""

import numpy as np
import pytest
from PIL import Image
from tiny.costly import CostlyDetector, CostlyGate, CostlyImageGate, CostlyPainter, Denoiser, calls, costly_aga

from aga_lightning.augment.augmenter import denoiser_calls
from aga_lightning.augment.engine.bank import BackgroundBank
from aga_lightning.augment.engine.collection import Collection
from aga_lightning.augment.engine.generation import fill
from aga_lightning.augment.engine.store import Store
from aga_lightning.augment.engine.workload import workload
from aga_lightning.augment.gates.embedded import BlankBackground
from aga_lightning.augment.methods.aga import AGA
from aga_lightning.augment.segmenters.embedded import GrabCut

VERBS = {"Boxes": "detect", "Subjects": "segment", "Captions": "caption", "Backgrounds": "paint"}


@pytest.fixture
def opened(tmp_path, log, disc_records):
    def opened(degree=3, **settings):
        return Collection(costly_aga(log, **settings), Store(tmp_path / "cache"), disc_records, degree, 0)

    return opened


def units(collection):
    return {task.name: task.units for task in workload(collection)}


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"captions_per_combination": 1},
        {"bank": BackgroundBank(size=5)},
        {"bank": BackgroundBank(size=5), "captions_per_combination": 2, "degree": 5},
    ],
)
def test_each_stage_makes_what_was_counted_for_an_empty_store(opened, log, settings):
    collection = opened(**settings)
    counted = units(collection)
    assert calls(log) == {}, "a model was asked"
    fill(collection, images=False)
    made = calls(log)
    assert {name: made[verb] for name, verb in VERBS.items()} == {name: counted[name] for name in VERBS}
    assert counted["Merging"] == len(collection.requests)


def test_what_is_made_is_no_longer_counted(opened, log):
    collection = opened()
    fill(collection, collection.requests[:9], images=False)
    for requests in collection.pending(collection.requests[:2]):
        collection.make(requests)
    before, counted = calls(log), units(collection)
    fill(collection, images=False)
    made = calls(log) - before
    assert {name: made[verb] for name, verb in VERBS.items()} == {name: counted[name] for name in VERBS}
    assert counted == {"Boxes": 5, "Subjects": 5, "Captions": 15, "Backgrounds": 15, "Merging": 22}
    for requests in collection.pending():
        collection.make(requests)
    assert set(units(collection).values()) == {0}
    assert all(task.exact for task in workload(collection))


def test_what_an_earlier_stage_may_still_reject_is_the_most_that_can_be_made(opened, log, disc_records):
    Image.fromarray(np.full((48, 48, 3), 250, np.uint8)).save(disc_records[0].path)
    collection = opened(detector=CostlyDetector(str(log), blind_above=200.0), gates=[CostlyImageGate(str(log))])
    tasks = {task.name: task for task in workload(collection)}
    assert [name for name, task in tasks.items() if task.exact] == ["Boxes", "Merging"]
    fill(collection, images=False)
    assert 0 < calls(log)["paint"] < tasks["Backgrounds"].units == 24
    assert 0 < calls(log)["judge"] < tasks["ImageVerdicts"].units == 24


def test_backgrounds_are_counted_again_once_a_gate_has_objected(opened, log):
    collection = opened(painter=CostlyPainter(str(log), faulty=True), gates=[BlankBackground()], attempts=2)
    assert units(collection)["Backgrounds 2"] == 0
    stages = collection.augmenter.stages(collection.store)
    again = next(number for number, stage in enumerate(stages) if getattr(stage, "attempt", 0) == 1)
    for stage in stages[:again]:
        todo = stage.pending(collection.requests, collection.store)
        stage.advance(todo, [stage.load(unit) for unit in todo], collection.store)
    counted = units(collection)
    assert 0 < counted["Backgrounds 2"] < 24
    before = calls(log)["paint"]
    fill(collection, images=False)
    assert calls(log)["paint"] - before == counted["Backgrounds 2"]


def test_calls_count_full_batches_of_each_model(opened, log):
    collection = opened(
        painter=Denoiser(str(log), 5), detector=CostlyDetector(str(log), 3), gates=[CostlyGate(str(log), 4)]
    )
    tasks = {task.name: task for task in workload(collection)}
    assert tasks["Boxes"].calls == {"CostlyDetector": 3}
    assert tasks["Backgrounds"].calls == {"Denoiser": 5}
    assert tasks["BackgroundVerdicts"].calls == {"CostlyGate": 6}
    assert (tasks["Backgrounds"].denoiser_calls, tasks["Boxes"].denoiser_calls) == (2400, 0)
    assert denoiser_calls([collection.augmenter]) == 100


def test_a_method_without_models_has_images_to_make_and_nothing_else(tmp_path, disc_records):
    collection = Collection(AGA(segmenter=GrabCut(size=48)), Store(tmp_path / "cache"), disc_records, 2, 0)
    (task,) = workload(collection)
    assert (task.name, task.units, task.exact, task.calls) == ("Images", 16, True, {})
