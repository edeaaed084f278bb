import pytest
from tiny.costly import CostlyCaptioner, CostlyPainter, calls

from aga_lightning.augment.base import Caption, Captioner, Request
from aga_lightning.augment.captioners.template import TemplateCaptioner
from aga_lightning.augment.engine.bank import BackgroundBank
from aga_lightning.augment.engine.scenery import Scenery
from aga_lightning.augment.engine.store import Store
from aga_lightning.augment.painters.donors import DonorPhotos
from aga_lightning.augment.painters.flat import FlatColour
from aga_lightning.augment.prompts import PromptEngine, mentions


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "cache")


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log"


def scenery(captioner=None, painter=None, per_combination=None, bank=None, max_side=None, prompts=None):
    return Scenery(
        prompts or PromptEngine(), captioner or TemplateCaptioner(), painter or FlatColour(), per_combination, bank,
        max_side,
    )  # fmt: skip


def variants(record, count):
    return [Request(record, variant) for variant in range(count)]


def open_bank(size, records, store):
    bank = BackgroundBank(size=size)
    bank.open([(record.class_name, store.digest(record.path)) for record in records])
    return bank


def test_each_augmentation_has_a_scene_of_its_own(store, disc_records):
    requests = [request for record in disc_records for request in variants(record, 3)]
    scenes = scenery().scenes(requests, store)
    assert len({scene.seed for scene in scenes}) == 24
    assert {scene.size for scene in scenes} == {(48, 48)}


def test_another_attempt_has_the_same_words_and_another_seed(store, disc_records):
    one = scenery()
    first, second = (one.scenes(variants(disc_records[0], 1), store, attempt)[0] for attempt in (0, 1))
    assert first.caption == second.caption
    assert first.seed != second.seed
    assert one.background_key(first) != one.background_key(second)


def test_a_bank_has_as_many_scenes_as_it_has_backgrounds(store, disc_records):
    requests = [request for record in disc_records for request in variants(record, 5)]
    one = scenery(bank=open_bank(7, disc_records, store), max_side=32)
    scenes = one.scenes(requests, store)
    assert len({one.background_key(scene) for scene in scenes}) == 7
    assert {scene.size for scene in scenes} == {(32, 32)}
    assert {scene.source for scene in scenes} == {""}


def test_captions_of_a_combination_are_written_once(log, store, disc_records):
    prompts = PromptEngine(instructions=["Describe"], spatial=["a lake"], temporal=["at dawn", "at dusk"])
    one = scenery(CostlyCaptioner(str(log)), per_combination=3, prompts=prompts)
    captions = one.captions(variants(disc_records[0], 60), store)
    assert len({caption.text for caption in captions}) == 6
    assert calls(log)["caption"] == 6


def test_words_to_avoid_are_in_the_prompt_and_in_the_key(store, disc_records):
    one, (request,) = scenery(), variants(disc_records[0], 1)
    before = one.caption_key(request, store)
    one.avoid = ("plum", "lake")
    assert one.prompt(request, store).avoid == ("lake", "plum")
    assert one.caption_key(request, store) != before
    assert not mentions(one.captions([request], store)[0].text, one.avoid)


def test_how_a_caption_came_about_is_kept(store, disc_records):
    class Failing(Captioner):
        def caption(self, prompts, seeds):
            return [Caption("a bare hill", prompt, tries=4, fallback=True) for prompt in prompts]

    for _ in range(2):
        (caption,) = scenery(Failing()).captions(variants(disc_records[0], 1), store)
        assert (caption.text, caption.tries, caption.fallback) == ("a bare hill", 4, True)


def test_backgrounds_have_the_painters_own_size(log, store, disc_records):
    one = scenery(painter=CostlyPainter(str(log)))
    (scene,) = one.scenes(variants(disc_records[0], 1), store)
    assert scene.size == (40, 40)
    assert one.paint([scene], store)[0].shape == (40, 40, 3)


def test_who_stands_before_it_matters_to_painters_that_borrow_alone(store, disc_records):
    for painter, same in ((FlatColour(), True), (DonorPhotos(), False)):
        one = scenery(painter=painter)
        first, second = (one.scenes(variants(record, 1), store)[0] for record in disc_records[:2])
        twin = type(first)(first.caption, first.size, first.seed, second.source)
        assert (one.background_key(first) == one.background_key(twin)) == same
