"""The stages of boxes, masks and verdicts, for the smallest method that has them."""

import pytest
from tiny.costly import CostlyDetector, CostlyImageGate, CostlySegmenter, calls
from tiny.plain import Plain

from aga_lightning.augment.base import Gate, Request
from aga_lightning.augment.engine.collection import Collection
from aga_lightning.augment.engine.generation import fill
from aga_lightning.augment.engine.store import Store
from aga_lightning.augment.gates.embedded import MaskSanity

SANE = MaskSanity(max_parts=9, allow_spanning=True)


class LeftOnly(Gate):
    """Accepts subjects that reach the left edge."""

    stage = "subject"

    def objection(self, draft):
        return None if draft.subject.mask[:, 0].any() else "not at the left edge"


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log"


def parts(log, *names):
    kinds = {"detector": CostlyDetector, "segmenter": CostlySegmenter}
    return {name: kinds[name](str(log)) for name in names}


def opened(tmp_path, method, records, degree=2):
    return Collection(method, Store(tmp_path / "cache"), records, degree, 0)


@pytest.mark.parametrize(
    ("models", "gates", "expected"),
    [
        ([], [SANE], []),
        (["detector"], [], ["Boxes", "SubjectVerdicts"]),
        (["segmenter"], [], ["Subjects"]),
        (["detector", "segmenter"], [], ["Boxes", "Subjects"]),
        (["detector", "segmenter"], [SANE], ["Boxes", "Subjects", "SubjectVerdicts"]),
        ([], ["image gate"], ["SubjectVerdicts", "ImageVerdicts"]),
        (["segmenter"], ["image gate", SANE], ["Subjects", "SubjectVerdicts", "ImageVerdicts"]),
    ],
)
def test_there_is_a_stage_for_what_has_a_model_and_for_what_it_waits_for(tmp_path, log, models, gates, expected):
    gates = [CostlyImageGate(str(log)) if gate == "image gate" else gate for gate in gates]
    method = Plain(gates, **parts(log, *models))
    assert [type(stage).__name__ for stage in method.stages(Store(tmp_path / "cache"))] == expected


def test_a_method_that_isolates_nothing_has_no_stage_before_its_image(tmp_path, log):
    method = Plain([CostlyImageGate(str(log))], isolates=False, **parts(log, "detector"))
    assert [type(stage).__name__ for stage in method.stages(Store(tmp_path / "cache"))] == ["ImageVerdicts"]


@pytest.mark.parametrize("isolates", [True, False], ids=["isolating", "whole"])
def test_what_the_stages_have_made_is_not_made_again(tmp_path, log, disc_records, isolates):
    method = Plain([SANE, CostlyImageGate(str(log))], isolates=isolates, **parts(log, "detector", "segmenter"))
    collection = opened(tmp_path, method, disc_records)
    fill(collection, images=False)
    before = calls(log)
    # One instance, and one verdict for all variants that keep it.
    assert (before["detect"], before["segment"], before["judge"]) == ((8, 8, 8) if isolates else (0, 0, 8))
    for requests in collection.pending():
        collection.make(requests)
    assert calls(log) == before
    assert all(not stage.pending(collection.requests, collection.store) for stage in method.stages(collection.store))


def test_an_unreadable_image_ends_in_each_stage(tmp_path, log, disc_records):
    disc_records[0].path.write_bytes(b"no image at all")
    method = Plain([SANE, CostlyImageGate(str(log))], **parts(log, "detector", "segmenter"))
    collection = opened(tmp_path, method, disc_records[:2])
    fill(collection, images=False)
    assert all(not stage.pending(collection.requests, collection.store) for stage in method.stages(collection.store))
    assert (calls(log)["detect"], calls(log)["judge"]) == (1, 1)
    for requests in collection.pending():
        collection.make(requests)
    assert disc_records[0].path.name in collection.find(collection.requests[0]).reason


def test_no_gate_with_a_model_is_asked_about_what_another_has_rejected(tmp_path, log, disc_records):
    method = Plain([LeftOnly(), CostlyImageGate(str(log))])  # corners, of which every other is at the left edge
    collection = opened(tmp_path, method, disc_records, degree=4)
    fill(collection, images=False)
    assert calls(log)["judge"] == 8
    for requests in collection.pending():
        collection.make(requests)
    assert collection.rejections()["not at the left edge"] == 16


def test_whether_a_request_is_usable_follows_its_own_instance(tmp_path, log, disc_records):
    method = Plain([LeftOnly(), CostlyImageGate(str(log))])
    collection = opened(tmp_path, method, disc_records[:1])
    *_, last = method.stages(collection.store)
    requests = [Request(disc_records[0], variant) for variant in range(4)]
    assert all(last.usable(request) for request in requests), "nobody has looked"
    fill(collection, requests, images=False)
    *_, last = method.stages(collection.store)
    assert [last.usable(request) for request in requests] == [True, False, True, False]
