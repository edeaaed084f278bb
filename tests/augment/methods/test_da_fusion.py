"""The image under the word of its class, at one of four strengths, as the authors' scripts and diffusers make it."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import COLOURS, write_discs
from diffusers import StableDiffusionImg2ImgPipeline
from PIL import Image
from tiny.costly import CostlyDetector, CostlySegmenter, entries
from tiny.shown import shown

from aga_lightning.augment.base import Augmented, Detection, Request, Subject
from aga_lightning.augment.editors.diffusion import DiffusionEditor
from aga_lightning.augment.engine.collection import Collection
from aga_lightning.augment.engine.generation import fill
from aga_lightning.augment.engine.runner import Runner
from aga_lightning.augment.engine.store import Store
from aga_lightning.augment.engine.workload import workload
from aga_lightning.augment.gates.embedded import BlankBackground, MaskSanity
from aga_lightning.augment.methods.class_words import TaughtPictures
from aga_lightning.augment.methods.da_fusion import DAFusion, Widened
from aga_lightning.augment.methods.inversion import Inversion, Inverter
from aga_lightning.augment.segmenters.embedded import GrabCut
from aga_lightning.images.codec import decode_rgb, encode_jpeg
from aga_lightning.images.records import ImageRecord
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
    monkeypatch.setattr("aga_lightning.augment.methods.class_words.load", lambda data: {"<plum>": torch.zeros(32)})
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
