import copy
import pickle

import numpy as np
import pytest
from tiny.costly import CostlyDetector, CostlySegmenter, calls
from tiny.plain import Plain

from aga_lightning.augment.base import Augmented, Gate, Rejected, Request
from aga_lightning.augment.fingerprint import fingerprint
from aga_lightning.augment.gates.embedded import MaskSanity
from aga_lightning.augment.methods.aga import AGA
from aga_lightning.augment.segmenters.embedded import GrabCut


class Guard(Gate):
    """Objects to photos of one class; knows the hashes it was given."""

    stage = "image"
    guards = True
    learns = True

    def __init__(self, unwanted="lime"):
        self.unwanted = unwanted

    def guard(self, hashes):
        self.hashes = list(hashes)

    def learn(self, training):
        self.training = training

    def objection(self, draft):
        return f"a {self.unwanted}" if draft.sample.record.class_name == self.unwanted else None


def requests(records, degree=2):
    return [Request(record, variant) for record in records for variant in range(degree)]


def test_outcomes_come_in_order_with_the_reasons(store, disc_records):
    disc_records[1].path.write_bytes(b"no image at all")
    method = Plain(gates=[Guard()])
    method.prepare(disc_records, store)
    asked = requests(disc_records)
    outcomes = list(method.augment(asked, store))
    assert [outcome.request for outcome in outcomes] == asked
    assert [isinstance(outcome, Augmented) for outcome in outcomes] == [True] * 2 + [False] * 2 + [True] * 4 + [
        False
    ] * 8
    assert all(disc_records[1].path.name in outcome.reason for outcome in outcomes[2:4])
    assert outcomes[-1] == Rejected(asked[-1], "a lime")
    assert outcomes[0].facts["score"] == 0.9


def test_the_hashes_of_evaluation_images_reach_the_gates_and_the_key(store, disc_records):
    known = []
    for hashes in ([], [1, 2], [2, 1], [3]):
        method = Plain(gates=[Guard(), MaskSanity()])
        if hashes:
            method.guard(hashes)
            assert method.gates[0].hashes == hashes
        method.prepare(disc_records, store)
        known.append(fingerprint(method.learned()))
    assert known[1] == known[2] and len(set(known)) == 3


def test_gates_that_learn_are_shown_the_training_images(store, disc_records):
    gate = Guard()
    method = Plain(gates=[gate])
    method.prepare(disc_records[:3], store)
    list(method.augment(requests(disc_records[3:5]), store))
    assert len(gate.training) == 3 and list(gate.training.records) == disc_records[:3]
    assert list(gate.training.digests) == [store.digest(record.path) for record in disc_records[:3]]


def test_a_method_without_backgrounds_recombines_nothing(store, disc_records):
    assert AGA(segmenter=GrabCut()).recombines and not Plain().recombines
    with pytest.raises(TypeError, match="no separate backgrounds"):
        Plain().recombine(*requests(disc_records[:1]), 0, store)


def test_a_copy_in_another_process_makes_the_same(store, disc_records):
    method = AGA(segmenter=GrabCut())
    method.prepare(disc_records, store)
    asked = requests(disc_records[:1])
    made = [one.image.tobytes() for one in method.augment(asked, store)]
    for twin in (pickle.loads(pickle.dumps(method)), copy.deepcopy(method)):
        assert [one.image.tobytes() for one in twin.augment(asked, store)] == made
        assert twin.learned() == method.learned()


def test_one_photo_is_augmented_as_a_data_set_of_one(disc_records, store):
    record = disc_records[0]
    results = AGA(segmenter=GrabCut()).augment_image(record.path, "fruit", class_name=record.class_name, n=2, seed=3)
    augmenter = AGA(segmenter=GrabCut())
    augmenter.prepare([record], store)
    made = list(augmenter.augment([Request(record, variant, 3) for variant in range(2)], store))
    assert [result.caption for result in results] == [one.facts["caption"] for one in made]
    assert all(np.array_equal(result.image, one.image) for result, one in zip(results, made, strict=True))
    assert not np.array_equal(results[0].image, results[1].image)


def test_a_photo_leaves_what_the_augmenter_has_learned(disc_records, store):
    augmenter = AGA(segmenter=GrabCut())
    augmenter.prepare(disc_records, store)
    before = augmenter.learned()
    augmenter.augment_image(disc_records[0].path, "bicycle")
    assert augmenter.learned() == before
    assert "plum" in before["avoid"] and "bicycle" not in before["avoid"]


def test_a_photo_without_its_subject_is_a_reject_with_its_reason(disc_records):
    method = AGA(segmenter=GrabCut(), gates=[MaskSanity(max_area=0.01)])
    (result,) = method.augment_image(disc_records[0].path, "fruit")
    assert result.image is None and "more than 1.0%" in result.rejected
    with pytest.raises(ValueError, match="at least one"):
        method.augment_image(disc_records[0].path, "fruit", n=0)


def test_the_models_of_a_photo_are_the_augmenters_own_and_masks_are_kept_where_asked(tmp_path, disc_records):
    log = str(tmp_path / "log")
    detector, segmenter = CostlyDetector(log=log), CostlySegmenter(log=log)
    method = Plain(detector=detector, segmenter=segmenter)
    for _ in range(2):
        method.augment_image(disc_records[0].path, "fruit", n=3, cache_dir=tmp_path / "cache")
    assert calls(tmp_path / "log")["detect"] == calls(tmp_path / "log")["segment"] == 1
