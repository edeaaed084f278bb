"""A method with one picture a request, made by parts that write down what they are asked."""

from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image
from tiny.costly import (
    CostlyDetector,
    CostlyEditor,
    CostlyImageGate,
    CostlyPainter,
    CostlySegmenter,
    calls,
    completed,
    entries,
    images,
)

from aga_lightning.augment.base import Detector, Gate, Request, Segmenter
from aga_lightning.augment.detectors.embedded import CentrePrior
from aga_lightning.augment.editors.diffusion import DiffusionEditor
from aga_lightning.augment.engine.accepting import Accept
from aga_lightning.augment.engine.collection import Collection
from aga_lightning.augment.engine.generation import fill
from aga_lightning.augment.engine.isolation import Boxes, Photo, Subjects
from aga_lightning.augment.engine.method import Method
from aga_lightning.augment.engine.pictures import Pictures, Result, checked_strength
from aga_lightning.augment.engine.runner import Runner
from aga_lightning.augment.engine.scenery import Texts
from aga_lightning.augment.engine.step import Step
from aga_lightning.augment.engine.store import Store
from aga_lightning.augment.engine.workload import workload
from aga_lightning.augment.gates.embedded import MaskSanity
from aga_lightning.augment.painters.flat import FlatColour
from aga_lightning.augment.segmenters.embedded import GrabCut
from aga_lightning.images.codec import decode_rgb, encode_jpeg
from aga_lightning.images.records import ImageRecord


class Studio(Method):
    """Says one thing of every picture, and leaves the subject closed where it isolates one."""

    maker: object
    gates: Sequence[Gate] = ()
    text: str = "a fruit"
    strengths: Sequence[float] = (1.0,)
    isolates: bool = False
    detector: Detector = CentrePrior()
    segmenter: Segmenter = GrabCut()
    max_side: int | None = None

    def steps(self):
        photo, texts = Photo(self.max_side), Texts(f"{self.text} {{class}}")
        subject = opening = None
        if self.isolates:
            subjects = Subjects(self.segmenter, photo, Boxes(self.detector, photo))
            subject = Accept("subject", self.gates, subjects, photo)
            opening = Around(subject)
        pictures = Pictures(self.maker, photo, texts, self.max_side, opening, self.strengths)
        return Accept("image", self.gates, Result(photo, texts, pictures, subject))


class Around(Step):
    """All but the subject may change."""

    def make(self, plans, *inputs):
        return [~subject.mask for subject in inputs[0]]


class Student(Gate):
    """Learns how many photos there are of what, and objects to photos of limes."""

    stage = "image"
    learns = True

    def learn(self, training):
        self.shown = [training[index] for index in range(len(training))]

    def objection(self, draft):
        assert self.shown
        return "a lime" if draft.sample.record.class_name == "lime" else None


@pytest.fixture
def isolated(log):
    """The settings of a studio that looks for subjects."""
    return {"isolates": True, "detector": CostlyDetector(str(log)), "segmenter": CostlySegmenter(str(log))}


@pytest.fixture
def opened(tmp_path, disc_records):
    def opened(method, degree=3, name="cache", records=disc_records[::2]):
        return Collection(method, Store(tmp_path / name), records, degree, 0)

    return opened


@pytest.mark.parametrize("kind", ["painter", "editor", "isolating"])
def test_stages_and_single_requests_make_the_same_bytes(opened, log, isolated, kind):
    maker = CostlyPainter(str(log)) if kind == "painter" else CostlyEditor(str(log))
    gates = [MaskSanity(), CostlyImageGate(str(log))]
    method = Studio(maker=maker, gates=gates, strengths=[0.5], **(isolated if kind == "isolating" else {}))
    staged = opened(method)
    completed(staged)
    single = opened(method, name="other")
    for requests in single.pending()[::-1]:
        single.make(requests[::-1])
    assert images(staged) == images(single) != {}
    assert staged.rejections() == single.rejections() != {}


def test_each_picture_is_made_once_with_one_model_in_memory(opened, log, isolated):
    method = Studio(maker=CostlyEditor(str(log)), gates=[CostlyImageGate(str(log))], **isolated)
    for _ in range(2):
        completed(opened(method))
    assert calls(log) == {"detect": 4, "segment": 4, "edit": 12, "judge": 12, "load": 4, "release": 4}
    moves = [entry.split()[1] for entry in entries(log) if entry.split()[1] in ("load", "release")]
    assert moves == ["load", "release"] * 4


def test_the_key_holds_what_decides_the_picture(tmp_path, log, disc_records, isolated):
    store, request = Store(tmp_path / "cache"), Request(disc_records[0], 0)

    def key(request=request, maker=None, **settings):
        method = Studio(maker=maker or CostlyEditor(str(log)), **settings)
        (pictures,) = (step for step in method.all_steps if isinstance(step, Pictures))
        return Runner(store).key(pictures, request)

    base = key()
    assert base == key(maker=CostlyEditor(str(log), 7)) == key(gates=[MaskSanity()])
    assert key(maker=DiffusionEditor()) == key(maker=DiffusionEditor(batch_size=1))
    changed = [
        key(maker=DiffusionEditor()),
        key(maker=DiffusionEditor(weights="somewhere/else")),
        key(text="a tree"),
        key(strengths=[0.5]),
        key(max_side=40),
        key(Request(disc_records[0], 1)),
        key(Request(disc_records[0], 0, seed=1)),
        key(Request(disc_records[1], 0)),
        key(**isolated),
        key(**{**isolated, "detector": CostlyDetector(str(log), blind_above=9.0)}),
    ]
    assert len({base, *changed}) == 11
    Image.new("RGB", (48, 48), "teal").save(disc_records[0].path)
    store = Store(tmp_path / "cache")
    assert key() != base


@pytest.mark.parametrize("isolating", [False, True], ids=["whole", "isolating"])
def test_an_unreadable_image_is_rejected_and_not_tried_again(opened, log, isolated, disc_records, isolating):
    disc_records[0].path.write_bytes(b"no image at all")
    method = Studio(maker=CostlyEditor(str(log)), gates=[CostlyImageGate(str(log))], **(isolated if isolating else {}))
    for _ in range(2):
        collection = opened(method, records=disc_records[:2])
        completed(collection)
        for stage in method.stages(collection.store):
            assert stage.pending(collection.requests, collection.store) == []
    assert calls(log)["edit"] == 3
    assert sum(collection.rejections().values()) >= 3
    assert disc_records[0].path.name in collection.find(collection.requests[0]).reason


def test_a_mask_that_is_mended_lets_the_picture_be_made(opened, log, disc_records, tmp_path):
    mask = tmp_path / "mask.png"
    mask.write_bytes(b"no image at all")
    records = [ImageRecord(disc_records[0].path, 0, "plum", "fruit", mask_path=mask)]
    method = Studio(maker=CostlyEditor(str(log)))
    broken = opened(method, degree=1, records=records)
    completed(broken)
    assert "mask.png" in broken.find(broken.requests[0]).reason
    Image.new("L", (48, 48), 255).save(mask)
    mended = opened(method, degree=1, records=records)
    completed(mended)
    assert mended.find(mended.requests[0]).path is not None


def test_gates_without_a_model_see_the_pictures_too(opened, log):
    student = Student()
    collection = opened(Studio(maker=CostlyEditor(str(log)), gates=[student]))
    completed(collection)
    assert dict(collection.rejections()) == {"a lime": 6} and len(images(collection)) == 6
    assert [subject for _, subject in student.shown] == [None] * 4
    assert [sample.record for sample, _ in student.shown] == collection.records


def test_what_gates_learn_from_is_part_of_the_key(opened, log, disc_records):
    names = {
        opened(Studio(maker=CostlyEditor(str(log)), gates=gates), records=records).name
        for records in (disc_records, disc_records[:-1])
        for gates in ([Student()], [])
    }
    assert len(names) == 3


def test_the_picture_changes_where_it_may_and_is_looked_up_and_not_made(opened, log, isolated, disc_records):
    method = Studio(maker=CostlyEditor(str(log)), **isolated)
    collection = opened(method)
    request = collection.requests[0]
    before = method.kept(request, collection.store)
    assert (before.subject, before.image, before.caption.text) == (None, None, "a fruit plum")
    assert calls(log) == {}
    (made,) = method.augment([request], collection.store)
    source = np.asarray(Image.open(disc_records[0].path).convert("RGB")).astype(int)
    difference = np.abs(made.image - source)
    assert difference[14:34, 14:34].mean() < 15, "closed, and kept as JPEG"
    assert difference[:10].mean() > 40
    assert made.facts == {"caption": "a fruit plum", "box": [12, 12, 36, 36], "score": 0.9}
    after = method.kept(request, collection.store)
    assert np.array_equal(after.image, made.image) and after.subject.mask.sum() == 24 * 24
    assert calls(log)["edit"] == 1


def test_painted_pictures_have_their_own_size_but_for_what_is_too_large(opened, log):
    for limit, size in ((None, 40), (512, 40), (30, 30)):
        collection = opened(Studio(maker=CostlyPainter(str(log)), max_side=limit), degree=1)
        fill(collection, images=False)
        made = list(collection.augmenter.augment(collection.requests, collection.store))
        assert {one.image.shape for one in made} == {(size, size, 3)}, "each limit has pictures of its own"


def test_a_painter_without_a_size_of_its_own_paints_at_the_images(opened, disc_records):
    Image.new("RGB", (80, 60), "teal").save(disc_records[0].path)
    collection = opened(Studio(maker=FlatColour(), max_side=40), degree=1, records=disc_records[:1])
    assert collection.augmenter.stages(collection.store) == []
    (made,) = collection.augmenter.augment(collection.requests, collection.store)
    assert made.image.shape == (30, 40, 3)


def test_a_picture_is_what_the_maker_made_of_the_photo_at_the_working_size(opened, log, disc_records):
    method = Studio(maker=CostlyEditor(str(log)), max_side=32, strengths=[0.25])
    collection = opened(method, degree=1)
    (made,) = method.augment(collection.requests[:1], collection.store)
    sample = method.photo.read(disc_records[0], collection.store.digest)
    seed = int(entries(log, "edit")[0].split()[3])
    noise = np.random.default_rng(seed).integers(0, 256, (32, 32, 3), np.uint8)
    expected = (sample.image * 0.75 + noise * 0.25).astype(np.uint8)
    assert np.array_equal(made.image, decode_rgb(encode_jpeg(expected)))


@pytest.mark.parametrize("strength", [1.0, 0.37])
def test_each_stage_makes_what_was_counted(opened, log, isolated, strength):
    collection = opened(Studio(maker=CostlyEditor(str(log), 5), strengths=[strength], **isolated))
    tasks = {task.name: task for task in workload(collection)}
    assert calls(log) == {}, "a model was asked"
    assert {name: task.units for name, task in tasks.items()} == {
        "Boxes": 4, "Subjects": 4, "Pictures": 12, "Merging": 12,
    }  # fmt: skip
    assert tasks["Pictures"].denoiser_calls == 12 * int(100 * strength)
    assert tasks["Pictures"].calls == {"CostlyEditor": 3}
    completed(collection)
    assert calls(log)["edit"] == 12
    assert {task.units for task in workload(collection)} == {0}


def test_the_strongest_edits_come_first_and_weigh_most(opened, log):
    collection = opened(Studio(maker=CostlyEditor(str(log), 4), strengths=[1.0, 0.2]), degree=4, name="other")
    (stage,) = collection.augmenter.stages(collection.store)
    units = stage.pending(collection.requests, collection.store)
    weights = [stage.weight(unit) for unit in units]
    assert weights == sorted(weights, reverse=True) and set(weights) == {100 / 60, 20 / 60}


@pytest.mark.parametrize("strength", [0.0, -0.1, 1.01, float("nan")])
def test_a_strength_that_cannot_be_is_refused(strength):
    assert checked_strength(1.0) == 1.0
    with pytest.raises(ValueError, match=r"^strength is .*: give a number above 0, at most 1"):
        checked_strength(strength)
