"""The arm as a whole: what it pastes, on what, and that no order of the work and no interruption shows."""

import inspect
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny.clip_model import save_clip
from tiny.costly import CostlyImageGate, calls, images
from tiny.painted import ColourClip, ColourGate, DiscPainter, NotWhite, PlainDiscs, PlainTints, TintPainter
from tiny.sd1 import save_tiny_sd1

import aga_lightning.augment.engine.isolation
from aga_lightning.augment.base import Augmented, BackgroundGenerator, Rejected, Request, Segmenter, Subject
from aga_lightning.augment.clip import Clip
from aga_lightning.augment.compositing import Merging
from aga_lightning.augment.detectors.embedded import CentrePrior
from aga_lightning.augment.engine.bank import BackgroundBank
from aga_lightning.augment.engine.collection import Collection
from aga_lightning.augment.engine.generation import fill
from aga_lightning.augment.engine.store import Store
from aga_lightning.augment.engine.workload import workload
from aga_lightning.augment.fingerprint import describe
from aga_lightning.augment.gates.class_free import ClassFreeBackground
from aga_lightning.augment.gates.embedded import MaskSanity
from aga_lightning.augment.methods.beyond_generation import CONTEXTS, FOREGROUND_TEXTS, BeyondGeneration, CutAndPaste
from aga_lightning.augment.painters.diffusion import DiffusionPainter
from aga_lightning.augment.painters.donors import DonorPhotos
from aga_lightning.augment.prompts import PromptEngine

STILL = {"max_rotation": 0.0, "in_place": True}


class Plain(BackgroundGenerator):
    """One colour, at any size."""

    def __init__(self, colour=(10, 200, 250)):
        self.colour = colour

    def paint(self, scenes):
        return [np.full((scene.size[1], scene.size[0], 3), self.colour, np.uint8) for scene in scenes]


class Half(Segmenter):
    """The right half of the picture."""

    def segment(self, samples, detections):
        return [self._half(sample.image, boxes[0]) for sample, boxes in zip(samples, detections, strict=True)]

    def _half(self, image, detection):
        mask = np.zeros(image.shape[:2], bool)
        mask[:, mask.shape[1] // 2 :] = True
        return Subject(mask, detection, 1.0)


def light(log, **settings):
    """The arm without any model."""
    parts = {"foreground_painter": PlainDiscs(str(log)), "background_painter": PlainTints(str(log))}
    return BeyondGeneration(**({"candidates": 1, "gates": [], "max_side": 64} | parts | settings))


def costly(log, **settings):
    """The arm with models of all kinds, as far as a log can be one."""
    path = str(log)
    parts = {
        "foreground_painter": DiscPainter(path),
        "background_painter": TintPainter(path),
        "selector": ColourClip(path),
        "detector": CentrePrior(),
        "segmenter": NotWhite(),
        "gates": [MaskSanity(), ColourGate()],
        "max_side": 64,
    }
    return BeyondGeneration(**(parts | settings))


def requests(records, variants=1):
    return [Request(record, variant) for record in records for variant in range(variants)]


def made(one, asked, records, store):
    one.prepare(records, store)
    return list(one.augment(asked, store))


def test_what_is_pasted_is_the_painted_foreground_and_no_photo_is_opened(log, store, disc_records, monkeypatch):
    def opened(*_):
        raise AssertionError("a photo was opened")

    one = light(log, background_painter=Plain(), pasting=CutAndPaste(edge="hard", **STILL))
    with monkeypatch.context() as patch:
        patch.setattr(aga_lightning.augment.engine.isolation, "load_sample", opened)
        outcomes = made(one, requests(disc_records[::2]), disc_records, store)
    for outcome in outcomes:
        kept = one.kept(outcome.request, store)
        sample, subject = kept.sample, kept.subject
        assert outcome.request.record.class_name in sample.record.text
        assert np.array_equal(outcome.image[subject.mask], sample.image[subject.mask])
        colour = {"plum": (150, 40, 120), "lime": (120, 200, 40)}[outcome.request.record.class_name]
        assert np.abs(np.median(outcome.image[subject.mask], axis=0) - colour).max() < 4
        assert np.abs(outcome.image[~subject.mask].astype(int) - (10, 200, 250)).max() < 4


def test_the_edge_is_blended_by_a_gaussian_of_two_pixels(log, store, disc_records):
    class Black(PlainDiscs):
        def _disc(self, scene):
            return np.zeros((64, 64, 3), np.uint8)

    one = light(
        log,
        foreground_painter=Black(str(log)),
        background_painter=Plain((250, 250, 250)),
        detector=CentrePrior(),
        segmenter=Half(),
        pasting=CutAndPaste(**STILL),
    )
    (outcome,) = made(one, [Request(disc_records[0], 0)], disc_records, store)
    # How much of a Gaussian about a pixel falls on the right half, in whole pixels.
    reach = np.arange(-5, 6)
    kernel = np.exp(-(reach**2) / (2 * 2.0**2)) / np.exp(-(reach**2) / (2 * 2.0**2)).sum()
    weight = [kernel[column + reach >= 32].sum() for column in range(64)]
    expected = 250 * (1 - np.array(weight))
    assert np.abs(outcome.image[20:44].mean(axis=(0, 2)) - expected).max() < 2.5


def test_a_background_that_shows_a_class_is_painted_anew_or_refused(log, store, disc_records):
    asked = requests(disc_records, 2)
    once = made(costly(log, attempts=1), asked, disc_records, store)
    refused = [outcome for outcome in once if isinstance(outcome, Rejected)]
    assert 0 < len(refused) < len(asked)
    assert all('more like a class than like its words: "a photo of plum" (' in outcome.reason for outcome in refused)
    one = costly(log, attempts=8)
    again = made(one, asked, disc_records, store)
    assert all(isinstance(outcome, Augmented) for outcome in again)
    for outcome in again:
        background = one.kept(outcome.request, store).background
        assert np.abs(background.mean((0, 1)) - (89, 89, 149)).max() < 4  # dusk
    assert calls(log)["tint"] > len(asked)


def test_the_facts_tell_words_and_score(log, store, disc_records):
    one = costly(log, attempts=8)
    outcome = made(one, [Request(disc_records[0], 0)], disc_records, store)[0]
    facts = dict(outcome.facts)
    score = one.kept(outcome.request, store).sample.record.likeness
    assert facts["foreground"] in {text.format_map({"class": "plum"}) for text in FOREGROUND_TEXTS}
    assert facts["caption"] == f"A real photo of {facts['spatial']}" and facts["spatial"] in CONTEXTS
    assert facts["clip_score"] == pytest.approx(score, abs=1e-4)
    assert json.loads(json.dumps(facts)) == facts
    alone = made(light(log), [Request(disc_records[0], 0)], disc_records, store)[0]
    assert "clip_score" not in alone.facts


def test_agas_scenes_may_take_the_place_of_the_contexts(log, store, disc_records):
    scenes = PromptEngine(spatial=["a sandy beach"], temporal=["at dawn"])
    (outcome,) = made(light(log, scenes=scenes), [Request(disc_records[0], 0)], disc_records, store)
    assert outcome.facts["caption"] == "A real photo of a sandy beach at dawn"


def test_stages_and_single_images_give_the_same_bytes(tmp_path, log, disc_records):
    gates = [MaskSanity(), ColourGate(), CostlyImageGate(str(log))]
    staged, single = (
        Collection(costly(log, gates=gates), Store(tmp_path / name), disc_records, 2, 0)
        for name in ("staged", "single")
    )
    fill(staged, images=False)
    before = calls(log)
    staged.make(staged.requests)
    assert calls(log) == before  # the stages leave nothing to a model
    for request in reversed(single.requests):
        single.make([request])
    assert images(staged) == images(single)
    assert 4 < len(images(staged)) < 16
    assert staged.rejections() == single.rejections()
    assert staged.rejections()["its level is odd"] > 0


def test_what_is_counted_is_what_is_made_and_counting_makes_nothing(tmp_path, log, disc_records):
    collection = Collection(costly(log, attempts=2), Store(tmp_path / "cache"), disc_records, 2, 0)
    counted = {task.name: task.units for task in workload(collection)}
    assert not log.exists()
    names = ["Foregrounds", "Selection", "SubjectVerdicts", "Backgrounds", "BackgroundVerdicts"]
    assert list(counted) == [*names, "Backgrounds 2", "BackgroundVerdicts 2", "Merging"]
    assert [counted[name] for name in names] == [32, 16, 16, 16, 16]
    stages = collection.augmenter.stages(collection.store)
    for stage in stages[:2]:
        units = stage.pending(collection.requests, collection.store)
        stage.advance(units, [stage.load(unit) for unit in units], collection.store)
    assert (calls(log)["disc"], calls(log)["look"]) == (32, 32)
    left = {task.name: task.units for task in workload(collection)}
    assert (left["Foregrounds"], left["Selection"], left["SubjectVerdicts"]) == (0, 0, 16)


def test_foregrounds_and_backgrounds_are_shared_as_asked(tmp_path, log, disc_records):
    one = costly(log, foregrounds_per_class=2, candidates=1, bank=BackgroundBank(size=3), gates=[])
    collection = Collection(one, Store(tmp_path / "cache"), disc_records, 3, 0)
    fill(collection, images=False)
    collection.make(collection.requests)
    assert calls(log)["disc"] <= 4 and calls(log)["tint"] <= 3
    assert len(images(collection)) == len(set(images(collection).values())) == 24


def test_the_mode_online_pastes_the_foreground_of_one_before_the_background_of_another(log, store, disc_records):
    one = light(log, pasting=CutAndPaste(edge="hard", **STILL))
    mine, other = requests(disc_records[:1], 2)
    made(one, [mine, other], disc_records, store)
    mixed = one.recombine(mine, other, 3, store)
    kept = one.kept(mine, store)
    sample, subject = kept.sample, kept.subject
    assert np.array_equal(mixed.image[subject.mask], sample.image[subject.mask])
    behind = one.kept(other, store).background
    assert np.abs(mixed.image[~subject.mask].mean(0) - behind.mean((0, 1))).max() < 3


def test_in_evaluation_photos_no_subject_is_looked_for(log, store, disc_records):
    sample, subject = light(log).subject(disc_records[0], store)
    assert (sample.image.shape, subject) == ((48, 48, 3), None)


def test_the_key_tells_all_that_decides_the_images_and_no_more(tmp_path, log, disc_records):
    def name(**settings):
        return Collection(light(log, **settings), Store(tmp_path / "cache"), disc_records, 1, 0).name

    assert name() == name(selector=None) == name(selector=ColourClip(str(log)))  # one candidate needs no judge
    names = {
        name(),
        name(foregrounds_per_class=2),
        name(contexts=["sand"]),
        name(background_text="{context}"),
        name(foreground_texts=["{class}"]),
        name(attempts=1),
        name(pasting=CutAndPaste(scale=(0.5, 0.6))),
        name(max_side=48),
        name(gates=[MaskSanity()]),
        name(segmenter=Half()),
    }
    assert len(names) == 10
    free = Collection(costly(log), Store(tmp_path / "cache"), disc_records, 1, 0).name
    fewer = Collection(costly(log), Store(tmp_path / "cache"), disc_records[:4], 1, 0).name
    assert free != fewer  # the gate knows one class less


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"candidates": 0}, "at least 1"),
        ({"attempts": 0}, "at least 1"),
        ({"foregrounds_per_class": 0}, "at least 1"),
        ({"candidates": 2, "selector": None}, "nobody chooses among 2 candidates"),
        ({"contexts": []}, "must not be empty"),
        ({"foreground_texts": []}, "must not be empty"),
        ({"foreground_texts": ["a {thing}"]}, r"holds \{thing\}"),
        ({"background_text": "a {class}"}, r"holds \{class\}"),
        ({"background_painter": DonorPhotos()}, "background_painter: DonorPhotos shows training photos"),
    ],
)
def test_settings_that_cannot_be_are_told(settings, words):
    with pytest.raises(ValueError, match=words):
        BeyondGeneration(**settings)


def test_by_default_cut_outs_and_backgrounds_are_judged():
    assert [type(gate) for gate in BeyondGeneration().gates] == [MaskSanity, ClassFreeBackground]


def test_real_models_of_tiny_size_go_through_all_stages(tmp_path, disc_records):
    sd1 = str(save_tiny_sd1(tmp_path / "sd1"))
    save_clip(tmp_path / "clip")
    settings = {"weights": sd1, "steps": 1, "width": 64, "height": 64, "redraws": 0, "device": "cpu"}
    clip = {"weights": str(tmp_path / "clip"), "device": "cpu"}
    one = BeyondGeneration(
        foreground_painter=DiffusionPainter(**settings),
        background_painter=DiffusionPainter(**settings),
        selector=Clip(**clip),
        gates=[ClassFreeBackground(**clip)],
        max_side=48,
    )
    collection = Collection(one, Store(tmp_path / "cache"), disc_records[::4], 1, 0)
    fill(collection, images=False)
    outcomes = collection.make(collection.requests)
    assert len(outcomes) == 2
    reasons = [outcome.reason for outcome in outcomes if outcome.path is None]
    assert all("nothing could be cut out" in reason or "looks more like" in reason for reason in reasons)


def test_it_has_all_settings_of_merging():
    assert list(inspect.signature(CutAndPaste).parameters) == list(inspect.signature(Merging).parameters)
    settings = {"flip_probability": 0.3, "max_rotation": 7.0, "scale": (0.1, 0.2), "shift": 0.4, "edge": "hard"}
    settings |= {"feather": 3.0, "harmonise": 0.5, "in_place": False, "match_grey": True}
    settings |= {"size": (0.2, 0.9), "position": "centre"}
    ours, theirs = describe(CutAndPaste(**settings)), describe(Merging(**settings))
    assert {name: ours[name] for name in settings} == {name: theirs[name] for name in settings}


@given(st.integers(0, 2**63))
def test_placements_are_within_the_published_bounds(seed):
    placement = CutAndPaste().draw(np.random.default_rng(seed))
    assert not placement.flip
    assert abs(placement.rotation) <= 30
    assert 0.3 <= placement.scale <= 0.7
    assert max(map(abs, placement.shift)) <= 0.5


def test_all_sizes_are_equally_likely():
    rng = np.random.default_rng(0)
    scales = np.sort([CutAndPaste().draw(rng).scale for _ in range(4000)])
    # Kolmogorov and Smirnov: 1.63 / sqrt(n) is exceeded once in a hundred times; log-uniform would be off by 0.105.
    assert np.abs(scales - np.linspace(0.3, 0.7, 4000)).max() / 0.4 < 1.63 / np.sqrt(4000)
    sizes = np.sort([CutAndPaste(size=(0.3, 0.7)).draw(rng).size for _ in range(4000)])
    assert np.abs(sizes - np.linspace(0.3, 0.7, 4000)).max() / 0.4 < 1.63 / np.sqrt(4000)


def test_in_place_nothing_moves():
    placement = CutAndPaste(in_place=True).draw(np.random.default_rng(3))
    assert (placement.rotation, placement.scale, placement.shift) == (0, 1, (0, 0))
