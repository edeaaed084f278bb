"""A probe makes a little of everything, tells what it took, and loses nothing of it."""

import time
from types import SimpleNamespace

import pytest
import torch
from tiny.costly import (
    CostlyDetector,
    CostlyEditor,
    CostlyImageGate,
    CostlyPainter,
    CostlySegmenter,
    calls,
    completed,
    costly_aga,
    entries,
    images,
)
from torch import nn

from aga_lightning.augment.captioners.causal_lm import CausalLM
from aga_lightning.augment.engine.collection import Collection
from aga_lightning.augment.engine.isolation import Photo
from aga_lightning.augment.engine.method import Method
from aga_lightning.augment.engine.pictures import Pictures, Result
from aga_lightning.augment.engine.probe import Measured, model_bytes, probe
from aga_lightning.augment.engine.scenery import Texts
from aga_lightning.augment.engine.store import Store
from aga_lightning.augment.methods.aga import AGA
from aga_lightning.augment.segmenters.embedded import GrabCut

CPU = torch.device("cpu")


class SlowPainter(CostlyPainter):
    """Takes 0.3 s to load and 0.02 s an image, and keeps a model of 4 kB."""

    def load(self):
        time.sleep(0.3)
        self.note("load")
        return nn.Linear(31, 32)

    def paint(self, scenes):
        time.sleep(0.02 * len(scenes))
        return super().paint(scenes)


class Student(CostlyImageGate):
    """A gate that studies all training images first."""

    learns = True

    def learn(self, training):
        raise AssertionError("all training images would be isolated")


class TwoStrengths(Method):
    """Some pictures at full strength, the others at a fifth of it."""

    editor: CostlyEditor

    def steps(self):
        photo = Photo(None)
        texts = Texts("")
        return Result(photo, texts, Pictures(self.editor, photo, texts, None, strengths=(1.0, 0.2)))


@pytest.fixture
def opened(tmp_path, log, disc_records):
    def opened(name="cache", **settings):
        singly = {"detector": CostlyDetector(str(log), 1), "segmenter": CostlySegmenter(str(log), 1)}
        return Collection(costly_aga(log, **(singly | settings)), Store(tmp_path / name), disc_records, 3, 0)

    return opened


def stage_names(collection):
    return [stage.title for stage in collection.augmenter.stages(collection.store)] + ["Merging"]


def test_a_probe_makes_whole_batches_of_each_stage_and_keeps_them(opened, log):
    collection = opened()
    measured = dict(zip(stage_names(collection), probe(collection, 2, CPU), strict=True))
    made = calls(log)
    assert made["caption"] == measured["Captions"].units == 4
    assert made["paint"] == measured["Backgrounds"].units == 4
    assert measured["Boxes"].units == made["detect"]
    assert made["load"] == made["release"] == 4
    assert 0 < measured["Merging"].units == len(collection.find_all()) <= 16
    assert measured["Backgrounds"].unit_bytes > 1000 > measured["Captions"].unit_bytes > 0
    whole = images(completed(collection))
    assert calls(log)["detect"] == 8 and calls(log)["paint"] == calls(log)["caption"] == 24, "something was made twice"
    assert whole == images(completed(opened(name="other")))


def test_the_requests_come_from_all_over_the_data_set(opened, log):
    probe(opened(), 1, CPU)
    seen = {entry.split()[-1] for entry in entries(log, "detect")}
    assert {name.split("_")[0] for name in seen} == {"plum", "lime"}


def test_loading_is_timed_apart(opened, log):
    collection = opened(painter=SlowPainter(str(log)))
    measured = dict(zip(stage_names(collection), probe(collection, 3, CPU), strict=True))["Backgrounds"]
    assert measured.first_seconds >= 0.3
    assert 0.02 <= measured.run_seconds < 0.1
    assert measured.memory_bytes == 4 * 32 * 32


def test_nothing_is_measured_where_nothing_is_left(opened, log):
    collection = opened()
    completed(collection)
    before = calls(log)
    assert set(probe(collection, 2, CPU)) == {None}
    assert calls(log) == before


def test_a_gate_that_studies_all_training_images_is_not_woken(opened, log):
    collection = opened(gates=[Student(str(log))])
    measured = dict(zip(stage_names(collection), probe(collection, 1, CPU), strict=True))
    assert measured["Backgrounds"] is not None
    assert measured["ImageVerdicts"] is None and measured["Merging"] is None


def test_a_method_without_stages_is_probed_too(tmp_path, disc_records):
    collection = Collection(AGA(segmenter=GrabCut(size=48)), Store(tmp_path / "cache"), disc_records, 2, 0)
    (measured,) = probe(collection, 1, CPU)
    assert measured.units == len(collection.find_all()) == 8
    assert measured.load_seconds > 0 and measured.unit_bytes > 0


def test_units_that_take_longer_than_others_count_as_more(tmp_path, log, disc_records, monkeypatch):
    clock = [0.0]

    class Clocked(CostlyEditor):
        def edit(self, edits):
            clock[0] += sum(edit.strength for edit in edits)
            return super().edit(edits)

    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    collection = Collection(TwoStrengths(editor=Clocked(str(log))), Store(tmp_path / "cache"), disc_records, 2, 0)
    pictures, _ = probe(collection, 2, CPU)
    assert pictures.units == 4  # the strongest come first
    assert pictures.run_seconds == pytest.approx(0.6)
    assert pictures.first_seconds == pytest.approx(0)


def test_loaders_work_beside_the_device():
    measured = Measured(8, 1.0, run_seconds=0.5, load_seconds=2.0, unit_bytes=1, memory_bytes=0)
    assert [measured.seconds(workers) for workers in (0, 1, 2, 8)] == [2.5, 2.0, 1.0, 0.5]


def test_the_bytes_of_a_model_are_those_of_its_networks_wherever_they_are(log):
    network = nn.Linear(3, 4, bias=False)
    tied = nn.Linear(3, 4, bias=False)
    tied.weight = network.weight
    part = CostlyDetector(str(log))
    for model, expected in (
        (network, 48),
        ((object(), network), 48),
        (SimpleNamespace(components={"unet": network, "vae": nn.Linear(2, 2), "scheduler": object()}), 48 + 24),
        (CausalLM(network, object()), 48),
        ([network, tied], 48),
        ("no network", 0),
        (None, 0),
    ):
        part._model = model
        assert model_bytes([part]) == expected
