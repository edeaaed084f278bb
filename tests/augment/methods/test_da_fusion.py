"""The image under the word of its class, at one of four strengths, as the authors' scripts and diffusers make it."""

import re
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import COLOURS, write_discs
from diffusers import StableDiffusionImg2ImgPipeline
from hypothesis import given
from hypothesis import strategies as some
from PIL import Image
from safetensors.torch import load, save
from tiny.costly import CostlyDetector, CostlySegmenter, entries
from tiny.shown import shown

from aga_lightning.augment.base import Augmented, Detection, Request, Subject
from aga_lightning.augment.editors.diffusion import DiffusionEditor
from aga_lightning.augment.editors.inversion import Inversion, Inverter
from aga_lightning.augment.engine.collection import Collection
from aga_lightning.augment.engine.gathering import ClassPhotos
from aga_lightning.augment.engine.generation import fill
from aga_lightning.augment.engine.isolation import Photo
from aga_lightning.augment.engine.runner import Runner
from aga_lightning.augment.engine.scenery import Texts
from aga_lightning.augment.engine.stage import StepStage
from aga_lightning.augment.engine.store import Store
from aga_lightning.augment.engine.training_images import TrainingImages
from aga_lightning.augment.engine.workload import workload
from aga_lightning.augment.gates.embedded import BlankBackground, MaskSanity
from aga_lightning.augment.methods.da_fusion import ClassWords, DAFusion, TaughtPictures, Widened, tokens_for
from aga_lightning.augment.segmenters.embedded import GrabCut
from aga_lightning.images.codec import decode_rgb, encode_jpeg
from aga_lightning.images.records import DatasetError, ImageRecord
from aga_lightning.images.seeds import seed_from

QUICK = {"steps": 2, "batch_size": 1, "resolution": 64, "initializer": "a", "learning_rate": 0.5}


@pytest.fixture
def method(sd1):
    """Makes the method, with tiny weights."""

    def make(steps=4, **settings):
        editor = DiffusionEditor(weights=sd1, steps=steps, batch_size=1, redraws=0, device="cpu")
        return DAFusion(**{"inversion": Inversion(**QUICK), "editor": editor} | settings)

    return make


def test_the_defaults_are_those_of_the_authors_scripts():
    one = DAFusion()
    assert (one.text, one.strengths, one.mask) == ("a photo of a {token}", (1.0, 0.75, 0.5, 0.25), "none")
    editor = one.editor
    assert (editor.weights, editor.width, editor.height) == ("CompVis/stable-diffusion-v1-4", 512, 512)
    assert (editor.steps, editor.guidance) == (50, 7.5)
    assert editor.denoiser_calls_per_image(np.mean(one.strengths)) == 62
    assert np.mean([editor.denoiser_calls_per_image(strength) for strength in one.strengths]) == 62


def test_each_strength_is_drawn_as_often_as_any_other(method, store, disc_records):
    one = method()
    one.prepare(disc_records, store)
    (pictures,) = (step for step in one.all_steps if isinstance(step, TaughtPictures))
    requests = [Request(record, variant) for record in disc_records for variant in range(250)]
    strengths = [Runner(store).plan(pictures, request)[1] for request in requests]
    counts = Counter(strengths)
    assert counts.keys() == {1.0, 0.75, 0.5, 0.25}
    assert all(400 < count < 600 for count in counts.values())  # of 2000; the standard deviation is 19
    other = [Runner(store).plan(pictures, replace(request, seed=1))[1] for request in requests]
    assert other != strengths
    assert {shown(one, request, store).text for request in requests} == {"a photo of a <plum>", "a photo of a <lime>"}


def test_the_picture_is_that_of_diffusers_with_the_words_file(method, sd1, store, tmp_path):
    write_discs(tmp_path, "train", 2, size=64)  # the pipeline's own size, so that nothing is scaled
    records = [
        ImageRecord(path, label, name, "fruit")
        for label, name in enumerate(COLOURS)
        for path in sorted((tmp_path / "train" / name).iterdir())
    ]
    one = method(strengths=[0.5])
    collection = Collection(one, store, records, 1, 0)
    fill(collection, images=False)
    (made,) = one.augment([Request(records[3], 0)], store)
    assert isinstance(made, Augmented) and made.facts == {"caption": "a photo of a <lime>", "strength": 0.5}

    pipeline = StableDiffusionImg2ImgPipeline.from_pretrained(sd1, safety_checker=None)
    pipeline.set_progress_bar_config(disable=True)
    words = sorted((store.cache_dir / "embeddings").rglob("*.safetensors"))
    assert len(words) == 2
    for word in words:
        pipeline.load_textual_inversion(str(word))
    seed = seed_from(0, store.digest(records[3].path), 0, "picture")

    def paint(text):
        (image,) = pipeline(
            prompt=text,
            image=Image.open(records[3].path),
            strength=0.5,
            num_inference_steps=4,
            guidance_scale=7.5,
            generator=torch.Generator().manual_seed(seed),
        ).images
        return decode_rgb(encode_jpeg(np.asarray(image)))

    assert np.array_equal(paint("a photo of a <lime>"), made.image)
    assert not np.array_equal(paint("a photo of a <plum>"), made.image)


def test_stages_fill_in_what_a_single_request_would_be_given(method, disc_records, tmp_path, capsys, caplog):
    images = []
    for name, staged in (("staged", True), ("single", False)):
        store = Store(tmp_path / name)
        collection = Collection(method(), store, disc_records[3:5], 1, 0)
        if staged:
            fill(collection, images=False)
        images.append([made.image for made in collection.augmenter.augment(collection.requests, store)])
    assert all(np.array_equal(one, other) for one, other in zip(*images, strict=True))
    assert capsys.readouterr() == ("", "") and not caplog.records  # whatever the libraries would have to say


def test_one_model_is_in_memory_at_a_time(method, store, disc_records, monkeypatch):
    alive = []
    for kind in (Inverter, DiffusionEditor):
        load, release = kind.load, kind.release

        def loading(self, load=load):
            alive.append(self)
            assert len(alive) == 1
            return load(self)

        def releasing(self, release=release):
            alive[:] = [one for one in alive if one is not self]
            release(self)

        monkeypatch.setattr(kind, "load", loading)
        monkeypatch.setattr(kind, "release", releasing)
    collection = Collection(method(), store, disc_records, 1, 0)
    fill(collection, collection.requests[:1], images=False)
    fill(collection, collection.requests[-1:], images=False)
    assert alive == []
    # Without stages, words and pictures by turns.
    assert all(outcome.path for outcome in collection.make([collection.requests[1], collection.requests[-2]]))


def test_what_is_left_to_make_is_counted(method, store, disc_records):
    one = method(steps=50)
    collection = Collection(one, store, disc_records, 3, 0)
    words, pictures, merging = workload(collection)
    assert (words.name, words.units, words.denoiser_calls) == ("Embeddings", 2, 2 * 2 * 1)
    assert (pictures.name, pictures.units, pictures.denoiser_calls) == ("Pictures", 24, 24 * 62)
    assert (merging.name, merging.units) == ("Merging", 24)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(one.editor, "steps", 4)
        fill(collection, collection.requests[:1], images=False)
    assert [task.units for task in workload(collection)] == [1, 23, 24]


def test_the_output_depends_on_what_the_words_were_learned_from(method, store, disc_records):
    def learned(one, records):
        one.prepare(records, store)
        (pictures,) = (step for step in one.all_steps if isinstance(step, TaughtPictures))
        return one.learned()["words"], Runner(store).key(pictures, Request(records[0], 0))

    words, known = learned(method(), disc_records)
    assert learned(method(), disc_records[::-1][::-1]) == (words, known)
    fewer = learned(method(), disc_records[:-1])
    assert fewer[0] != words and fewer[1] == known  # less an image of the other class
    longer = method(inversion=Inversion(**QUICK | {"steps": 3}))
    assert learned(longer, disc_records)[1] != known
    assert learned(method(mask="background"), disc_records)[1] != known


@pytest.mark.parametrize("mask", ["subject", "background"])
def test_the_mask_grows_as_the_authors_lets_it_and_opens_one_side_of_it(method, mask):
    body = np.zeros((512, 512), np.bool_)
    body[200:300, 100:400] = True
    found = Subject(body, Detection((100, 200, 400, 300), 1.0), 1.0)
    (opened,) = Widened(method(mask=mask).subjects, mask).make([None], [found])
    wide = opened if mask == "subject" else ~opened
    rows, columns = np.flatnonzero(wide.any(1)), np.flatnonzero(wide.any(0))
    # A window of 16 pixels: 15 more rows and columns, 7 or 8 on each side.
    assert wide.sum() == 115 * 315 and wide[body].all()
    assert rows[0] in (192, 193) and rows[-1] in (306, 307) and columns[0] in (92, 93) and columns[-1] in (406, 407)


def test_with_a_mask_the_editor_inpaints_where_it_is_open_and_gates_see_the_subject(
    method, store, disc_records, monkeypatch
):
    seen = []

    def edit(self, edits):
        seen.extend((self.task, edit.mask) for edit in edits)
        return [np.full_like(edit.image, 90) for edit in edits]

    monkeypatch.setattr(DiffusionEditor, "edit", edit)
    monkeypatch.setattr(Inverter, "invert", lambda self, token, photos: b"")
    monkeypatch.setattr("aga_lightning.augment.methods.da_fusion.load", lambda data: {"<plum>": torch.zeros(32)})
    for mask in ("none", "subject", "background"):
        one = method(mask=mask, segmenter=GrabCut(size=48), gates=[MaskSanity(), BlankBackground()])
        one.prepare(disc_records[:1], store)
        (made,) = one.augment([Request(disc_records[0], 0)], store)
        assert isinstance(made, Augmented) and (made.image == 90).all()
        assert ("score" in made.facts) == (mask != "none")
    (without, nothing), (inside, subject), (outside, rest) = seen
    assert (without, nothing) == ("image-to-image", None)
    assert inside == outside == "inpainting" and np.array_equal(subject, ~rest)
    assert 0.1 < subject.mean() < 0.6 and subject[24, 24]
    assert one.editor.task == "image-to-image"  # the user's own is left as it is


def test_no_subject_is_looked_for_without_a_mask(method, store, disc_records, tmp_path):
    log = tmp_path / "log"
    log.touch()
    one = method(detector=CostlyDetector(str(log)), segmenter=CostlySegmenter(str(log)))
    assert [stage.title for stage in one.stages(store)] == ["Embeddings", "Pictures"]
    one.prepare(disc_records, store)
    assert one.subject(disc_records[0], store)[1] is None
    assert entries(log) == []


def test_settings_that_cannot_be_are_refused(method):
    for wrong, complaint in (
        ({"text": "a photo of a {class}"}, "lacks {token}"),
        ({"text": "a {token} in {scene}"}, "holds {scene}"),
        ({"strengths": []}, "at least one"),
        ({"strengths": [0.5, 0.0]}, r"strength is 0\.0"),
    ):
        with pytest.raises(ValueError, match=complaint):
            method(**wrong)


class Scribe(Inverter):
    """Learns nothing, but writes down what it is given."""

    def __init__(self, log, weights="nowhere/at-all", seed=0):
        super().__init__(inversion=Inversion(steps=3, batch_size=2, resolution=16, seed=seed), weights=weights)
        self.log = log
        self.seed = seed

    def load(self):
        self.log.append("load")
        return object()

    def release(self):
        if self._model is not None:
            self.log.append("release")
        super().release()

    def invert(self, token, photos):
        assert self.model is not None
        self.log.append((token, len(photos)))
        if token == "<mortal>":
            raise KeyboardInterrupt
        return save({token: torch.full((4,), seed_from(photos.tobytes().hex()) % 1000 / 1.0)})

    not_in_key = Inverter.not_in_key | {"log"}


@pytest.fixture
def log():
    return []


class Words:
    """The steps up to the words, for some training images."""

    def __init__(self, records, store, log, **settings):
        self.scribe = Scribe(log, **settings)
        self.photos = ClassPhotos(16)
        self.step = ClassWords(self.scribe, self.photos)
        for step in Runner.ordered(self.step):
            step.prepare(TrainingImages(Photo(None), None, records, store))
        self.record, self.store = {record.label: record for record in records}, store

    def key(self, label):
        return Runner(self.store).key(self.step, Request(self.record[label], 0))

    def learn(self, records):
        """All of them, in a stage; how many there were."""
        stage = StepStage(self.step, self.step, self.store)
        units = stage.pending([Request(record, 0) for record in records], self.store)
        for unit in units:
            stage.advance([unit], [stage.load(unit)], self.store)
        stage.release()
        return len(units)


def test_words_are_written_as_tokenizers_look_for_them():
    names = ["water ouzel", "Water_Ouzel", "crane", "crane", "crane 2", "Æsir & Über", "犬", "<b>", "123", "..."]
    assert tokens_for(names) == [
        *("<water_ouzel>", "<water_ouzel_2>", "<crane>", "<crane_2>", "<crane_2_2>"),
        *("<sir_uber>", "<class>", "<b>", "<123>", "<class_2>"),
    ]


@given(some.lists(some.text(max_size=12), max_size=12))
def test_no_two_classes_share_a_word(names):
    tokens = tokens_for(names)
    assert len(set(tokens)) == len(names)
    assert all(re.fullmatch(r"<[a-z0-9_]+>", token) for token in tokens)
    assert tokens_for(names[:5]) == tokens[:5]


def test_the_key_knows_settings_weights_and_images_but_no_order(disc_records, store, log):
    key = Words(disc_records, store, log).key(0)
    assert Words(disc_records[::-1], store, log).key(0) == key
    assert Words(disc_records[:-1], store, log).key(0) == key  # less an image of the other class
    others = [
        Words(disc_records, store, log).key(1),
        Words(disc_records[1:], store, log).key(0),
        Words(disc_records, store, log, seed=1).key(0),
        Words(disc_records, store, log, weights="nowhere/else").key(0),
    ]
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(disc_records[0].path)
    others.append(Words(disc_records, store, log).key(0))
    assert len({key, *others}) == 6


def test_photos_are_squashed_and_come_in_one_order(disc_records, store, log):
    path = disc_records[0].path
    Image.fromarray(np.full((30, 90, 3), 77, np.uint8)).save(path)
    request = Request(disc_records[0], 0)
    photos, mirrored = (
        Runner(store).value(Words(records, store, log).photos, request)
        for records in (disc_records, disc_records[::-1])
    )
    assert {(photo.shape, photo.dtype) for photo in photos} == {((16, 16, 3), np.dtype(np.uint8))}
    assert sum((photo == 77).all() for photo in photos) == 1
    assert all(np.array_equal(one, other) for one, other in zip(photos, mirrored, strict=True))


def test_images_that_cannot_be_read_are_named_and_left_out(disc_records, store, log):
    disc_records[2].path.write_bytes(b"no image at all")
    words = Words(disc_records, store, log)
    with pytest.warns(UserWarning, match=r"the word <plum> is learned without 1 images: .*plum_2\.png is not an image"):
        words.learn(disc_records)
    assert log == ["load", ("<plum>", 3), ("<lime>", 4), "release"]
    assert store.facts("embeddings", words.key(0)) == {"class": "plum", "token": "<plum>", "images": 3, "left_out": 1}


def test_a_class_without_an_image_that_can_be_read_is_an_error(disc_records, store, log):
    for record in disc_records[:4]:
        record.path.write_bytes(record.path.name.encode())
    with pytest.raises(
        DatasetError, match=r"'plum', because none of its 4 training images can be read; the first: .*png"
    ):
        Words(disc_records, store, log).learn(disc_records)
    assert log == []


def test_each_word_is_learned_once_and_finished_ones_outlive_a_crash(disc_records, store, log):
    mortal = [ImageRecord(record.path, 2, "mortal", "fruit") for record in disc_records[:1]]
    words = Words([*disc_records, *mortal], store, log)
    with pytest.raises(KeyboardInterrupt):
        words.learn([*disc_records, *mortal])
    kept = [store.load("embeddings", words.key(label)) for label in (0, 1)]
    assert all(data is not None and load(data).keys() == {facts["token"]} for facts, data in kept)
    log.clear()
    assert Words(disc_records, Store(store.cache_dir), log).learn(disc_records[::-1]) == 0
    assert log == []


def test_an_empty_class_has_no_word(disc_records, store, log):
    empty = ImageRecord(disc_records[0].path, 2, "empty", "")
    assert Words([*disc_records, empty], store, log).step.learned == Words(disc_records, store, log).step.learned


def test_a_stage_counts_what_its_training_takes(disc_records, store, log):
    words = Words(disc_records, store, log)
    stage = StepStage(words.step, words.step, store)
    assert stage.denoiser_calls_per_unit == 3 * 2
    assert stage.batch_size == 1 and stage.models == [words.scribe]


class Reader(DiffusionEditor):
    """Has a pipeline that writes down what it is taught."""

    log: list

    def load(self):
        self.log.append("reader")
        tokenizer = SimpleNamespace(added_tokens_encoder={})

        def teach(states):
            assert states
            for state in states:
                self.log.append(("taught", *state))
                tokenizer.added_tokens_encoder |= dict.fromkeys(state, 0)

        return SimpleNamespace(tokenizer=tokenizer, load_textual_inversion=teach)

    def release(self):
        if self._model is not None:
            self.log.append("reader gone")
        super().release()

    def edit(self, edits):
        assert self.model is not None
        return [edit.image for edit in edits]


def test_an_editor_is_taught_each_word_once_and_missing_ones_are_learned_without_it(disc_records, store, log):
    third = [ImageRecord(record.path, 2, "cherry", "fruit") for record in disc_records]
    Words(disc_records, store, log).learn(disc_records)
    log.clear()
    words = Words([*disc_records, *third], store, log)
    reader = Reader()
    reader.log = log
    photo = Photo(None)
    pictures = TaughtPictures(reader, photo, Texts("a {class}"), None, None, [1.0], words.step)

    def edit(*records):
        for record in records:
            assert Runner(store).value(pictures, Request(record, 0)).shape == (48, 48, 3)

    edit(disc_records[-1], disc_records[-2], disc_records[0])
    assert log == ["reader", ("taught", "<lime>"), ("taught", "<plum>")]
    log.clear()
    edit(third[0])  # with one model in memory at a time
    assert log == ["reader gone", "load", ("<cherry>", 8), "release", "reader", ("taught", "<cherry>")]
