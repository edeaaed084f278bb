from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny.clip_model import save_clip
from transformers import CLIPModel, CLIPProcessor

from aga_lightning.augment.base import Caption, Draft, Prompt, SubjectSource
from aga_lightning.augment.gates.class_free import ClassFreeBackground
from aga_lightning.images.records import ImageRecord
from aga_lightning.images.samples import Sample

ANGLES = {"a photo of water ouzel": 0, "a photo of zebra": 90, "A real photo of forest": 40, "sand": 45}
PHOTO = np.zeros((4, 4, 3), np.uint8)


class Names(SubjectSource):
    """Records of which no image may be opened."""

    def __init__(self, *names):
        kinds = {"water_ouzel": "bird", "zebra": "horse", "empty": ""}
        self._records = [ImageRecord(Path(f"{n}.png"), i, n, kinds[n]) for i, n in enumerate(names)]

    @property
    def records(self):
        return self._records

    def __len__(self):
        return len(self._records)

    def digest(self):
        return "names"

    def __getitem__(self, index):
        raise AssertionError("an image was opened")


class Fixed(ClassFreeBackground):
    """Embeddings in a plane by hand: a background points where its first pixel says, texts as `ANGLES` says."""

    def image_features(self, images):
        return np.stack([self._pointing(int(image[0, 0, 0])) for image in images])

    def text_features(self, texts):
        return np.stack([self._pointing(ANGLES[text]) for text in texts])

    def _pointing(self, degrees):
        return np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], np.float32)


def taught(gate, *names):
    gate.learn(Names(*names))
    return gate


def draft(background, words="A real photo of forest"):
    caption = None if words is None else Caption(words, Prompt("", "", ""))
    return Draft(Sample(PHOTO, ImageRecord(Path("x.png"), 0, "water_ouzel", "bird"), ""), None, caption, background)


def at(degrees, words="A real photo of forest"):
    return draft(np.full((4, 4, 3), degrees, np.uint8), words)


def test_a_background_nearer_to_a_class_than_to_its_words_is_refused_with_both_similarities():
    gate = taught(Fixed(), "water_ouzel", "zebra")
    assert gate.stage == "background"
    # The middle between the class at 0 and the words at 40 degrees is 20.
    assert gate.objection(at(21)) is None
    assert gate.objection(at(19)) == (
        'the background looks more like a class than like its words: "a photo of water ouzel" (0.946), '
        '"A real photo of forest" (0.934)'
    )


def test_all_classes_count_and_not_only_that_of_the_request():
    assert taught(Fixed(), "water_ouzel").objection(at(80)) is None
    refused = taught(Fixed(), "water_ouzel", "zebra").objections([at(80), at(50), at(70, "sand")])
    assert [reason is None for reason in refused] == [False, True, False]
    assert '"a photo of zebra" (0.985)' in refused[0]


def test_a_class_without_a_subject_is_none():
    gate = taught(Fixed(), "water_ouzel", "empty")  # "a photo of empty" would not be in ANGLES
    assert gate.objection(at(45, "sand")) is None


def test_what_has_no_background_or_no_words_is_not_judged():
    gate = taught(Fixed(), "water_ouzel")
    assert gate.objections([draft(None), at(0, None)]) == [None, None]


def test_what_the_model_cannot_say_is_refused():
    class Broken(Fixed):
        def image_features(self, images):
            return np.full((len(images), 2), np.nan, np.float32)

    assert "is not a number: " in taught(Broken(), "zebra").objection(at(3))


def test_it_must_know_the_classes_and_its_text_must_tell_them_apart():
    with pytest.raises(RuntimeError, match="call `learn`"):
        Fixed().objection(at(0))
    with pytest.raises(ValueError, match="the same for all classes"):
        ClassFreeBackground(text="a photo")


def test_verdicts_agree_with_the_model_itself(tmp_path):
    save_clip(tmp_path / "clip")
    weights = str(tmp_path / "clip")
    rng = np.random.default_rng(1)
    levels = rng.integers(0, 256, (12, 1, 1, 3))
    pictures = np.uint8(np.clip(levels + rng.normal(0, 30, (12, 32, 32, 3)), 0, 255))
    words = ["A real photo of forest", "sand", "sea"]
    texts = ["a photo of water ouzel", "a photo of zebra", *words]
    model, processor = CLIPModel.from_pretrained(weights).eval(), CLIPProcessor.from_pretrained(weights)
    inputs = processor(text=texts, images=[Image.fromarray(p) for p in pictures], return_tensors="pt", padding=True)
    with torch.no_grad():
        scores = model(**inputs).logits_per_image.numpy()
    refused = [row[:2].max() > row[2 + i % 3] for i, row in enumerate(scores)]
    gate = taught(ClassFreeBackground(weights=weights, device="cpu"), "water_ouzel", "zebra")
    found = gate.objections([draft(picture, words[i % 3]) for i, picture in enumerate(pictures)])
    assert [reason is not None for reason in found] == refused
    assert 0 < sum(refused) < 12
