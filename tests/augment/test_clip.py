import numpy as np
import pytest
import torch
from PIL import Image
from tiny.clip_model import save_clip
from transformers import CLIPModel, CLIPProcessor

from aga_lightning.augment.clip import Clip

RNG = np.random.default_rng(0)
IMAGES = [RNG.integers(0, 256, (40, 60 + 3 * i, 3), dtype=np.uint8) for i in range(5)]
TEXTS = ["a photo of a plum", "dusk", "a lime on white"]


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clip") / "clip"
    save_clip(folder)
    return str(folder)


def test_cosines_are_those_of_the_model_itself(weights):
    model, processor = CLIPModel.from_pretrained(weights).eval(), CLIPProcessor.from_pretrained(weights)
    inputs = processor(
        text=TEXTS, images=[Image.fromarray(image) for image in IMAGES], return_tensors="pt", padding=True
    )
    with torch.no_grad():
        expected = model(**inputs).logits_per_image / model.logit_scale.exp()
    clip = Clip(weights=weights, batch_size=2, device="cpu")
    found = clip.image_features(IMAGES) @ clip.text_features(TEXTS).T
    assert np.allclose(found, expected.numpy(), atol=1e-5)


def test_a_text_is_embedded_once(weights):
    class Counting(Clip):
        asked = ()

        def text_features(self, texts):
            self.asked = (*self.asked, *texts)
            return super().text_features(texts)

    clip = Counting(weights=weights, device="cpu")
    first = clip.known_texts(TEXTS[:2])
    second = clip.known_texts([*TEXTS, TEXTS[0]])
    assert sorted(clip.asked) == sorted(TEXTS)
    assert set(second) == set(TEXTS)
    assert np.array_equal(first["dusk"], second["dusk"])
    assert np.allclose(second[TEXTS[2]], clip.text_features([TEXTS[2]])[0], atol=1e-6)
