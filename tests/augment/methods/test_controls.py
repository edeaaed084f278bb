"""The controls: what stands behind the subject of each, and that all else is AGA's."""

import cv2
import numpy as np
import pytest
from PIL import Image
from tiny.blots import blots
from tiny.costly import CostlyDetector, CostlyGate, CostlySegmenter, calls

import aga_lightning.augment.engine.isolation
from aga_lightning.augment.base import Augmented, Caption, Detection, Gate, Rejected, Request, Segmenter, Subject
from aga_lightning.augment.compositing import Merging
from aga_lightning.augment.detectors.embedded import DatasetBoxes
from aga_lightning.augment.engine.runner import Runner
from aga_lightning.augment.engine.scenery import Backgrounds
from aga_lightning.augment.engine.store import Store
from aga_lightning.augment.gates.embedded import BlankBackground, MaskSanity
from aga_lightning.augment.methods.aga import AGA
from aga_lightning.augment.methods.controls import (
    BackgroundSwap,
    BlurredBackground,
    MeanColourBackground,
    OwnBackground,
)
from aga_lightning.augment.painters.donors import widen
from aga_lightning.augment.painters.flat import FlatColour
from aga_lightning.augment.texts import NOTHING_ASKED
from aga_lightning.images.codec import decode_rgb, encode_jpeg
from aga_lightning.images.records import ImageRecord

SIZE = 96, 72
BOX = (30, 20, 60, 50)
TONES = {"plum": (160, 60, 160), "lime": (60, 160, 60), "sky": (60, 110, 190)}
STILL = Merging(flip_probability=0.0, in_place=True)
ARMS = {
    "mean of all": lambda **parts: MeanColourBackground(**parts),
    "mean of each": lambda **parts: MeanColourBackground(of="image", **parts),
    "blurred": lambda **parts: BlurredBackground(**parts),
    "own": lambda **parts: OwnBackground(**parts),
    "swap": lambda **parts: BackgroundSwap(**parts),
    "swap, same": lambda **parts: BackgroundSwap(backgrounds="same", **parts),
    "swap, other": lambda **parts: BackgroundSwap(backgrounds="other", **parts),
}


class BoxFiller(Segmenter):
    """The whole box, or with `halves` its left and its right half as two instances."""

    def __init__(self, halves=False):
        self.halves = halves

    def segment(self, samples, detections):
        return [
            self._subject(sample.image.shape[:2], boxes[0]) for sample, boxes in zip(samples, detections, strict=True)
        ]

    def _subject(self, shape, found):
        left, top, right, bottom = (int(edge) for edge in found.box)
        middle = (left + right) // 2

        def part(start, stop):
            mask = np.zeros(shape, bool)
            mask[top:bottom, start:stop] = True
            return Subject(mask, Detection((start, top, stop, bottom), 1.0), 0.8)

        whole = part(left, right)
        instances = (part(left, middle), part(middle, right)) if self.halves else ()
        return Subject(whole.mask, whole.detection, 0.8, instances)


class Left(Gate):
    """Objects to the instance on the left."""

    stage = "subject"

    def objection(self, draft):
        return "it is on the left" if draft.subject.mask[:, 35].any() else None


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Three photos of each of three classes: blots in the class's colour, a striped square before them."""
    root = tmp_path_factory.mktemp("photos")
    records = []
    for label, (name, tone) in enumerate(TONES.items()):
        for number in range(3):
            blot = np.array(blots(10 * label + number, SIZE)).astype(float)
            grain = np.random.default_rng(number).normal(0, 6, blot.shape)
            image = np.clip(np.array(tone) + 0.25 * (blot - blot.mean((0, 1))) + grain, 0, 255).astype(np.uint8)
            image[20:50, 30:60] = np.where(np.arange(30) % 4 < 2, 250, 5)[None, :, None]
            path = root / f"{name}_{number}.png"
            Image.fromarray(image).save(path)
            records.append(ImageRecord(path, label, name, "fruit", box=BOX))
    return records


def arm(kind, **parts):
    return ARMS[kind](**({"detector": DatasetBoxes(), "segmenter": BoxFiller(), "merging": STILL} | parts))


def requests(records, degree=1):
    return [Request(record, variant) for record in records for variant in range(degree)]


def make(augmenter, asked, store, training):
    augmenter.prepare(training, store)
    return list(augmenter.augment(asked, store))


def pixels(record):
    return np.asarray(Image.open(record.path))


def subject_mask():
    mask = np.zeros(SIZE[::-1], bool)
    mask[BOX[1] : BOX[3], BOX[0] : BOX[2]] = True
    return mask


def background_class(image):
    """The class whose colour the background has."""
    colour = image[~widen(subject_mask(), 0.0)].mean(0)
    return min(TONES, key=lambda name: np.abs(colour - TONES[name]).max())


def high_frequencies(image, where):
    """Energy of what a 5 x 5 median does not keep."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return float((grey.astype(float) - cv2.medianBlur(grey, 5))[where].var())


MOVED = Merging(max_rotation=0.0, scale=(1.0, 1.0))


@pytest.fixture(scope="module")
def by_aga(photos, tmp_path_factory):
    """What AGA makes of a photo of each class, before one colour each."""
    parts = {"detector": DatasetBoxes(), "segmenter": BoxFiller(), "merging": MOVED, "gates": []}
    return make(
        AGA(painter=FlatColour(), **parts), requests(photos[::3], 2), Store(tmp_path_factory.mktemp("aga")), photos
    )


@pytest.mark.parametrize("kind", ARMS)
def test_the_subject_is_placed_as_aga_places_it(kind, by_aga, photos, store):
    ours = make(arm(kind, merging=MOVED, gates=[]), requests(photos[::3], 2), store, photos)
    stripes = 0
    for one, other in zip(ours, by_aga, strict=True):
        # Whole pixels of the subject are moved: where AGA shows one of its two tones, so does the control.
        shown = np.isin(other.image, (5, 250)).all(-1)
        assert np.array_equal(one.image[shown], other.image[shown])
        stripes += shown.sum()
        assert one.facts["box"] == other.facts["box"] == list(BOX) and one.facts["score"] == 0.8
    assert stripes >= 6 * 900


@pytest.mark.parametrize("kind", ARMS)
def test_the_facts_tell_what_stands_behind_and_of_no_caption(kind, photos, store):
    (made,) = make(arm(kind), requests(photos[:1]), store, photos)
    assert set(made.facts) == {"caption", "box", "score"}
    assert any(word in made.facts["caption"] for word in ("own background", "training image"))
    assert not [part for part in vars(arm(kind)) if "prompt" in part or "caption" in part]


def own_background(record, training, store):
    """What the painter of `OwnBackground` paints for a record, before it is written as JPEG."""
    own = arm("own")
    own.prepare(training, store)
    (step,) = (step for step in own.all_steps if isinstance(step, Backgrounds))
    plan = Runner(store).plan(step, requests([record])[0])
    return step.make([plan], [Caption("", NOTHING_ASKED)])[0]


def test_before_its_own_background_a_subject_that_has_not_moved_makes_the_photo_again(photos, store):
    near = widen(widen(subject_mask(), 0.04), 0.0)  # 2 pixels of margin, 2 of seam
    # The background is kept as JPEG, which looks at 8 x 8 pixels together, and at no others.
    blocks = near.reshape(9, 8, 12, 8).any((1, 3)).repeat(8, 0).repeat(8, 1)
    for record, made in zip(photos[::3], make(arm("own"), requests(photos[::3]), store, photos), strict=True):
        source = pixels(record)
        assert np.array_equal(made.image[subject_mask()], source[subject_mask()])
        assert np.array_equal(made.image[~blocks], decode_rgb(encode_jpeg(source))[~blocks])
        painted = own_background(record, photos, store)
        assert np.array_equal(painted[~near], source[~near]), "the background was changed beside the hole"
        stripes = high_frequencies(source, subject_mask())
        assert high_frequencies(painted, subject_mask()) < 0.02 * stripes, "the subject is still there"


def test_one_mean_colour_for_all_tells_nothing(photos, store):
    outcomes = make(arm("mean of all"), requests(photos[::2], 2), store, photos)
    assert len({made.image[~subject_mask()].tobytes() for made in outcomes}) == 1
    far = ~(cv2.dilate(subject_mask().astype(np.uint8), np.ones((13, 13))) > 0)  # 0.12 diagonals: 5.1 pixels
    by_hand = np.mean([pixels(record)[far].mean(0) for record in photos], axis=0)
    assert np.abs(outcomes[0].image[~subject_mask()].mean(0) - by_hand).max() < 1.5


def test_the_mean_of_each_photo_keeps_its_colour_and_nothing_else(photos, store):
    chosen = photos[::3]
    for record, made in zip(chosen, make(arm("mean of each"), requests(chosen), store, photos), strict=True):
        outside = made.image[~subject_mask()]
        assert (outside == outside[0]).all()
        assert background_class(made.image) == record.class_name


def test_a_blurred_background_has_lost_its_detail_and_the_subject_none(photos, store):
    far = ~(cv2.dilate(subject_mask().astype(np.uint8), np.ones((9, 9))) > 0)
    for record, made in zip(photos[::3], make(arm("blurred"), requests(photos[::3]), store, photos), strict=True):
        source = pixels(record)
        assert np.array_equal(made.image[subject_mask()], source[subject_mask()])
        assert high_frequencies(made.image, far) < 0.05 * high_frequencies(source, far)
        low = cv2.GaussianBlur(source.astype(float), (0, 0), 12)[far]
        assert np.corrcoef(cv2.GaussianBlur(made.image.astype(float), (0, 0), 12)[far].ravel(), low.ravel())[0, 1] > 0.9


@pytest.mark.parametrize(("whose", "own_class"), [("swap, same", {True}), ("swap, other", {False})])
def test_swapped_backgrounds_are_of_the_classes_that_were_asked_for(whose, own_class, photos, store):
    outcomes = make(arm(whose), requests(photos, 3), store, photos)
    seen = {(made.request.record.class_name, background_class(made.image)) for made in outcomes}
    assert {subject == behind for subject, behind in seen} == own_class
    assert len(seen) == {"swap, same": 3, "swap, other": 6}[whose]


def test_swapped_backgrounds_are_of_all_classes_and_never_ones_own(photos, store):
    outcomes = make(arm("swap"), requests(photos[::3], 6), store, photos)
    seen = {(made.request.record.class_name, background_class(made.image)) for made in outcomes}
    assert {subject == behind for subject, behind in seen} == {True, False}
    assert {behind for _, behind in seen} == set(TONES)
    for made in outcomes:
        far = ~widen(subject_mask(), 0.2)
        assert np.abs(made.image.astype(int) - pixels(made.request.record))[far].mean() > 3


@pytest.mark.parametrize("kind", ARMS)
def test_no_image_but_those_of_the_training_set_is_opened(kind, photos, store, monkeypatch):
    opened = []
    load = aga_lightning.augment.engine.isolation.load_sample
    monkeypatch.setattr(
        aga_lightning.augment.engine.isolation,
        "load_sample",
        lambda record, *rest: opened.append(record) or load(record, *rest),
    )
    training = [record for record in photos if not record.path.stem.endswith("_2")]
    outcomes = make(arm(kind), requests(training), store, training)
    assert all(isinstance(made, Augmented) for made in outcomes)
    assert set(opened) == set(training)


@pytest.mark.parametrize("kind", ARMS)
def test_neither_order_nor_company_changes_an_image(kind, photos, store, tmp_path):
    together = make(arm(kind, merging=Merging()), requests(photos[::4], 2), store, photos)
    again = arm(kind, merging=Merging())
    again.prepare(photos, elsewhere := Store(tmp_path / "elsewhere"))
    for made in reversed(together[::2]):
        (alone,) = again.augment([made.request], elsewhere)
        assert alone.image.tobytes() == made.image.tobytes()
        assert alone.facts == made.facts


@pytest.mark.parametrize("kind", ARMS)
def test_a_fresh_pairing_keeps_what_the_control_is_about(kind, photos, store):
    control = arm(kind)
    control.prepare(photos, store)
    plum, lime = photos[0], photos[4]
    made = control.recombine(Request(plum, 0), Request(lime, 1), 7, store)
    (behind,) = control.augment([Request(lime, 1) if kind == "swap" else Request(plum, 1)], store)
    outside = ~subject_mask()
    assert np.array_equal(made.image[outside], behind.image[outside])
    assert np.array_equal(made.image[subject_mask()], pixels(plum)[subject_mask()])
    assert isinstance(arm(kind, gates=[Left()]).recombine(Request(plum, 0), Request(lime, 1), 7, store), Rejected)


@pytest.mark.parametrize("kind", ["mean of each", "blurred", "own"])
def test_an_instance_that_is_accepted_gets_its_own_background_whatever_was_said_of_another(kind, photos, store):
    control = arm(kind, segmenter=BoxFiller(halves=True), gates=[Left()])
    first, second = make(control, requests(photos[:1], 2), store, photos)
    assert first == Rejected(Request(photos[0], 0), "it is on the left")
    right = np.zeros(SIZE[::-1], bool)
    right[20:50, 45:60] = True
    assert np.array_equal(second.image[right], pixels(photos[0])[right])
    left = subject_mask() & ~widen(right, 0.0)
    assert high_frequencies(second.image, left) < 0.02 * high_frequencies(pixels(photos[0]), left), "it is still there"


def test_a_gate_against_blank_backgrounds_is_no_gate_for_one_colour(photos, store):
    gates = [MaskSanity(), BlankBackground()]
    (made,) = make(arm("mean of all", gates=gates), requests(photos[:1]), store, photos)
    assert isinstance(made, Augmented)
    assert [type(gate) for gate in arm("mean of all", gates=gates).gates] == [MaskSanity]
    assert [type(gate) for gate in arm("own", gates=gates).gates] == [MaskSanity, BlankBackground]


def test_settings_of_the_painter_and_the_photos_it_borrows_are_part_of_the_key(photos, store):
    known = []
    for control in (
        OwnBackground(),
        OwnBackground(margin=0.1),
        BlurredBackground(),
        BackgroundSwap(backgrounds="same"),
    ):
        control.prepare(photos, store)
        known.append(control.learned())
    fewer = OwnBackground()
    fewer.prepare(photos[1:], store)
    assert fewer.learned() != known[0]
    assert len({str(one) for one in known}) == 4
    with pytest.raises(ValueError, match="OwnBackground"):
        BlurredBackground(sigma=0.0)


@pytest.mark.parametrize("kind", ["mean of all", "own", "swap"])
def test_models_are_asked_in_stages_and_once_for_each_photo(kind, photos, store, tmp_path):
    log = tmp_path / "log"
    parts = {"detector": CostlyDetector, "segmenter": CostlySegmenter, "gates": CostlyGate}
    costly = {role: part(str(log)) for role, part in parts.items()}
    control = arm(kind, **(costly | {"gates": [costly["gates"]]}))
    control.prepare(photos, store)
    asked = requests(photos[::2])
    stages = control.stages(store)
    assert [stage.name for stage in stages] == ["boxes", "subjects", "verdicts"]
    for stage in stages:
        units = stage.pending(asked, store)
        stage.advance(units, [stage.load(unit) for unit in units], store)
    before = calls(log)
    assert before["judge"] == 5
    assert all(isinstance(made, Augmented) for made in control.augment(asked, store))
    after = calls(log)
    assert kind != "own" or after == before, "a model was asked again"
    fewest, most = {"mean of all": (9, 9), "own": (5, 5), "swap": (6, 9)}[kind]
    assert fewest <= after["detect"] == after["segment"] <= most
