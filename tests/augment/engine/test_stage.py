"""The stages make what the recipe would make, each thing once, with one model in memory at a time."""

import numpy as np
import pytest
from PIL import Image
from tiny.costly import (
    CostlyCaptioner,
    CostlyDetector,
    CostlyGate,
    CostlyImageGate,
    CostlyPainter,
    calls,
    completed,
    costly_aga,
    entries,
    images,
)

from aga_lightning.augment.base import Augmented, Rejected
from aga_lightning.augment.engine.bank import BackgroundBank
from aga_lightning.augment.engine.collection import Collection
from aga_lightning.augment.engine.generation import fill
from aga_lightning.augment.engine.store import Store
from aga_lightning.augment.gates.embedded import BlankBackground, MaskSanity
from aga_lightning.augment.segmenters.embedded import GrabCut


def opened(tmp_path, aga, records, degree=3, name="cache"):
    return Collection(aga, Store(tmp_path / name), records, degree, 0)


def test_stages_and_single_requests_make_the_same_bytes(tmp_path, log, disc_records):
    gates = {"gates": [MaskSanity(), BlankBackground(), CostlyGate(str(log))], "attempts": 2}
    staged = opened(tmp_path, costly_aga(log, painter=CostlyPainter(str(log), faulty=True), **gates), disc_records)
    completed(staged)
    single = opened(tmp_path, staged.augmenter, disc_records, name="other")
    for requests in single.pending()[::-1]:
        single.make(requests[::-1])
    assert images(staged) == images(single) != {}
    assert staged.rejections() == single.rejections()


def test_one_model_is_in_memory_at_a_time(tmp_path, log, disc_records):
    completed(opened(tmp_path, costly_aga(log, gates=[CostlyGate(str(log))], attempts=2), disc_records))
    moves = [entry.split() for entry in entries(log) if entry.split()[1] in ("load", "release")]
    loaded = moves[::2]
    assert [name for name, verb in loaded] == [name for name, verb in moves[1::2]]
    assert {verb for _, verb in loaded} == {"load"}
    assert [name for name, _ in loaded] == [
        "CostlyDetector", "CostlySegmenter", "CostlyCaptioner", "CostlyPainter", "CostlyGate",
    ]  # fmt: skip


def test_each_thing_is_made_once_and_a_second_run_makes_nothing(tmp_path, log, disc_records):
    completed(opened(tmp_path, costly_aga(log), disc_records))
    assert calls(log) == {"load": 4, "release": 4, "detect": 8, "segment": 8, "caption": 24, "paint": 24}
    assert max(entries(log).count(entry) for entry in entries(log, "paint")) == 1
    again = opened(tmp_path, costly_aga(log), disc_records)
    completed(again)
    assert len(images(again)) == 24
    assert calls(log)["paint"] == 24


def test_the_batch_size_changes_nothing(tmp_path, log, disc_records):
    large = {
        "detector": CostlyDetector(str(log), 8),
        "painter": CostlyPainter(str(log), 5),
        "captioner": CostlyCaptioner(str(log), 7),
    }
    made = [
        opened(tmp_path, costly_aga(log, **settings), disc_records, name=name)
        for name, settings in (("small", {}), ("large", large))
    ]
    for collection in made:
        completed(collection)
    assert made[0].name == made[1].name
    assert images(made[0]) == images(made[1])


def test_an_image_without_a_subject_costs_no_caption_and_no_background(tmp_path, log, disc_records):
    white = np.full((48, 48, 3), 250, np.uint8)
    Image.fromarray(white).save(disc_records[0].path)
    aga = costly_aga(log, detector=CostlyDetector(str(log), blind_above=200))
    collection = opened(tmp_path, aga, disc_records[:2])
    completed(collection)
    assert calls(log)["segment"] == 1
    assert calls(log)["caption"] == calls(log)["paint"] == 3
    assert dict(collection.rejections()) == {"no subject was found": 3}


@pytest.mark.parametrize("segmenter", [None, GrabCut(size=48)], ids=["model", "weight-free"])
def test_a_subject_that_a_gate_rejects_costs_no_background(tmp_path, log, disc_records, segmenter):
    parts = {} if segmenter is None else {"segmenter": segmenter}
    collection = opened(
        tmp_path, costly_aga(log, gates=[MaskSanity(min_area=0.9, max_area=1.0)], **parts), disc_records
    )
    completed(collection)
    assert calls(log)["paint"] == calls(log)["caption"] == 0
    assert sum(collection.rejections().values()) == 24


def test_backgrounds_that_are_objected_to_are_painted_anew_and_no_others(tmp_path, log, disc_records):
    aga = costly_aga(log, painter=CostlyPainter(str(log), faulty=True), gates=[CostlyGate(str(log))], attempts=4)
    collection = opened(tmp_path, aga, disc_records, degree=4)
    completed(collection)
    seeds = [int(entry.split()[2]) for entry in entries(log, "paint")]
    black = sum(seed % 3 == 0 for seed in seeds)
    rejected = sum(collection.rejections().values())
    # Every black one was followed by another, but for the last attempt.
    assert len(seeds) == 32 + black - rejected
    assert len(seeds) == len(set(seeds)) == calls(log)["judge"]
    assert 0 < black
    assert len(images(collection)) == 32 - rejected > 28


def test_what_is_still_bad_after_the_last_attempt_is_rejected_with_the_reason(tmp_path, log, disc_records):
    aga = costly_aga(log, painter=CostlyPainter(str(log), faulty=True), gates=[BlankBackground()])
    collection = opened(tmp_path, aga, disc_records)
    completed(collection)
    black = sum(int(entry.split()[2]) % 3 == 0 for entry in entries(log, "paint"))
    assert black > 0
    assert sum(collection.rejections().values()) == black


def test_a_gate_with_a_model_sees_the_merged_images_once(tmp_path, log, disc_records):
    aga = costly_aga(log, gates=[CostlyImageGate(str(log))])
    collection = opened(tmp_path, aga, disc_records)
    fill(collection, images=False)
    assert calls(log)["judge"] == 24
    for requests in collection.pending():
        for outcome in aga.augment(requests, collection.store):
            assert isinstance(outcome, Augmented | Rejected)
            odd = isinstance(outcome, Rejected)
            assert odd or int(outcome.image.mean()) % 2 == 0
    assert calls(log)["judge"] == 24


def test_a_bank_is_painted_once_for_all(tmp_path, log, disc_records):
    aga = costly_aga(log, bank=BackgroundBank(size=3), captions_per_combination=1)
    collection = opened(tmp_path, aga, disc_records, degree=6)
    completed(collection)
    assert calls(log)["paint"] == 3
    assert calls(log)["caption"] <= 3
    assert len(images(collection)) == 48
