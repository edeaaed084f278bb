"""The recipe, step by step: with the smallest fakes of its parts, and with the real ones that need no weights."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import Image

from aga_lightning.augment.base import (
    Augmented,
    BackgroundGenerator,
    Caption,
    Captioner,
    Detection,
    Detector,
    Gate,
    Rejected,
    Request,
    Segmenter,
    Subject,
)
from aga_lightning.augment.compositing import Merging, Placement
from aga_lightning.augment.engine.bank import BackgroundBank
from aga_lightning.augment.grey import is_grey
from aga_lightning.augment.methods.aga import AGA
from aga_lightning.augment.painters.empty_frames import EmptyFrames
from aga_lightning.augment.painters.flat import FlatColour
from aga_lightning.augment.prompts import PromptEngine, mentions
from aga_lightning.augment.segmenters.embedded import GrabCut
from aga_lightning.images.codec import decode_rgb, encode_jpeg
from aga_lightning.images.records import DatasetError, ImageRecord

STILL = Merging(flip_probability=0.0, in_place=True)


class Finder(Detector):
    """One box, `margin` pixels from each side; keeps what it was shown."""

    def __init__(self, margin=12):
        self.margin = margin
        self.seen = []

    def detect(self, samples):
        self.seen += samples
        return [[self._box(*sample.image.shape[:2])] for sample in samples]

    def _box(self, height, width):
        return Detection((self.margin, self.margin, width - self.margin, height - self.margin), 0.9)


class Blind(Finder):
    """Finds nothing."""

    def detect(self, samples):
        self.seen += samples
        return [[] for _ in samples]


class BoxFiller(Segmenter):
    """The whole box, less `inset` pixels; keeps what it was shown."""

    def __init__(self, inset=0):
        self.inset = inset
        self.seen = []

    def segment(self, samples, detections):
        self.seen += samples
        return [self._subject(sample, boxes[0]) for sample, boxes in zip(samples, detections, strict=True)]

    def _subject(self, sample, detection):
        left, top, right, bottom = (int(edge) for edge in detection.box)
        mask = np.zeros(sample.image.shape[:2], bool)
        mask[top + self.inset : bottom - self.inset, left + self.inset : right - self.inset] = True
        return Subject(mask, detection, 0.8)


class Echo(Captioner):
    """Says where and when, after `opening`; keeps what it was asked."""

    def __init__(self, opening="seen:"):
        self.opening = opening
        self.asked = []

    def caption(self, prompts, seeds):
        self.asked += prompts
        return [Caption(f"{self.opening} {prompt.spatial} {prompt.temporal}", prompt) for prompt in prompts]


class Speckles(BackgroundGenerator):
    """Random pixels up to `brightest`; keeps the scenes."""

    def __init__(self, brightest=255):
        self.brightest = brightest
        self.scenes = []

    def paint(self, scenes):
        self.scenes += scenes
        return [self._paint(*scene.size, scene.seed) for scene in scenes]

    def _paint(self, width, height, seed):
        return np.random.default_rng(seed).integers(0, self.brightest, (height, width, 3), dtype=np.uint8)


class Borrower(Speckles):
    """Wants the training photos; keeps the offer."""

    borrows = True

    def borrow(self, training):
        self.training = training


class Refusal(Gate):
    """Objects to everything at its stage."""

    def objection(self, draft):
        return f"the {self.stage} will not do"


class SubjectRefusal(Refusal):
    stage = "subject"


class CaptionRefusal(Refusal):
    stage = "caption"


class BackgroundRefusal(Refusal):
    stage = "background"


class ImageRefusal(Refusal):
    stage = "image"


def recipe(**parts):
    fakes = {"detector": Finder(), "segmenter": BoxFiller(), "captioner": Echo(), "painter": Speckles()}
    return AGA(**(fakes | {"merging": STILL} | parts))


def real_recipe(**parts):
    return AGA(**({"segmenter": GrabCut(size=48), "merging": STILL} | parts))


def calls(aga):
    """How often each part has been asked."""
    return {
        "detector": len(aga.detector.seen),
        "segmenter": len(aga.segmenter.seen),
        "captioner": len(aga.captioner.asked),
        "painter": len(aga.painter.scenes),
    }


def requests(records, degree=1, seed=0):
    return [Request(record, variant, seed) for record in records for variant in range(degree)]


def make(aga, asked, store, training):
    aga.prepare(training, store)
    return list(aga.augment(asked, store))


def pixels(record):
    return np.asarray(Image.open(record.path).convert("RGB"))


def test_by_default_a_subject_is_mirrored_turned_scaled_and_moved_a_little():
    merging = AGA().merging
    assert (merging.flip_probability, merging.max_rotation, merging.scale, merging.shift) == (0.5, 15, (0.8, 1.2), 0.1)
    assert (merging.edge, merging.harmonise, merging.in_place, merging.match_grey) == ("hard", 0, False, False)
    placement = Placement()
    assert (placement.flip, placement.rotation, placement.scale, placement.shift) == (False, 0, 1, (0, 0))


def test_each_part_works_on_what_the_one_before_has_made(store, disc_records):
    aga = recipe()
    (made,) = make(aga, requests(disc_records[:1]), store, disc_records)
    (sample,), (prompt,), (scene,) = aga.detector.seen, aga.captioner.asked, aga.painter.scenes
    assert sample.record.superclass == "fruit"
    assert np.array_equal(sample.image, pixels(disc_records[0]))
    assert aga.segmenter.seen == [sample]
    assert scene.caption.text == f"seen: {prompt.spatial} {prompt.temporal}" == made.facts["caption"]
    assert (scene.size, scene.source) == ((48, 48), store.digest(disc_records[0].path))
    background = decode_rgb(encode_jpeg(Speckles()._paint(48, 48, scene.seed)))
    expected = background.copy()
    expected[12:36, 12:36] = sample.image[12:36, 12:36]
    assert np.array_equal(made.image, expected)
    assert made.facts["box"] == [12, 12, 36, 36]
    assert made.facts["score"] == 0.8


def test_no_caption_is_asked_of_a_background_that_follows_none(store, disc_records):
    aga = recipe(painter=FlatColour())
    made = make(aga, requests(disc_records[:1]), store, disc_records)[0]
    assert made.facts["caption"] == "one colour" and "spatial" not in made.facts
    assert not aga.captioner.asked


def test_a_subject_is_isolated_once_for_all_its_variants(store, disc_records):
    aga = recipe()
    make(aga, requests(disc_records, degree=3), store, disc_records)
    assert calls(aga) == {"detector": 8, "segmenter": 8, "captioner": 24, "painter": 24}


@pytest.mark.parametrize(
    ("changed", "asked_again"),
    [
        ({}, set()),
        ({"merging": Merging(max_rotation=30)}, set()),
        ({"gates": []}, set()),
        ({"painter": Speckles(brightest=99)}, {"painter"}),
        ({"captioner": Echo("so:")}, {"captioner", "painter"}),
        ({"segmenter": BoxFiller(inset=1)}, {"detector", "segmenter"}),
        ({"detector": Finder(margin=10)}, {"detector", "segmenter"}),
        ({"prompts": PromptEngine(temporal=["at noon"])}, {"captioner", "painter"}),
        ({"prompts": PromptEngine(avoid=["teapot"])}, {"captioner", "painter"}),
    ],
)
def test_a_changed_part_repeats_nothing_that_came_before(store, disc_records, changed, asked_again):
    make(recipe(), requests(disc_records[:1]), store, disc_records)
    again = recipe(**changed)
    make(again, requests(disc_records[:1]), store, disc_records)
    assert {part for part, count in calls(again).items() if count} == asked_again


def test_that_there_is_no_subject_is_remembered_too(store, disc_records):
    for aga, looked in ((recipe(detector=Blind()), 1), (recipe(detector=Blind()), 0)):
        (outcome,) = make(aga, requests(disc_records[:1]), store, disc_records)
        assert outcome == Rejected(requests(disc_records)[0], "no subject was found: no fruit could be isolated")
        assert calls(aga) == {"detector": looked, "segmenter": 0, "captioner": 0, "painter": 0}


@pytest.mark.parametrize(
    ("gate", "wasted"),
    [
        (SubjectRefusal(), {"captioner": 0, "painter": 0}),
        (CaptionRefusal(), {"captioner": 1, "painter": 0}),
        (BackgroundRefusal(), {"captioner": 1, "painter": 1}),
        (ImageRefusal(), {"captioner": 1, "painter": 1}),
    ],
)
def test_a_gate_rejects_with_its_reason_before_the_next_stage(store, disc_records, gate, wasted):
    aga = recipe(gates=[gate])
    asked = requests(disc_records[:1])
    assert make(aga, asked, store, disc_records) == [Rejected(asked[0], f"the {gate.stage} will not do")]
    assert calls(aga) == {"detector": 1, "segmenter": 1} | wasted


def test_the_training_classes_are_the_words_to_avoid(store, disc_records):
    aga = recipe(captioner=Echo("ripe limes,"))
    (outcome,) = make(aga, requests(disc_records[:1]), store, disc_records)
    assert {"lime", "limes", "plum", "fruit"} <= set(aga.learned()["avoid"])
    assert aga.captioner.asked[0].avoid == tuple(aga.learned()["avoid"])
    assert 'a word to avoid: "lime' in outcome.reason
    only_plums = recipe(captioner=Echo("ripe limes,"))
    (made,) = make(only_plums, requests(disc_records[:1]), store, disc_records[:4])
    assert made.facts["caption"].startswith("ripe limes")


def test_a_still_subject_keeps_its_pixels_and_loses_its_background(store, disc_records):
    aga = real_recipe()
    outcomes = make(aga, requests(disc_records, degree=2), store, disc_records)
    assert all(isinstance(outcome, Augmented) for outcome in outcomes)
    for outcome in outcomes:
        source = pixels(outcome.request.record)
        mask = aga.subject(outcome.request.record, store)[1].mask
        assert 0.1 < mask.mean() < 0.5
        assert np.array_equal(outcome.image[mask], source[mask])
        stored = decode_rgb(encode_jpeg(outcome.image)).astype(int)
        inside = cv2.erode(mask.astype(np.uint8), np.ones((3, 3))) > 0
        assert np.abs(stored - source)[inside].mean() < 3
        assert np.abs(outcome.image.astype(int) - source)[~mask].mean() > 15
    assert not np.array_equal(outcomes[0].image, outcomes[1].image)


def test_no_caption_names_what_it_should_not(store, disc_records):
    aga = real_recipe()
    captions = {made.facts["caption"] for made in make(aga, requests(disc_records, 3), store, disc_records)}
    assert len(captions) > 12
    assert not any(mentions(caption, aga.learned()["avoid"]) for caption in captions)


def test_what_is_kept_of_a_request_is_what_it_was_made_from(store, disc_records):
    aga = AGA(segmenter=GrabCut(size=48), attempts=2)
    aga.prepare(disc_records, store)
    request = Request(disc_records[0], 1)
    before = aga.kept(request, store)
    assert before.subject is before.caption is before.background is None
    (made,) = aga.augment([request], store)
    after = aga.kept(request, store)
    assert np.array_equal(after.subject.mask, aga.subject(disc_records[0], store)[1].mask)
    assert after.caption.text == made.facts["caption"]
    assert after.background.shape == after.sample.image.shape
    other = aga.kept(Request(disc_records[0], 0), store)
    assert other.subject is not None and other.caption is None


def test_recombining_keeps_the_subject_and_takes_the_others_background(store, disc_records):
    aga = recipe(painter=FlatColour())
    mine, other = requests([disc_records[0], disc_records[-1]])
    first, donor = make(aga, [mine, other], store, disc_records)
    made = aga.recombine(mine, other, 5, store)
    inside = np.zeros((48, 48), bool)
    inside[12:36, 12:36] = True
    assert made.request == mine
    assert np.array_equal(made.image[inside], pixels(disc_records[0])[inside])
    assert np.array_equal(made.image[~inside], donor.image[~inside])
    assert not np.array_equal(made.image[~inside], first.image[~inside])
    assert made.facts["caption"] == donor.facts["caption"]


def test_a_subject_that_would_not_be_seen_is_rejected(store, disc_records):
    aga = recipe(detector=Finder(margin=3), merging=Merging(size=(0.02, 0.02)), max_side=12)
    mine, other = requests(disc_records[:2])
    for made in (*make(aga, [mine, other], store, disc_records), aga.recombine(mine, other, 5, store)):
        assert isinstance(made, Rejected) and made.reason == "the subject became smaller than a pixel where it was put"


def test_recombining_draws_its_placement_from_the_seed_and_asks_no_part_again(store, disc_records):
    aga = recipe(merging=Merging())
    mine, other = requests(disc_records[:2])
    make(aga, [mine, other], store, disc_records)
    before = calls(aga)
    one, same, another = (aga.recombine(mine, other, seed, store).image for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, another)
    assert calls(aga) == before


def test_recombining_fills_the_frame_with_a_background_of_another_shape(store, tmp_path):
    shapes = {"wide": (90, 40), "tall": (30, 70)}
    records = []
    for name, size in shapes.items():
        Image.new("RGB", size, "olive").save(tmp_path / f"{name}.png")
        records.append(ImageRecord(tmp_path / f"{name}.png", 0, "plum", "fruit"))
    aga = recipe(painter=FlatColour(), detector=Finder(margin=8))
    mine, other = requests(records)
    donor = make(aga, [mine, other], store, records)[1]
    made = aga.recombine(mine, other, 0, store)
    assert made.image.shape == (40, 90, 3)
    assert np.abs(made.image[:8].astype(int) - donor.image[0, 0]).max() <= 1


def test_recombining_rejects_a_subject_that_no_gate_would_pass(store, disc_records):
    mine, other = requests(disc_records[:2])
    for aga, reason in (
        (recipe(gates=[SubjectRefusal()]), "the subject will not do"),
        (recipe(gates=[ImageRefusal()]), "the image will not do"),
        (recipe(detector=Blind()), "no subject was found: no fruit could be isolated"),
    ):
        aga.prepare(disc_records, store)
        assert aga.recombine(mine, other, 0, store) == Rejected(mine, reason)


def test_a_painter_that_borrows_is_lent_the_training_photos_and_no_others(store, disc_records):
    training, held_out = disc_records[:3], disc_records[3:]
    aga = recipe(painter=Borrower())
    make(aga, requests(training), store, training)
    offered = aga.painter.training
    samples, subjects = zip(*(offered[index] for index in range(len(offered))), strict=True)
    assert [sample.record for sample in samples] == training
    assert all(subject.mask.any() for subject in subjects)
    assert {sample.record for sample in aga.detector.seen}.isdisjoint(held_out)


@pytest.mark.parametrize(
    "changed",
    [{"detector": Finder(margin=10)}, {"segmenter": BoxFiller(inset=1)}, {"max_side": 40}],
    ids=lambda changed: next(iter(changed)),
)
def test_what_was_borrowed_is_part_of_the_key(store, disc_records, changed):
    aga = recipe(painter=Borrower())
    make(aga, requests(disc_records[:1]), store, disc_records)
    same, other, fewer = recipe(painter=Borrower()), recipe(painter=Borrower(), **changed), recipe(painter=Borrower())
    for again, photos in ((same, disc_records), (other, disc_records), (fewer, disc_records[:-1])):
        make(again, requests(disc_records[:1]), store, photos)
    assert same.learned() == aga.learned()
    assert not same.painter.scenes
    assert other.learned() != aga.learned() != fewer.learned()
    assert other.painter.scenes and fewer.painter.scenes


class Student(ImageRefusal):
    """Learns from the training images; keeps what it was shown."""

    learns = True

    def learn(self, training):
        self.shown = [training[index] for index in range(len(training))]


@pytest.fixture
def empty_records(tmp_path):
    """Frames without a disc, two of each of two cameras, the second by night."""
    rng = np.random.default_rng(5)
    records = []
    for number in range(4):
        picture = rng.integers(60, 200, (48, 48, 3), dtype=np.uint8)
        if number > 1:
            picture = np.repeat(picture[..., :1] // 4, 3, axis=2)
        Image.fromarray(picture).save(tmp_path / f"empty_{number}.png")
        records.append(ImageRecord(tmp_path / f"empty_{number}.png", 2, "clearing", "", group=f"camera {number // 2}"))
    return records


def test_nothing_is_asked_about_photos_without_a_subject(store, disc_records, empty_records):
    gate = Student()
    aga = recipe(painter=Borrower(), bank=BackgroundBank(size=8, max_reuse=1), gates=[gate])
    make(aga, requests(disc_records), store, disc_records + empty_records)  # whose bank serves eight photos only
    lent = aga.painter.training
    assert [record.path for record in lent.records] == [record.path for record in disc_records + empty_records]
    assert lent.digests == [store.digest(record.path) for record in lent.records]
    for number in range(8, 12):
        sample, subject = lent[number]
        assert subject is None and sample.record == empty_records[number - 8]
        assert np.array_equal(sample.image, lent.sample(number).image)
    assert [sample.record for sample, _ in gate.shown] == disc_records + empty_records  # a class like the others
    assert {sample.record for sample in aga.detector.seen + aga.segmenter.seen} == set(disc_records)
    assert not {"clearing", "clearings"} & set(aga.learned()["avoid"])
    assert len(aga.captioner.asked) == 8


@pytest.mark.parametrize(("parts", "known"), [({"bank": BackgroundBank(size=4)}, 1), ({"gates": [Student()]}, 2)])
def test_photos_without_a_subject_are_part_of_the_key_where_they_are_used(
    store, disc_records, empty_records, parts, known
):
    learned = []
    for records in (disc_records, disc_records + empty_records):
        aga = recipe(**({"gates": []} | parts))
        aga.prepare(records, store)
        learned.append(str(aga.learned()))
    assert len(set(learned)) == known


def test_the_groups_of_borrowed_photos_are_part_of_the_key(store, disc_records, empty_records):
    known = []
    for group in ("camera 0", "camera 1", ""):
        aga = recipe(painter=Borrower())
        aga.prepare([*disc_records, replace(empty_records[0], group=group)], store)
        known.append(aga.learned()["borrowed"])
    assert len(set(known)) == 3


def test_a_frame_of_the_night_gets_an_empty_one_of_its_camera(store, tmp_path, disc_records, empty_records):
    night = np.repeat(pixels(disc_records[0])[..., :1] // 3, 3, axis=2)
    Image.fromarray(night).save(tmp_path / "night.png")
    training = [
        replace(disc_records[1], group="camera 0"),
        replace(disc_records[2], path=tmp_path / "night.png", group="camera 1"),
        *empty_records,
    ]
    merging = Merging(flip_probability=0.0, in_place=True, match_grey=True)
    aga = recipe(painter=EmptyFrames(), merging=merging, gates=None)
    outcomes = make(aga, requests(training[:2], degree=4), store, training)
    inside = np.zeros((48, 48), bool)
    inside[12:36, 12:36] = True
    for outcome in outcomes:
        record = outcome.request.record
        frames = [pixels(empty) for empty in empty_records if empty.group == record.group]
        background = aga.kept(outcome.request, store).background
        errors = [np.abs(background.astype(int) - frame).mean() for frame in frames]
        assert min(errors) < 4, "kept as JPEG, and otherwise one of the camera's own"
        assert is_grey(outcome.image) == (record.path.name == "night.png")
        assert np.array_equal(outcome.image[inside], pixels(record)[inside])
    assert {sample.record.superclass for sample in aga.detector.seen} == {"fruit"}
    with pytest.raises(DatasetError, match="setting superclasses"):
        recipe(painter=EmptyFrames()).prepare(disc_records, store)
