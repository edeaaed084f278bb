import numpy as np
import pytest
from tiny.costly import CostlyGate, calls
from tiny.painted import ColourClip, DiscPainter, PlainDiscs, PlainTints

from aga_lightning.augment.base import BackgroundGenerator, Draft, Request
from aga_lightning.augment.detectors.embedded import SaliencyBox
from aga_lightning.augment.engine.gating import Gating
from aga_lightning.augment.engine.isolation import Isolation
from aga_lightning.augment.engine.store import Store
from aga_lightning.augment.methods.contexts import CONTEXTS, ContextCaptioner, SquareScenery
from aga_lightning.augment.methods.cut_and_paste import CutAndPaste
from aga_lightning.augment.methods.foregrounds import PaintedForegrounds
from aga_lightning.augment.methods.painted_subjects import PaintedRecipe, PaintedSubjects
from aga_lightning.augment.prompts import PromptEngine
from aga_lightning.augment.segmenters.embedded import GrabCut


class White(BackgroundGenerator):
    """Nothing."""

    def paint(self, scenes):
        return [np.full((scene.size[1], scene.size[0], 3), 255, np.uint8) for scene in scenes]


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "cache")


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log"


def subjects(painter, selector=None, candidates=1, per_class=None, max_side=48):
    painted = PaintedForegrounds(painter, ["a {class}"], per_class, candidates, selector, "a {class}", max_side)
    return PaintedSubjects(painted, SaliencyBox(), GrabCut(), max_side)


def recipe(log, isolation, *gates, remembers=False, behind=None):
    engine = PromptEngine(instructions=("",), spatial=CONTEXTS, temporal=("",))
    scenery = SquareScenery(engine, ContextCaptioner("{context}"), behind or PlainTints(str(log)), 1, None, 48)
    return PaintedRecipe(isolation, scenery, Gating(gates, remembers), CutAndPaste(), 1)


def test_a_foreground_is_read_at_the_working_size_and_cut_out(store, log, disc_records):
    isolation = subjects(DiscPainter(str(log)))
    foreground = isolation.foregrounds.of(Request(disc_records[0], 0), store)
    sample = isolation.sample(foreground, store)
    assert sample.image.shape == (48, 48, 3)  # the painter's 64, shrunk
    assert sample.digest == isolation.foregrounds.key(foreground)
    (subject,) = isolation.isolate([sample], store)
    plum = np.abs(sample.image.astype(int) - (150, 40, 120)).max(axis=2) < 60
    assert (subject.mask & plum).sum() / (subject.mask | plum).sum() > 0.9


def test_photos_are_isolated_as_ever(store, log, disc_records):
    isolation, plain = subjects(DiscPainter(str(log))), Isolation(SaliencyBox(), GrabCut(), 48)
    record = disc_records[0]
    assert isolation.subject_key(record, store) == plain.subject_key(record, store)
    assert np.array_equal(isolation.sample(record, store).image, plain.sample(record, store).image)


def test_the_key_of_a_cut_out_is_known_before_it_is_painted_and_tells_foregrounds_apart(store, log, disc_records):
    isolation = subjects(DiscPainter(str(log)), ColourClip(str(log)), candidates=2)
    first, second = (isolation.foregrounds.of(Request(disc_records[0], variant), store) for variant in range(2))
    keys = isolation.subject_key(first, store), isolation.subject_key(second, store)
    assert len(set(keys)) == 2
    assert not log.exists()
    larger = subjects(DiscPainter(str(log)), ColourClip(str(log)), candidates=2, max_side=64)
    assert larger.subject_key(first, store) != keys[0]


def test_nothing_to_cut_out_is_told_with_what_was_painted(store, log, disc_records):
    class Empty(PlainDiscs):
        def _disc(self, scene):
            return np.full((64, 64, 3), 255, np.uint8)

    one = recipe(log, subjects(Empty(str(log))))
    request = Request(disc_records[0], 0)
    sample, subject = one.subject(one.source(request, store), store)
    expected = 'nothing could be cut out of the picture painted from "a plum"'
    assert one.compose(request, sample, subject, store) == expected


def test_images_that_share_foreground_and_number_are_placed_differently(store, log, disc_records):
    one = recipe(log, subjects(PlainDiscs(str(log)), per_class=1), behind=White())
    made = []
    for record in disc_records[:4]:
        request = Request(record, 0)
        sample, subject = one.subject(one.source(request, store), store)
        made.append(one.compose(request, sample, subject, store))
    assert all(isinstance(draft, Draft) for draft in made)
    assert all(np.array_equal(draft.sample.image, made[0].sample.image) for draft in made)
    # On white the plum is what is less green.
    placed = [tuple(np.argwhere(draft.image[..., 1] < 200).mean(0).round()) for draft in made]
    assert len(set(placed)) == 4
    judged = recipe(log, one.isolation, CostlyGate(str(log)), remembers=True)
    assert len({judged.image_draft(Request(record, 0), store) for record in disc_records[:4]}) == 4


def test_what_is_kept_is_told_without_making_anything(store, log, disc_records):
    one = recipe(log, subjects(PlainDiscs(str(log))))
    request = Request(disc_records[0], 0)
    before = one.kept(request, store)
    photo = Isolation(SaliencyBox(), GrabCut(), 48).sample(request.record, store)
    assert np.array_equal(before.sample.image, photo.image)
    assert (before.subject, before.background) == (None, None)
    assert not log.exists()
    sample, subject = one.subject(one.source(request, store), store)
    made = one.compose(request, sample, subject, store)
    count = calls(log)
    after = one.kept(request, store)
    assert calls(log) == count
    assert np.array_equal(after.sample.image, sample.image)
    assert np.array_equal(after.subject.mask, made.subject.mask)
    assert np.array_equal(after.background, made.background)
