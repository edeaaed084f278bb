from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny.clip_model import SAVERS
from transformers import AutoModel, AutoProcessor, BertConfig, BertModel

from aga_lightning.augment.base import Caption, Draft, ImageRecord, Prompt
from aga_lightning.augment.gates.clip import ClipFilter
from aga_lightning.augment.pretrained import PretrainedError
from aga_lightning.images.samples import Sample

RECORD = ImageRecord(Path("x.png"), 0, "water_ouzel", "bird")
ANGLES = {"a photo of a bird": 0, "a bird at dusk": 20, "an object": 60, "a photo": -90}
UNLIKE = "the image looks more like a negative text than like a positive one"
RNG = np.random.default_rng(0)
IMAGES = [RNG.integers(0, 256, (40 + 3 * i, 60, 3), dtype=np.uint8) for i in range(7)]


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clip_models")
    for name, save in SAVERS.items():
        save(folder / name)
    return folder


def draft(image, caption=None):
    words = None if caption is None else Caption(caption, Prompt("", "", ""))
    return Draft(Sample(IMAGES[0], RECORD, "0" * 64), caption=words, image=image)


def pointing(degrees):
    return np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], np.float32)


class Fixed(ClipFilter):
    """Embeddings in a plane by hand: an image points where its first pixel says, texts as `ANGLES` says."""

    def __post_init__(self):
        super().__post_init__()
        self._asked = []

    def image_features(self, images):
        return np.stack([pointing(int(image[0, 0, 0])) for image in images])

    def text_features(self, texts):
        self._asked += texts
        return np.stack([pointing(ANGLES[text]) for text in texts])


def at(degrees, caption=None):
    return draft(np.full((4, 4, 3), degrees, np.uint8), caption)


def test_an_image_nearer_to_a_negative_text_is_refused_with_both_similarities():
    gate = Fixed(negatives=["an object", "a photo"])
    assert gate.stage == "image"
    assert gate.objection(at(29)) is None
    # cos(60 - 31) = 0.875 and cos(31) = 0.857
    assert gate.objection(at(31)) == (f'{UNLIKE}: "an object" (0.875), "a photo of a bird" (0.857)')


def test_the_nearest_of_several_positives_counts_and_equal_similarity_is_accepted():
    gate = Fixed(positives=["a photo of a bird", "a {superclass} {caption}"], negatives=["an object"])
    assert gate.objection(at(39, "at dusk")) is None
    # cos(60 - 41) = 0.946 and cos(41 - 20) = 0.934
    assert gate.objection(at(41, "at dusk")) == (f'{UNLIKE}: "an object" (0.946), "a bird at dusk" (0.934)')
    same = Fixed(positives=["an object"], negatives=["an object"])
    assert same.objection(at(10)) is None


def test_a_smallest_similarity_can_be_asked_for_without_negatives():
    gate = Fixed(negatives=[], min_similarity=0.5)
    assert gate.objection(at(59)) is None  # cos = 0.515
    assert gate.objection(at(61)) == 'the image is unlike its text: "a photo of a bird" (0.485), less than 0.500'


def test_each_text_is_embedded_once_and_drafts_without_an_image_pass():
    gate = Fixed(negatives=["an object"])
    reasons = gate.objections([at(10), draft(None), at(50), at(20)])
    assert [reason is not None for reason in reasons] == [False, False, True, False]
    gate.objections([at(10)])
    assert sorted(gate._asked) == ["a photo of a bird", "an object"]
    assert gate.objections([draft(None)]) == [None] and gate.objections([]) == []


def test_embeddings_that_are_no_numbers_are_an_objection_and_no_crash():
    class Broken(Fixed):
        def image_features(self, images):
            return np.full((len(images), 2), np.nan, np.float32)

    assert Broken(negatives=["an object"]).objection(at(0)).endswith('is not a number: "a photo of a bird"')


@pytest.mark.parametrize("name", SAVERS)
def test_similarities_are_those_of_the_models_own_forward_pass(checkpoints, name):
    gate = ClipFilter(weights=str(checkpoints / name), batch_size=4)
    texts = ["a photo of a bird", "an object", "a rather long text about nothing in particular"]
    model = AutoModel.from_pretrained(checkpoints / name).eval()
    processor = AutoProcessor.from_pretrained(checkpoints / name)
    length = model.config.text_config.max_position_embeddings
    inputs = processor(text=texts, padding="max_length", max_length=length, return_tensors="pt")
    inputs = {"input_ids": inputs["input_ids"]}
    inputs["pixel_values"] = processor(images=[Image.fromarray(i) for i in IMAGES], return_tensors="pt")["pixel_values"]
    with torch.inference_mode():
        output = model(**inputs)
    expected = (output.image_embeds @ output.text_embeds.T).numpy()
    assert np.ptp(expected) > 0.01
    assert gate.image_features(IMAGES) @ gate.text_features(texts).T == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("name", SAVERS)
@pytest.mark.parametrize("size", [1, 4, 7])
def test_company_order_and_batch_size_change_rounding_only(checkpoints, name, size):
    alone = np.concatenate(
        [ClipFilter(weights=str(checkpoints / name), batch_size=1).image_features([i]) for i in IMAGES]
    )
    gate = ClipFilter(weights=str(checkpoints / name), batch_size=size)
    assert np.abs(gate.image_features(IMAGES) - alone).max() < 1e-6  # measured: 1.2e-7
    assert np.abs(gate.image_features(IMAGES[::-1])[::-1] - alone).max() < 1e-6


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"positives": ["a {species}"]}, r"{species}.*there are {class}, {superclass}, {caption}"),
        ({"negatives": ["a {"]}, "write a brace twice"),
        ({"positives": []}, "positives is empty"),
        ({"negatives": []}, "nothing would be rejected"),
        ({"min_similarity": 1.5}, r"cosine in -1\.\.1"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        ClipFilter(**settings)


def test_weights_of_another_model_are_refused(tmp_path):
    size = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}
    BertModel(BertConfig(**size, vocab_size=9)).save_pretrained(tmp_path)
    with pytest.raises(PretrainedError, match="it holds a BertModel"):
        ClipFilter(weights=str(tmp_path)).objection(draft(IMAGES[0]))
