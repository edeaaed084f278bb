"""What painters and editors by a diffusion model share, seen through a painter."""

import logging
import types
import warnings

import numpy as np
import pytest
import torch
from tiny.sdxl import save_tiny_sdxl

from aga_lightning.augment.base import Caption, Prompt, Scene
from aga_lightning.augment.diffuser import levels
from aga_lightning.augment.fingerprint import fingerprint
from aga_lightning.augment.painters.contrast import BLANK, contrast
from aga_lightning.augment.painters.diffusion import DiffusionPainter
from aga_lightning.images.seeds import seed_from


@pytest.fixture(scope="session")
def sdxl(tmp_path_factory):
    return str(save_tiny_sdxl(tmp_path_factory.mktemp("weights") / "sdxl"))


@pytest.fixture(scope="session")
def painter(sdxl):
    return tiny(sdxl)


def scene(seed):
    return Scene(Caption("a field of barley", Prompt("", "", "")), (64, 64), seed)


def tiny(weights, **settings):
    return DiffusionPainter(**{"weights": weights, "steps": 2, "batch_size": 2, "device": "cpu"} | settings)


@pytest.mark.parametrize(
    ("setting", "value"),
    [("width", 100), ("height", 0), ("steps", 0), ("guidance", -1.0), ("redraws", -1), ("batch_size", 0),
     ("guidance", float("nan")), ("unet", "weights.ckpt"), ("lora", "org/repo")],
)  # fmt: skip
def test_bad_settings_are_named(setting, value):
    with pytest.raises(ValueError, match=f"^{setting} is .*: give "):
        DiffusionPainter(**{setting: value})


class Fake:
    """A pipeline without a model, whose images are blank for the first tries at each seed's scene."""

    def __init__(self, blank_tries, blank=0.0):
        self.blank_tries, self.blank = blank_tries, blank
        self.calls = []

    def __call__(self, prompt, generator, width, height, output_type):
        seeds = [one.initial_seed() for one in generator]
        self.calls.append(seeds)
        noise = [np.random.default_rng(seed).random((height, width, 3)) for seed in seeds]
        images = [
            np.full_like(image, self.blank) if seed in self.blank_tries else image
            for image, seed in zip(noise, seeds, strict=True)
        ]
        return types.SimpleNamespace(images=np.stack(images))


def faked(blank_tries, blank=0.0, **settings):
    class Faked(DiffusionPainter):
        def load(self):
            return Fake(blank_tries, blank)

    painter = Faked(batch_size=2, device="cpu", **settings)
    return painter, painter.model


def redraw(seed, number):
    return seed_from(seed, "redraw", number)


@pytest.mark.parametrize("blank", [0.0, 0.5, np.nan, np.inf])
def test_blank_images_are_painted_again_with_seeds_of_their_own(blank):
    painter, fake = faked({1, 3, redraw(3, 1)}, blank)
    images = painter.paint([scene(seed) for seed in (1, 2, 3)])
    assert all(contrast(image) > BLANK for image in images)
    # The last item of a short batch is there twice, to keep the batch's size.
    first, second = redraw(1, 1), redraw(3, 1)
    assert fake.calls == [[1, 2], [3, 3], [first, second], [redraw(3, 2), redraw(3, 2)]]


def test_what_stays_blank_is_handed_on_after_the_last_try():
    for redraws in (0, 2):
        painter, fake = faked({5, *(redraw(5, number) for number in range(1, 9))}, redraws=redraws)
        (image,) = painter.paint([scene(5)])
        assert contrast(image) == 0 and len(fake.calls) == 1 + redraws


def test_added_weights_enter_the_key_by_their_content(tmp_path):
    def key(name, content):
        file = tmp_path / name / "added.safetensors"
        file.parent.mkdir()
        file.write_bytes(content)
        return fingerprint(DiffusionPainter(unet=str(file))), fingerprint(DiffusionPainter(lora=str(file)))

    assert key("here", b"1") == key("there", b"1")
    assert not set(key("elsewhere", b"2")) & set(key("again", b"1"))


def test_compile_reaches_the_denoiser_and_no_other_model(sdxl, monkeypatch):
    compiled = []
    monkeypatch.setattr(torch, "compile", lambda call, *_, **__: compiled.append(call.__self__) or call)
    painter = tiny(sdxl, compile=True)
    assert compiled == [] and painter.model.unet in compiled and len(compiled) == 1
    assert contrast(painter.paint([scene(1)])[0]) > BLANK


@pytest.mark.parametrize(("offload", "method"), [("model", "enable_model_cpu_offload"),
                                                 ("sequential", "enable_sequential_cpu_offload")])  # fmt: skip
def test_offloading_is_asked_for_on_an_accelerator_and_needless_on_a_cpu(sdxl, monkeypatch, offload, method):
    from diffusers import DiffusionPipeline

    asked = []
    monkeypatch.setattr(DiffusionPipeline, method, lambda self, device: asked.append(device))
    painter = tiny(sdxl, offload=offload)
    assert painter.model is not None and asked == []
    painter = tiny(sdxl, offload=offload, device="cuda:1")
    assert painter.model is not None and asked == [torch.device("cuda:1")]


def test_float16_decodes_in_float32_without_a_word(sdxl, monkeypatch, capfd, caplog):
    monkeypatch.setattr(logging.getLogger("diffusers"), "propagate", True)
    painter = tiny(sdxl, dtype="float16")
    assert painter.model.vae.config.force_upcast and painter.model.vae.dtype == torch.float16
    capfd.readouterr()
    caplog.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message="__array__ implementation", category=DeprecationWarning)
        (image,) = painter.paint([scene(1)])
    assert contrast(image) > BLANK
    assert "".join(capfd.readouterr()) == "" and caplog.records == []


def test_a_decoder_that_ran_out_of_memory_goes_on_with_smaller_batches(sdxl, monkeypatch):
    painter = tiny(sdxl, dtype="float16")
    decode, failures = painter.model.vae.decode, []

    def scarce(latents, **settings):
        if len(latents) > 1:
            failures.append(len(latents))
            raise torch.OutOfMemoryError("CUDA out of memory")
        return decode(latents, **settings)

    monkeypatch.setattr(painter.model.vae, "decode", scarce)
    with pytest.warns(UserWarning, match="goes on with 1"):
        images = painter.paint([scene(1), scene(2)])
    assert failures == [2] and all(contrast(image) > BLANK for image in images)


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_batches_are_of_one_kind_and_the_order_is_the_items(size):
    painter, calls = DiffusionPainter(batch_size=size, device="cpu"), []

    def call(items):
        calls.append(items)
        return [np.full((2, 2, 3), item, np.uint8) for item in items]

    items = [11, 20, 12, 31, 13, 21]
    images = painter.by_kind(items, lambda item: item // 10, call)
    assert [image[0, 0, 0] for image in images] == items
    assert all(len({item // 10 for item in batch}) == 1 and len(batch) == size for batch in calls)
    assert {item for batch in calls for item in batch} == set(items)


def test_shares_become_levels_and_what_is_no_number_becomes_black():
    shares = np.array([[0.0, 1.0, 0.5, 0.3], [-0.2, 1.7, np.nan, np.inf]], np.float32)
    image = levels(np.repeat(shares[..., None], 3, axis=2), (4, 2))
    assert image[..., 0].tolist() == [[0, 255, 128, 76], [0, 255, 0, 255]]
    assert image.dtype == np.uint8 and (image[..., 0] == image[..., 2]).all()
