from dataclasses import replace

import numpy as np
import pytest
from tiny.costly import CostlyDetector, CostlySegmenter, calls
from tiny.plain import Corners

from aga_lightning.augment.base import Detection, Request, Subject
from aga_lightning.augment.detectors.embedded import CentrePrior
from aga_lightning.augment.engine.isolation import Boxes, Photo, Subjects
from aga_lightning.augment.engine.runner import Runner
from aga_lightning.augment.engine.step import Rejection


def subjects(log, segmenter=None, detector=None, **settings):
    photo = Photo(None)
    boxes = Boxes(detector or CostlyDetector(log=str(log), **settings), photo)
    return Subjects(segmenter or CostlySegmenter(log=str(log)), photo, boxes)


def value(step, record, store):
    return Runner(store).value(step, Request(record, 0))


@pytest.mark.parametrize("segmenter", [None, Corners()], ids=["one", "two instances"])
def test_a_subject_comes_back_from_the_store_as_it_was_made(log, store, disc_records, segmenter):
    made, kept = (value(subjects(log, segmenter), disc_records[0], store) for _ in range(2))
    assert (made.detection, made.score) == (kept.detection, kept.score)
    assert kept.alpha is None
    for one, other in zip([made, *made.instances], [kept, *kept.instances], strict=True):
        assert np.array_equal(one.mask, other.mask) and one.detection == other.detection
    assert calls(log)["detect"] == 1 and calls(log)["segment"] <= 1


def test_alpha_is_kept_by_the_parts_that_have_it(log, store, disc_records):
    step = subjects(log)
    levels = np.random.default_rng(0).integers(0, 256, (2, 8, 6), dtype=np.uint8)
    detection = Detection((0, 0, 6, 8), 0.5)
    hard = Subject(levels[0] >= 128, detection, 0.5)
    soft = Subject(levels[1] >= 128, detection, 0.5, alpha=levels[1])
    for whole, instances in ((soft, ()), (hard, (soft, hard))):
        facts, data = step.encode(replace(whole, instances=instances), None)
        kept = step.decode(facts, data, None)
        for one, other in zip([whole, *instances], [kept, *kept.instances], strict=True):
            assert np.array_equal(one.mask, other.mask)
            assert np.array_equal(one.alpha, other.alpha) and (one.alpha is None) == (other.alpha is None)
    assert "alpha" not in step.encode(hard, None)[0], "as in stores that were made before"


def test_a_photo_without_a_box_asks_no_segmenter_and_is_remembered(log, store, disc_records):
    for _ in range(2):
        found = value(subjects(log, blind_above=0.0), disc_records[0], store)
        assert found == Rejection("no subject was found: no fruit could be isolated")
    assert calls(log)["detect"] == 1 and calls(log)["segment"] == 0


def test_another_segmenter_asks_no_detector_again_and_a_free_detector_keeps_no_boxes(log, store, disc_records):
    value(subjects(log), disc_records[0], store)
    value(subjects(log, Corners()), disc_records[0], store)
    assert calls(log)["detect"] == 1
    before = store.finished("boxes")
    value(subjects(log, detector=CentrePrior()), disc_records[0], store)
    assert store.finished("boxes") == before and len(store.finished("subjects")) == 3


def test_a_photo_that_cannot_be_read_is_a_rejection_that_is_kept(log, store, disc_records):
    disc_records[0].path.write_bytes(b"no image at all")
    step = subjects(log)
    assert disc_records[0].path.name in value(step, disc_records[0], store).reason
    assert isinstance(Runner(store).status(step, Request(disc_records[0], 0)), Rejection)
    assert step.inputs[0].peek(Request(disc_records[0], 0), Runner(store)) is None
