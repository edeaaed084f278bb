import numpy as np
import pytest
from tiny.costly import CostlyDetector, CostlyImageGate, CostlySegmenter, calls
from tiny.plain import Plain

from aga_lightning.augment.base import Detector, Gate, Request
from aga_lightning.augment.engine.store import Store
from aga_lightning.images.records import ImageRecord


class Blind(Detector):
    """Finds nothing."""

    def detect(self, samples):
        return [[] for _ in samples]


class TopLeft(Gate):
    """Accepts what touches the top left corner."""

    stage = "subject"

    def objection(self, draft):
        return None if draft.subject.mask[0, 0] else "not in the top left corner"


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "cache")


@pytest.fixture
def costly(tmp_path):
    """Parts with a model, so that verdicts are kept."""
    log = str(tmp_path / "log")
    return {"detector": CostlyDetector(log), "segmenter": CostlySegmenter(log)}


def accepted(method, request, store):
    sample, whole = method.subject(request.record, store)
    return method._recipe.accepted_subject(request, sample, whole, store)


def test_the_instances_are_kept_in_turn_and_judged_one_by_one(store, disc_records):
    for variant in range(4):
        request = Request(disc_records[0], variant)
        corner = accepted(Plain(), request, store).mask
        assert (corner[0, 0], corner[-1, -1]) == ((True, False) if variant % 2 == 0 else (False, True))
        picky = accepted(Plain([TopLeft()]), request, store)
        assert variant % 2 == 0 or picky == "not in the top left corner"


def test_what_was_not_found_and_what_is_not_there_are_told_apart(store, disc_records):
    assert accepted(Plain(detector=Blind()), Request(disc_records[0], 0), store) == "no fruit could be isolated"
    empty = ImageRecord(disc_records[0].path, 0, "empty", "")
    assert accepted(Plain(), Request(empty, 0), store) == "the class has no subject"


def test_a_method_that_isolates_nothing_looks_for_nothing(tmp_path, store, disc_records, costly):
    method = Plain(isolates=False, **costly)
    sample, whole = method.subject(disc_records[0], store)
    assert whole is None and sample.image.shape == (48, 48, 3)
    assert calls(tmp_path / "log") == {}
    (made,) = method.augment([Request(disc_records[0], 0)], store)
    assert np.array_equal(made.image, sample.image)


def test_what_has_no_subject_is_read_and_not_searched(tmp_path, store, disc_records, costly):
    empty = ImageRecord(disc_records[0].path, 0, "empty", "")
    assert Plain(**costly).subject(empty, store)[1] is None
    assert calls(tmp_path / "log") == {}


def test_an_instance_has_one_key_for_all_that_keep_it(tmp_path, store, disc_records):
    gate = CostlyImageGate(str(tmp_path / "log"))
    recipe = Plain([gate])._recipe

    def keys(record):
        return [recipe.instance_key(Request(record, variant, seed), store) for variant in range(4) for seed in (0, 1)]

    assert len(set(keys(disc_records[0]))) == 1, "nobody has looked how many there are"
    recipe.subject(disc_records[0], store)
    first, second = keys(disc_records[0])[::2][:2]
    assert keys(disc_records[0])[::2] == keys(disc_records[0])[1::2] == [first, second] * 2 and first != second
    assert not {first, second} & set(keys(disc_records[1]))
    assert recipe.subject_draft(Request(disc_records[0], 0), store) == first
    assert Plain()._recipe.subject_draft(Request(disc_records[0], 0), store) == "", "verdicts are not kept"


def test_the_gates_word_on_the_image_is_kept_where_a_part_has_a_model(tmp_path, store, disc_records):
    log = tmp_path / "log"
    request = Request(disc_records[0], 0)
    words = set()
    for _ in range(2):
        recipe = Plain([CostlyImageGate(str(log))])._recipe
        made = recipe.compose(request, *recipe.subject(request.record, store), store)
        words.add(recipe.objection_to_image(request, made, store))
    assert calls(log)["judge"] == 1
    assert words == {"its level is odd" if int(made.image.mean()) % 2 else None}
    assert Plain()._recipe.objection_to_image(request, made, store) is None
