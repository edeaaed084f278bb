import torch
from tiny.costly import CostlyDetector, CostlyPainter

from aga_lightning.augment.augmenter import ModelStage, Unit
from aga_lightning.augment.base import Request
from aga_lightning.augment.engine.store import Store


class Numbers(ModelStage):
    """Squares the variant number; odd variants need nothing."""

    def __init__(self, cache, parts=(), **settings):
        super().__init__("captions", parts, 2)
        self.cache = cache
        self.ran = []

    def pending(self, requests, cache):
        keys = {f"{one.variant // 4:03d}": one for one in reversed(requests) if one.variant % 2 == 0}
        return [Unit(key, one) for key, one in sorted(keys.items()) if key not in cache.finished(self.name)]

    def load(self, unit):
        return unit.request.variant

    def run(self, units, loaded):
        self.ran.append([unit.key for unit in units])
        for unit, number in zip(units, loaded, strict=True):
            self.cache.save("captions", unit.key, {"square": number**2})


def asked(record, count):
    return [Request(record, variant) for variant in range(count)]


def test_what_another_process_is_making_is_left_to_it(tmp_path, disc_records):
    store, other = Store(tmp_path), Store(tmp_path)
    stage = Numbers(store)
    units = stage.pending(asked(disc_records[0], 12), store)
    with other.claim("captions", ["001"]) as theirs:
        assert theirs == {"001"}
        assert stage.advance(units, [stage.load(unit) for unit in units], store) == 1
    assert stage.ran == [["000", "002"]]
    left = stage.pending(asked(disc_records[0], 12), store)
    assert [unit.key for unit in left] == ["001"]
    assert stage.advance(left, [4], store) == 0
    assert store.facts("captions", "001") == {"square": 16}


def test_a_batch_that_others_are_making_whole_is_not_run(tmp_path, disc_records):
    store = Store(tmp_path)
    stage = Numbers(store)
    with Store(tmp_path).claim("captions", ["000"]):
        assert stage.advance([Unit("000", Request(disc_records[0], 0))], [0], store) == 1
    assert stage.ran == []


def test_recall_makes_what_is_missing_once_and_keeps_the_order(tmp_path):
    store = Store(tmp_path)
    store.save("captions", "b", {"n": 2})
    asked_for = []

    def make(missing):
        asked_for.append(missing)
        return [({"n": 10 + index}, None) for index in missing]

    found = store.recall("captions", ["a", "b", "c", "a"], make)
    assert [facts["n"] for facts, _ in found] == [10, 2, 12, 10]
    assert asked_for == [[0, 2]]
    assert [facts["n"] for facts, _ in store.recall("captions", ["c", "a"], make)] == [12, 10]
    assert len(asked_for) == 1


def test_a_stage_places_and_releases_its_models(tmp_path):
    parts = [CostlyDetector(str(tmp_path / "log")), CostlyPainter(str(tmp_path / "log"))]
    stage = Numbers(Store(tmp_path), parts)
    stage.place(torch.device("meta"))
    assert [part.torch_device.type for part in parts] == ["meta", "meta"]
    assert [part.model for part in parts] == ["CostlyDetector", "CostlyPainter"]
    stage.release()
    assert (tmp_path / "log").read_text().count("release") == 2


def test_parts_compute_in_their_own_numbers_whatever_the_trainer_trains_with(tmp_path, disc_records):
    seen = []

    class Watching(Numbers):
        def run(self, units, loaded):
            seen.append(
                (torch.get_default_dtype(), torch.is_autocast_enabled("cpu"), torch.is_autocast_enabled("cuda"))
            )

    stage = Watching(Store(tmp_path))
    torch.set_default_dtype(torch.bfloat16)
    try:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            stage.advance([Unit("000", Request(disc_records[0], 0))], [0], stage.cache)
        assert torch.get_default_dtype() == torch.bfloat16
    finally:
        torch.set_default_dtype(torch.float32)
    assert seen == [(torch.float32, False, False)]
