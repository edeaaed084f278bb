import pickle

import numpy as np
import pytest
import torch
from PIL import Image
from tiny.blip import WORDS, save_blip, save_git
from transformers import AutoProcessor, BlipForConditionalGeneration, GitForCausalLM

from aga_lightning.augment.image_captioners.captioning_model import CaptioningModel
from aga_lightning.augment.pretrained import PretrainedError

RNG = np.random.default_rng(0)
PHOTOS = [RNG.integers(0, 256, (40 + 5 * number, 60, 3), dtype=np.uint8) for number in range(3)]
PHOTOS += [np.full((30, 50, 3), level, np.uint8) for level in (0, 128, 255)]


@pytest.fixture(scope="session")
def captioners(tmp_path_factory):
    folder = tmp_path_factory.mktemp("captioners")
    return {"blip": save_blip(folder / "blip"), "git": save_git(folder / "git")}


def test_blip_says_what_the_model_says_to_each_photo_alone(captioners):
    model = BlipForConditionalGeneration.from_pretrained(captioners["blip"]).eval()
    processor = AutoProcessor.from_pretrained(captioners["blip"])
    alone = []
    for photo in PHOTOS:
        inputs = processor(images=Image.fromarray(photo), return_tensors="pt")
        written = model.generate(pixel_values=inputs["pixel_values"], max_new_tokens=12)
        alone.append(processor.decode(written[0], skip_special_tokens=True))
    assert len(set(alone)) > 3, "photos should differ"
    assert CaptioningModel(weights=str(captioners["blip"]), max_new_tokens=12, batch_size=4).describe(PHOTOS) == alone


@pytest.mark.parametrize("kind", ["blip", "git"])
def test_a_caption_does_not_depend_on_companions_or_on_global_seeds(kind, captioners):
    model = CaptioningModel(weights=str(captioners[kind]), batch_size=4)
    torch.manual_seed(1)
    together = model.describe(PHOTOS)
    torch.manual_seed(2)
    assert model.describe(PHOTOS[::-1])[::-1] == together
    assert [model.describe([photo])[0] for photo in PHOTOS] == together
    assert pickle.loads(pickle.dumps(model)).describe(PHOTOS[:1]) == together[:1]
    for line in together:
        assert set(line.split()) <= set(WORDS)
        assert len(line.split()) <= 20


@pytest.mark.parametrize("kind", ["blip", "git"])
def test_a_caption_goes_on_from_the_prompt(kind, captioners):
    prompted = CaptioningModel(weights=str(captioners[kind]), prompt="A photo of", max_new_tokens=5).describe(PHOTOS)
    for line in prompted:
        assert line.lower().startswith("a photo of ")
        assert 0 < len(line.split()) - 3 <= 5
    assert len(set(prompted)) > 1


def test_git_goes_on_behind_the_prompt_and_not_behind_an_end(captioners):
    model = GitForCausalLM.from_pretrained(captioners["git"]).eval()
    processor = AutoProcessor.from_pretrained(captioners["git"])
    begun = processor.tokenizer.convert_tokens_to_ids(["[CLS]", "a", "photo", "of"])
    pixels = processor(images=Image.fromarray(PHOTOS[0]), return_tensors="pt")["pixel_values"]
    written = model.generate(pixel_values=pixels, input_ids=torch.tensor([begun]), max_new_tokens=8)
    expected = processor.decode(written[0], skip_special_tokens=True)
    assert (
        CaptioningModel(weights=str(captioners["git"]), prompt="a photo of", max_new_tokens=8).describe(PHOTOS)[0]
        == expected
    )


def test_weights_in_another_format_than_safetensors_are_not_read(captioners, tmp_path):
    folder = tmp_path / "pickled"
    folder.mkdir()
    for file in captioners["blip"].iterdir():
        if file.is_file() and file.suffix != ".safetensors":
            (folder / file.name).write_bytes(file.read_bytes())
    model = BlipForConditionalGeneration.from_pretrained(captioners["blip"])
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    with pytest.raises(PretrainedError, match="safetensors"):
        CaptioningModel(weights=str(folder)).describe(PHOTOS[:1])
