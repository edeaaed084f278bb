"""The subject stays, in its place, while all else is painted again; and to the pixel where it is pasted back."""

import cv2
import numpy as np
import pytest
from tiny.costly import CostlyEditor, CostlyImageGate, calls
from tiny.sd1 import save_tiny_inpainting, save_tiny_sd1
from tiny.shown import shown

from aga_lightning.augment.base import Augmented, Request
from aga_lightning.augment.editors.diffusion import DiffusionEditor
from aga_lightning.augment.engine.collection import Collection
from aga_lightning.augment.engine.workload import workload
from aga_lightning.augment.gates.embedded import AvoidedWords, BlankBackground, MaskSanity, SaliencyAgreement
from aga_lightning.augment.methods.aga import AGA
from aga_lightning.augment.methods.inpainting import AllButTheSubject, Inpainting
from aga_lightning.augment.methods.text_to_image import TextToImage
from aga_lightning.augment.painters.diffusion import DiffusionPainter
from aga_lightning.augment.segmenters.embedded import GrabCut


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("weights")
    return {"sd1": save_tiny_sd1(root / "sd1"), "inpainting": save_tiny_inpainting(root / "inpainting")}


def editor(weights, **settings):
    usual = {"task": "inpainting", "steps": 1, "batch_size": 1, "device": "cpu"}
    return DiffusionEditor(**usual | {"weights": str(weights)} | settings)


def method(maker, **settings):
    return Inpainting(**{"editor": maker, "segmenter": GrabCut(size=48)} | settings)


def made_of(one, store, records):
    """The first augmentation of each photo, the photo and its subject's mask."""
    collection = Collection(one, store, records, 1, 0)
    outcomes = list(one.augment(collection.requests, store))
    assert all(isinstance(outcome, Augmented) for outcome in outcomes)
    for outcome in outcomes:
        sample, subject = one.subject(outcome.request.record, store)
        assert outcome.image.shape == sample.image.shape and 0.1 < subject.mask.mean() < 0.5
        yield outcome.image, sample.image, subject.mask


def test_the_defaults_are_those_that_the_help_tells():
    one = Inpainting()
    assert one.editor.weights == "diffusers/stable-diffusion-xl-1.0-inpainting-0.1"
    assert (one.editor.task, one.editor.steps, one.editor.guidance) == ("inpainting", 50, DiffusionPainter().guidance)
    assert one.editor.denoiser_calls_per_image(one.strength) == 98
    assert not one.paste_back and [type(gate) for gate in one.gates] == [MaskSanity, SaliencyAgreement]


def test_the_strength_is_the_default_of_diffusers():
    import inspect

    from diffusers import StableDiffusionXLInpaintPipeline

    known = inspect.signature(StableDiffusionXLInpaintPipeline.__call__).parameters
    assert Inpainting().strength == known["strength"].default


def test_the_words_are_those_of_the_first_row(store, disc_records):
    for request in (Request(record, variant) for record in disc_records for variant in range(2)):
        assert shown(Inpainting(), request, store).text == shown(TextToImage(), request, store).text


@pytest.mark.parametrize("weights", ["sd1", "inpainting"])
@pytest.mark.parametrize("max_side", [512, 40])
def test_pasted_back_the_subject_is_the_photos_to_the_pixel(store, folders, disc_records, weights, max_side):
    one = method(editor(folders[weights]), paste_back=True, max_side=max_side)
    for image, photo, mask in made_of(one, store, disc_records[3:5]):
        assert np.array_equal(image[mask], photo[mask])
        assert np.abs(image.astype(int) - photo)[~mask].mean() > 15


@pytest.mark.parametrize("weights", ["sd1", "inpainting"])
def test_otherwise_the_subject_goes_through_the_autoencoder(store, folders, disc_records, weights):
    for image, photo, mask in made_of(method(editor(folders[weights])), store, disc_records[3:5]):
        assert (image[mask] != photo[mask]).any(axis=1).mean() > 0.9
        assert np.abs(image.astype(int) - photo)[~mask].mean() > 15


def test_pasting_back_and_gates_cost_no_new_picture(tmp_path, store, disc_records):
    log = tmp_path / "log"
    for settings in ({}, {"paste_back": True}, {"gates": [MaskSanity(), CostlyImageGate(str(log))]}):
        one = method(CostlyEditor(str(log)), **settings)
        list(one.augment(Collection(one, store, disc_records, 1, 0).requests, store))
    assert calls(log)["edit"] == 8


def test_with_an_editor_that_heeds_the_mask_all_else_changes_and_the_margin_stays(tmp_path, store, disc_records):
    for margin in (0, 6):
        one = method(CostlyEditor(str(tmp_path / "log")), margin=margin)
        for image, photo, mask in made_of(one, store, disc_records[:2]):
            disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * margin + 1, 2 * margin + 1))
            near = cv2.dilate(mask.astype(np.uint8), disc) > 0
            gaps = np.abs(image.astype(int) - photo).mean(axis=2)
            # Kept as JPEG: what stands beside noise takes some of it on.
            assert gaps[cv2.erode(mask.astype(np.uint8), np.ones((17, 17))) > 0].mean() < 3
            assert gaps[~near].mean() > 50
            assert margin == 0 or gaps[near & ~mask].mean() < 25


def test_the_margin_reaches_as_far_as_it_says():
    class Found:
        mask = np.zeros((31, 31), bool)

    Found.mask[15, 15] = True
    rows, columns = np.mgrid[:31, :31] - 15
    distance = np.hypot(rows, columns)
    for margin in (0, 1, 6):
        (opening,) = AllButTheSubject(Inpainting().subjects, margin).make([None], [Found])
        near = ~opening
        assert not near[distance > margin + 0.5].any() and near[distance < margin - 0.5].all()
        assert near[15, 15 + margin] and near[15, 15] and not near[15, 16 + margin]


def test_isolation_is_agas_and_is_not_repeated(tmp_path, store, disc_records):
    log = tmp_path / "log"
    aga = AGA(segmenter=GrabCut(size=48))
    one = method(CostlyEditor(str(log)), detector=aga.detector, segmenter=aga.segmenter)
    assert one.kept(Request(disc_records[0], 0), store).subject is None
    _, found = aga.subject(disc_records[0], store)
    assert np.array_equal(one.kept(Request(disc_records[0], 0), store).subject.mask, found.mask)


def test_agas_gates_may_stay_where_they_are(tmp_path, store, disc_records):
    gates = [MaskSanity(), AvoidedWords(), BlankBackground()]
    one = method(CostlyEditor(str(tmp_path / "log")), gates=gates)
    assert len(list(made_of(one, store, disc_records))) == 8  # though each text names its class
    picky = method(CostlyEditor(str(tmp_path / "log")), gates=[MaskSanity(max_area=0.05), AvoidedWords()])
    outcomes = list(picky.augment(Collection(picky, store, disc_records, 1, 0).requests, store))
    assert all("the subject covers" in outcome.reason for outcome in outcomes)


def test_the_cost_is_counted_beforehand(store, folders, disc_records):
    one = method(editor(folders["inpainting"], steps=4, scheduler="DDIMScheduler"))
    tasks = {task.name: task for task in workload(Collection(one, store, disc_records, 2, 0))}
    assert list(tasks) == ["SubjectVerdicts", "Pictures", "Merging"]
    assert (tasks["Pictures"].units, tasks["Pictures"].denoiser_calls) == (16, 16 * 3 * 2)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"strength": 2.0}, r"strength is 2\.0"),
        ({"margin": -1}, "margin is -1: give at least 0 pixels"),
        ({"text": "a {colour} bird"}, "colour"),
        ({"editor": DiffusionEditor()}, "editor.task is image-to-image, which knows no mask: give inpainting"),
    ],
    ids=["strength", "margin", "text", "editor"],
)
def test_bad_settings_are_told(settings, words):
    with pytest.raises(ValueError, match=words):
        Inpainting(**settings)
