import numpy as np
import pytest
from PIL import Image
from tiny.costly import CostlyGate, CostlyImageGate, CostlyPainter, calls

from aga_lightning.augment.base import Draft, Gate, Request, Scene, Segmenter, Subject
from aga_lightning.augment.captioners.template import TemplateCaptioner
from aga_lightning.augment.compositing import Merging
from aga_lightning.augment.detectors.embedded import CentrePrior
from aga_lightning.augment.engine.gating import Gating
from aga_lightning.augment.engine.isolation import Isolation
from aga_lightning.augment.engine.judged import TrainingSubjects
from aga_lightning.augment.engine.recipe import Recipe
from aga_lightning.augment.engine.scenery import Scenery
from aga_lightning.augment.engine.store import Store
from aga_lightning.augment.grey import is_grey
from aga_lightning.augment.painters.donors import DonorPhotos
from aga_lightning.augment.painters.flat import FlatColour
from aga_lightning.augment.prompts import PromptEngine
from aga_lightning.images.records import ImageRecord


class Corners(Segmenter):
    """The top left corner and the bottom right one, pasted in turn."""

    def segment(self, samples, detections):
        return [
            self._corners(sample.image.shape[:2], found[0]) for sample, found in zip(samples, detections, strict=True)
        ]

    def _corners(self, shape, detection):
        first, second = np.zeros(shape, bool), np.zeros(shape, bool)
        first[:9, :9], second[-9:, -9:] = True, True
        parts = (Subject(first, detection, 0.9), Subject(second, detection, 0.8))
        return Subject(first | second, detection, 0.9, parts)


class Picky(Gate):
    """Objects to all but what it is given to accept."""

    def __init__(self, stage, accepted=""):
        self.stage = stage
        self.accepted = accepted

    def objection(self, draft):
        corner = draft.subject.mask[0, 0]
        fine = self.accepted == "all" or (self.accepted == "top left" and corner)
        return None if fine else f"the {self.stage} will not do"


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "cache")


def recipe(*gates, painter=None, attempts=1, remembers=False, **merging):
    scenery = Scenery(PromptEngine(), TemplateCaptioner(), painter or FlatColour(), None, None, None)
    isolation = Isolation(CentrePrior(), Corners(), None)
    still = Merging(flip_probability=0.0, in_place=True, **merging)
    return Recipe(isolation, scenery, Gating(gates, remembers), still, attempts)


def composed(one, request, store):
    sample, subject = one.subject(request.record, store)
    return one.compose(request, sample, subject, store)


def test_instances_are_pasted_in_turn(store, disc_records):
    one = recipe()
    for variant in range(4):
        made = composed(one, Request(disc_records[0], variant), store)
        pasted = (made.image == made.sample.image).all(axis=2)
        corners = pasted[:9, :9].all(), pasted[-9:, -9:].all()
        assert corners == ((True, False) if variant % 2 == 0 else (False, True))


@pytest.mark.parametrize("stage", ["subject", "caption", "background"])
def test_an_objection_ends_it_with_its_words(store, disc_records, stage):
    assert composed(recipe(Picky(stage)), Request(disc_records[0], 0), store) == f"the {stage} will not do"


def test_an_instance_is_judged_by_itself(store, disc_records):
    one = recipe(Picky("subject", "top left"))
    assert isinstance(composed(one, Request(disc_records[0], 0), store), Draft)
    assert composed(one, Request(disc_records[0], 1), store) == "the subject will not do"


def test_a_background_is_painted_until_it_is_accepted(tmp_path, store, disc_records):
    log = tmp_path / "log"
    one = recipe(CostlyGate(str(log)), painter=CostlyPainter(str(log), faulty=True), attempts=6, remembers=True)
    requests = [Request(record, variant) for record in disc_records for variant in range(2)]
    made = [composed(one, request, store) for request in requests]
    assert all(isinstance(draft, Draft) and draft.background.any() for draft in made)
    assert calls(log)["paint"] > 16


def test_the_background_covers_an_image_of_another_shape(tmp_path, store, disc_records):
    made = composed(recipe(painter=CostlyPainter(str(tmp_path / "log"))), Request(disc_records[0], 0), store)
    assert made.background.shape == (40, 40, 3)
    assert made.image.shape == made.sample.image.shape == (48, 48, 3)


def test_a_remix_takes_the_others_background_and_asks_no_model_about_it(tmp_path, store, disc_records):
    log = tmp_path / "log"
    one = recipe(CostlyImageGate(str(log)), painter=CostlyPainter(str(log)), remembers=True)
    mine, other = (Request(record, 0) for record in disc_records[:2])
    behind = composed(one, other, store).background
    made = one.remix(mine, other, 0, store)
    assert np.array_equal(made.background, behind)
    assert np.array_equal(made.image[:9, :9], made.sample.image[:9, :9])
    assert calls(log)["judge"] == 0
    assert one.remix(mine, other, 0, store).caption.text == composed(one, other, store).caption.text


def test_drafts_are_told_apart_by_all_that_a_gate_may_look_at(store, disc_records):
    one = recipe(Picky("subject", "all"), remembers=True)
    first, second = (Request(disc_records[0], variant) for variant in range(2))
    composed(one, first, store)
    assert one.subject_draft(first, store) != one.subject_draft(second, store)
    assert one.subject_draft(first, store) == one.subject_draft(Request(disc_records[0], 2), store)
    assert one.image_draft(first, store) != one.image_draft(Request(disc_records[0], 2), store)
    (scene,) = one.scenery.scenes([first], store)
    twin = Scene(scene.caption, scene.size, scene.seed + 1, scene.source)
    assert one.background_draft(first, scene) != one.background_draft(first, twin)


def test_what_is_kept_is_looked_up_and_not_made(tmp_path, store, disc_records):
    log = tmp_path / "log"
    one = recipe(painter=CostlyPainter(str(log)))
    request = Request(disc_records[0], 1)
    before = one.kept(request, store)
    assert (before.subject, before.caption, before.background) == (None, None, None)
    made = composed(one, request, store)
    kept = one.kept(request, store)
    assert np.array_equal(kept.subject.mask, made.subject.mask)
    assert kept.caption == made.caption
    assert np.array_equal(kept.background, made.background)
    assert calls(log)["paint"] == 1


def test_a_photo_of_the_night_keeps_its_light_in_a_remix_too(tmp_path, store, disc_records):
    dark = np.repeat(np.random.default_rng(0).integers(0, 60, (48, 48, 1), dtype=np.uint8), 3, axis=2)
    Image.fromarray(dark).save(tmp_path / "night.png")
    night, day = Request(ImageRecord(tmp_path / "night.png", 0, "plum", "fruit"), 0), Request(disc_records[0], 0)
    painter = CostlyPainter(str(tmp_path / "log"))  # noise in colour
    plain, matched = recipe(painter=painter), recipe(painter=painter, match_grey=True)
    made = [composed(one, night, store).image for one in (plain, matched)]
    made += [one.remix(night, day, 0, store).image for one in (plain, matched)]
    assert [is_grey(image) for image in made] == [False, True, False, True]
    assert made[1].mean() == pytest.approx(dark.mean(), abs=5)
    assert np.array_equal(composed(plain, day, store).image, composed(matched, day, store).image)
    drafts = {recipe(painter=painter, remembers=True, match_grey=grey).image_draft(night, store) for grey in (0, 1)}
    assert len(drafts) == 2


def test_what_has_no_subject_is_read_and_not_searched(store, disc_records):
    empty = ImageRecord(disc_records[0].path, 0, "empty", "")
    one = recipe()
    one.isolation.detector = None  # would be an error
    sample, subject = one.subject(empty, store)
    assert sample.image.shape == (48, 48, 3) and subject is None
    assert one.compose(Request(empty, 0), sample, subject, store) == "the class has no subject"


def test_a_photo_that_finds_no_donor_is_rejected_with_the_reason(store, disc_records):
    painter = DonorPhotos()
    one = recipe(painter=painter)
    painter.borrow(TrainingSubjects(one, disc_records[:1], store))  # the only photo may not give to itself
    assert "can give its background" in composed(one, Request(disc_records[0], 0), store)
