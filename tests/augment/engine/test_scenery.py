"""Captions, backgrounds and the merged image, as steps that are asked one by one."""

from dataclasses import replace

import numpy as np
from tiny.costly import CostlyCaptioner, CostlyPainter, calls
from tiny.plain import Corners, Plain

from aga_lightning.augment.base import Caption, Captioner, Request
from aga_lightning.augment.captioners.template import TemplateCaptioner
from aga_lightning.augment.compositing import Merging
from aga_lightning.augment.detectors.embedded import CentrePrior
from aga_lightning.augment.engine.accepting import Accept
from aga_lightning.augment.engine.bank import BackgroundBank
from aga_lightning.augment.engine.isolation import Boxes, Photo, Subjects
from aga_lightning.augment.engine.runner import Runner
from aga_lightning.augment.engine.scenery import Backgrounds, Captions, Merge
from aga_lightning.augment.engine.step import Rejection
from aga_lightning.augment.engine.training_images import TrainingImages
from aga_lightning.augment.painters.donors import DonorPhotos
from aga_lightning.augment.painters.flat import FlatColour
from aga_lightning.augment.placement import Placement
from aga_lightning.augment.prompts import PromptEngine, mentions


def captions(captioner=None, prompts=None, **settings):
    return Captions(prompts or PromptEngine(), captioner or TemplateCaptioner(), **settings)


def backgrounds(painter=None, max_side=None, bank=None, **settings):
    return Backgrounds(painter or FlatColour(), captions(bank=bank), max_side, bank, **settings)


def asked(records, count=1):
    return [Request(record, variant) for record in records for variant in range(count)]


def prepared(step, records, store):
    method = Plain()
    for one in Runner.ordered(step):
        one.prepare(TrainingImages(method.photo, method.subjects, records, store))
    return step


def test_each_augmentation_has_a_scene_of_its_own(store, disc_records):
    plans = [Runner(store).plan(backgrounds(), request) for request in asked(disc_records, 3)]
    assert len({seed for _, _, seed, _ in plans}) == 24
    assert {(width, height) for width, height, _, _ in plans} == {(48, 48)}


def test_another_attempt_has_the_same_words_and_another_seed(store, disc_records):
    (request,) = asked(disc_records[:1])
    first, second = backgrounds(), backgrounds(attempt=1)
    assert Runner(store).key(first.inputs[0], request) == Runner(store).key(second.inputs[0], request)
    assert Runner(store).key(first, request) != Runner(store).key(second, request)


def test_a_bank_has_as_many_scenes_as_it_has_backgrounds(store, disc_records):
    one = prepared(backgrounds(bank=BackgroundBank(size=7), max_side=32), disc_records, store)
    requests = asked(disc_records, 5)
    assert len({Runner(store).key(one, request) for request in requests}) == 7
    plans = [Runner(store).plan(one, request) for request in requests]
    assert {(width, height, source) for width, height, _, source in plans} == {(32, 32, "")}


def test_captions_of_a_combination_are_written_once(log, store, disc_records):
    prompts = PromptEngine(instructions=["Describe"], spatial=["a lake"], temporal=["at dawn", "at dusk"])
    one = captions(CostlyCaptioner(str(log)), prompts, per_combination=3)
    found = [Runner(store).value(one, request) for request in asked(disc_records[:1], 60)]
    assert len({caption.text for caption in found}) == 6
    assert calls(log)["caption"] == 6


def test_words_to_avoid_are_in_the_prompt_and_in_the_key(store, disc_records):
    one, (request,) = captions(), asked(disc_records[:1])
    before = Runner(store).key(one, request)
    prepared(one, disc_records, store)
    caption = Runner(store).value(one, request)
    assert {"plum", "lime", "fruit"} <= set(caption.prompt.avoid) == set(one.learned["avoid"])
    assert Runner(store).key(one, request) != before
    assert not mentions(caption.text, caption.prompt.avoid)


def test_how_a_caption_came_about_is_kept(store, disc_records):
    class Failing(Captioner):
        def caption(self, prompts, seeds):
            return [Caption("a bare hill", prompt, tries=4, fallback=True) for prompt in prompts]

    for _ in range(2):
        caption = Runner(store).value(captions(Failing()), Request(disc_records[0], 0))
        assert (caption.text, caption.tries, caption.fallback) == ("a bare hill", 4, True)


def test_backgrounds_have_the_painters_own_size_and_are_cropped_to_the_photo(log, store, disc_records):
    photo = Photo(None)
    painted = backgrounds(CostlyPainter(str(log)))
    subject = Accept("subject", [], Subjects(Corners(), photo, Boxes(CentrePrior(), photo)), photo)
    merge = Merge(Merging(flip_probability=0.0, in_place=True), photo, subject, painted.inputs[0], painted)
    made = Runner(store).value(merge, Request(disc_records[0], 0))
    assert made.background.shape == (40, 40, 3) and made.image.shape == made.sample.image.shape == (48, 48, 3)
    assert np.array_equal(made.image[:9, :9], made.sample.image[:9, :9]), "the first of two corners"
    assert np.array_equal(made.landed, made.subject.mask)


def test_the_subjects_alpha_is_merged(store, disc_records):
    photo = Photo(None)
    subject = Subjects(Corners(), photo, Boxes(CentrePrior(), photo))
    merge = Merge(Merging(flip_probability=0.0, in_place=True, edge="soft"), photo, subject, captions(), backgrounds())
    (request,) = asked(disc_records[:1])
    sample, found = Runner(store).value(photo, request), Runner(store).value(subject, request).for_variant(0)
    nearly = replace(found, alpha=found.mask * np.uint8(128))
    black = np.zeros_like(sample.image)
    (made,) = merge.make([0], [sample], [nearly], [None], [black])
    expected = merge.merging.merge(sample.image, found.mask, black, Placement(), nearly.alpha)[0]
    assert np.array_equal(made.image, expected)
    (hard,) = merge.make([0], [sample], [found], [None], [black])
    assert made.image[:8, :8].mean() < 0.6 * hard.image[:8, :8].mean()


def test_a_photo_that_finds_no_donor_is_rejected_with_the_reason_and_the_others_are_painted(store, disc_records):
    alone = prepared(backgrounds(DonorPhotos()), disc_records[:1], store)  # which may not give to itself
    (mine, other) = asked(disc_records[:2])
    runner = Runner(store)
    found = alone.finished([mine, other], [[runner.value(alone.inputs[0], one)] for one in (mine, other)], runner)
    assert isinstance(found[0], Rejection) and "can give its background" in found[0].reason
    assert found[1].shape == (48, 48, 3)
    assert Runner(store).status(alone, mine) == found[0]
