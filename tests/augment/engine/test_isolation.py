import numpy as np
import pytest
from tiny.costly import CostlyDetector, CostlySegmenter, calls

from aga_lightning.augment.base import Detection, Detector, Segmenter, Subject
from aga_lightning.augment.engine.isolation import Isolation, unreadable
from aga_lightning.augment.engine.store import Store
from aga_lightning.augment.segmenters.embedded import GrabCut


class Pair(Segmenter):
    """Two instances in the corners, and their union."""

    def segment(self, samples, detections):
        return [self._both(sample.image.shape[:2], boxes[0]) for sample, boxes in zip(samples, detections, strict=True)]

    def _both(self, shape, detection):
        first, second = np.zeros(shape, bool), np.zeros(shape, bool)
        first[:5, :5], second[-7:, -7:] = True, True
        parts = (Subject(first, detection, 0.7), Subject(second, Detection((1, 2, 3, 4.25), 0.4), 0.6))
        return Subject(first | second, detection, 0.7, parts)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "cache")


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log"


def costly(log, segmenter=None, **settings):
    return Isolation(CostlyDetector(str(log), **settings), segmenter or CostlySegmenter(str(log)), None)


def samples(isolation, records, store):
    return [isolation.sample(record, store) for record in records]


def test_a_subject_comes_back_from_the_store_as_it_was_made(log, store, disc_records):
    isolation = costly(log)
    (made,) = isolation.isolate(samples(isolation, disc_records[:1], store), store)
    (kept,) = costly(log).isolate(samples(isolation, disc_records[:1], store), store)
    assert np.array_equal(made.mask, kept.mask)
    assert (made.detection, made.score, made.instances) == (kept.detection, kept.score, ())
    assert calls(log)["detect"] == calls(log)["segment"] == 1


def test_several_images_are_handed_on_together_less_those_without_a_box(log, store, disc_records):
    disc = samples(costly(log), disc_records, store)
    brightest = sorted(sample.image.mean() for sample in disc)[4]
    isolation = costly(log, blind_above=float(brightest))
    found = isolation.isolate(disc, store)
    assert [subject is None for subject in found] == [sample.image.mean() > brightest for sample in disc]
    assert calls(log)["segment"] == 5
    assert calls(log)["detect"] == 8


def test_another_segmenter_asks_no_detector_again(log, store, disc_records):
    first, second = costly(log), costly(log, GrabCut(size=48))
    first.isolate(samples(first, disc_records, store), store)
    second.isolate(samples(second, disc_records, store), store)
    assert calls(log)["detect"] == 8
    assert first.subject_key(disc_records[0], store) != second.subject_key(disc_records[0], store)
    assert first.boxes_key(disc_records[0], store) == second.boxes_key(disc_records[0], store)


def test_instances_are_kept_one_by_one(log, store, disc_records):
    isolation = costly(log, Pair())
    assert isolation.instances(disc_records[0], store) is None
    for _ in range(2):
        (subject,) = isolation.isolate(samples(isolation, disc_records[:1], store), store)
        assert isolation.instances(disc_records[0], store) == 2
        first, second = subject.instances
        assert np.array_equal(subject.mask, first.mask | second.mask)
        assert (first.mask.sum(), second.mask.sum()) == (25, 49)
        assert second.detection == Detection((1.0, 2.0, 3.0, 4.25), 0.4)
        assert subject.for_variant(3) is second


def test_how_many_are_pasted_is_known_without_reading_a_mask(log, store, disc_records):
    isolation = costly(log, blind_above=0)
    isolation.isolate(samples(isolation, disc_records[:1], store), store)
    assert isolation.instances(disc_records[0], store) == 0
    seeing = costly(log)
    seeing.isolate(samples(seeing, disc_records[:1], store), store)
    assert seeing.instances(disc_records[0], store) == 1


def test_an_unreadable_image_has_no_subject(log, store, disc_records):
    isolation = costly(log)
    store.save("subjects", isolation.subject_key(disc_records[0], store), *unreadable("no image"))
    assert isolation.instances(disc_records[0], store) == 0
    assert isolation.isolate(samples(isolation, disc_records[:1], store), store) == [None]


def test_a_detector_without_a_model_keeps_no_boxes(log, store, disc_records):
    class Free(Detector):
        def detect(self, samples):
            return [[Detection((0.0, 0.0, 9.0, 9.0), 1.0)] for _ in samples]

    isolation = Isolation(Free(), CostlySegmenter(str(log)), None)
    isolation.isolate(samples(isolation, disc_records[:2], store), store)
    assert store.finished("boxes") == set()
    assert len(store.finished("subjects")) == 2
