"""The three tasks against direct calls of diffusers' own pipelines, on tiny checkpoints of the real classes."""

import json
import shutil
import types

import diffusers
import numpy as np
import pytest
import torch
from PIL import Image
from tiny.flux import save_tiny_flux
from tiny.sd1 import save_tiny_inpainting, save_tiny_instruct, save_tiny_sd1
from tiny.sdxl import save_tiny_sdxl, save_tiny_sdxl_inpainting

from aga_lightning.augment.base import Edit
from aga_lightning.augment.editors.diffusion import DiffusionEditor
from aga_lightning.augment.painters.contrast import BLANK, contrast
from aga_lightning.augment.pretrained import PretrainedError

BUILDERS = {
    "sd1": save_tiny_sd1,
    "sd1-inpainting": save_tiny_inpainting,
    "instruct": save_tiny_instruct,
    "sdxl": save_tiny_sdxl,
    "sdxl-inpainting": save_tiny_sdxl_inpainting,
    "flux": save_tiny_flux,
}
EULER = "EulerDiscreteScheduler"  # of first order, and without the extra step of SD 1.x's PNDM


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("weights")
    return {name: build(root / name) for name, build in BUILDERS.items()}


@pytest.fixture(scope="session")
def editor(folders):
    return tiny(folders["sdxl"], batch_size=2)


def tiny(weights, task="image-to-image", **settings):
    usual = {"steps": 4, "batch_size": 1, "width": 64, "height": 64, "device": "cpu"}
    return DiffusionEditor(**usual | {"weights": str(weights), "task": task} | settings)


def noise(seed, size=(64, 64)):
    return np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)


def edit(seed, text="a field of barley", strength=0.5, mask=None, size=(64, 64)):
    return Edit(noise(seed, size), text, seed, strength, mask)


def left_half(size=(64, 64)):
    mask = np.zeros((size[1], size[0]), bool)
    mask[:, : size[0] // 2] = True
    return mask


def inputs(editor, edits):
    """What the UNet is given at each call."""
    seen = []
    handle = editor.model.unet.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    editor.edit(edits)
    handle.remove()
    return seen


@pytest.mark.parametrize(
    ("weights", "task", "kind", "settings"),
    [
        ("sd1", "image-to-image", "StableDiffusionImg2ImgPipeline", {"strength": 0.5}),
        ("sdxl", "image-to-image", "StableDiffusionXLImg2ImgPipeline", {"strength": 0.5}),
        ("sd1", "inpainting", "StableDiffusionInpaintPipeline", {"strength": 0.8}),
        ("sd1-inpainting", "inpainting", "StableDiffusionInpaintPipeline", {"strength": 1.0}),
        ("sdxl", "inpainting", "StableDiffusionXLInpaintPipeline", {"strength": 0.8}),
        ("sdxl-inpainting", "inpainting", "StableDiffusionXLInpaintPipeline", {"strength": 0.9999}),
        ("instruct", "instruction", "StableDiffusionInstructPix2PixPipeline", {"image_guidance_scale": 1.5}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_edit_is_what_the_pipeline_makes_of_it(folders, weights, task, kind, settings):
    masked = task == "inpainting"
    one = edit(3, strength=settings.get("strength", 1.0), mask=left_half() if masked else None)
    (ours,) = tiny(folders[weights], task).edit([one])
    switches = {"safety_checker": None, "requires_safety_checker": False} if "XL" not in kind else {}
    pipeline = getattr(diffusers, kind).from_pretrained(folders[weights], **switches)
    pipeline.set_progress_bar_config(disable=True)
    if masked:
        settings = settings | {"mask_image": Image.fromarray(one.mask.astype(np.uint8) * 255)}
    generator = torch.Generator().manual_seed(3)
    theirs = pipeline(
        prompt=one.text, image=Image.fromarray(one.image), num_inference_steps=4, guidance_scale=7.5,
        generator=generator, output_type="np", **settings,
    ).images[0]  # fmt: skip
    assert np.array_equal(ours, np.round(theirs * 255).astype(np.uint8))
    assert contrast(ours) > BLANK and not np.array_equal(ours, one.image)


@pytest.mark.parametrize(
    ("weights", "task", "settings", "strength", "steps"),
    [
        ("sdxl", "image-to-image", {"steps": 4}, 0.5, 2),
        ("sdxl", "image-to-image", {"steps": 5, "guidance": 1.0}, 0.5, 2),
        ("sdxl", "image-to-image", {"steps": 49}, 1 / 49, 1),  # 49 * (1 / 49) is just below 1
        ("sd1", "image-to-image", {"steps": 3, "scheduler": EULER}, 0.1, 1),
        ("sd1", "image-to-image", {"steps": 7, "scheduler": "DDIMScheduler"}, 0.99, 6),
        ("sdxl-inpainting", "inpainting", {"steps": 4}, 0.9999, 3),
        ("sd1-inpainting", "inpainting", {"steps": 3, "scheduler": EULER}, 1.0, 3),
        ("flux", "image-to-image", {"steps": 4}, 0.1, 1),
        ("flux", "image-to-image", {"steps": 5}, 0.5, 3),
        ("instruct", "instruction", {"steps": 3}, 0.5, 3),
        ("instruct", "instruction", {"steps": 3, "image_guidance": 0.5}, 0.5, 3),
        ("instruct", "instruction", {"steps": 3, "guidance": 1.0}, 0.5, 3),
    ],
)
def test_denoiser_calls_are_told_as_they_are_counted(folders, weights, task, settings, strength, steps):
    editor = tiny(folders[weights], task, redraws=0, **settings)
    told = editor.denoiser_calls_per_image(strength)
    counted = []
    denoiser = editor.model.transformer if weights == "flux" else editor.model.unet
    denoiser.register_forward_pre_hook(
        lambda module, args, kwargs: counted.append(len(args[0] if args else kwargs["hidden_states"])), with_kwargs=True
    )
    editor.edit([edit(1, strength=strength), edit(2, strength=strength)])
    assert len(counted) == 2 * steps
    assert sum(counted) == 2 * told


def test_neither_companions_nor_sizes_nor_strengths_in_between_change_a_bit(editor):
    edits = [edit(1), edit(2, "the sea"), edit(3, strength=0.25), edit(4, size=(72, 48)), edit(5, size=(50, 90))]
    together = editor.edit(edits)
    assert [image.shape for image in together] == [one.image.shape for one in edits]
    for one, image in zip(edits[::-1], together[::-1], strict=True):
        assert np.array_equal(editor.edit([one])[0], image)


def test_words_and_seed_make_the_image(editor):
    one = edit(1)
    again, other_words, other_seed = (
        editor.edit([other])[0]
        for other in (one, Edit(one.image, "the sea at night", 1, 0.5), Edit(one.image, one.text, 2, 0.5))
    )
    assert np.array_equal(editor.edit([one])[0], again)
    assert not np.array_equal(again, other_words) and not np.array_equal(again, other_seed)


def test_an_instruction_knows_no_strength_and_is_held_to_the_picture_by_a_scale_of_its_own(folders):
    editor = tiny(folders["instruct"], "instruction")
    weak, strong = (editor.edit([edit(1, "make it snow", strength)])[0] for strength in (0.1, 1.0))
    assert np.array_equal(weak, strong)
    held = tiny(folders["instruct"], "instruction", image_guidance=4.0).edit([edit(1, "make it snow")])[0]
    assert not np.array_equal(held, weak)


def test_weights_for_inpainting_are_shown_the_open_part_and_the_known_pixels(folders):
    editor = tiny(folders["sdxl-inpainting"], "inpainting", steps=2)
    channels = inputs(editor, [edit(1, strength=1.0, mask=left_half())])[0]
    assert channels.shape == (2, 9, 8, 8)
    assert (channels[:, 4, :, :4] == 1).all() and (channels[:, 4, :, 4:] == 0).all()
    # Another picture below the open part changes nothing of what is known.
    patched = np.where(left_half()[..., None], noise(5), noise(1))
    other = inputs(editor, [Edit(patched, "a field of barley", 1, 1.0, left_half())])[0]
    assert torch.equal(other, channels)


def test_other_weights_put_the_known_part_back_at_each_step(folders, monkeypatch):
    editor = tiny(folders["sdxl"], "inpainting")
    decoded, decode = [], editor.model.vae.decode
    monkeypatch.setattr(editor.model.vae, "decode", lambda latents, **rest: decoded.append(latents) or decode(latents))
    for text in ("a field of barley", "the sea at night"):
        editor.edit([edit(1, text, 1.0, left_half())])
    first, second = decoded
    assert torch.equal(first[..., 4:], second[..., 4:])
    assert not torch.equal(first[..., :4], second[..., :4])


class Fake:
    """A pipeline without a model; keeps what it is called with, and is blank for the first tries at some seeds."""

    def __init__(self, blank_tries=()):
        self.blank_tries = blank_tries
        self.calls = []

    def __call__(self, prompt, image, mask_image, strength, generator, width, height, output_type):
        self.calls.append(types.SimpleNamespace(image=image, mask=mask_image, strength=strength, seeds=[]))
        pictures = []
        for one in generator:
            seed = one.initial_seed()
            self.calls[-1].seeds.append(seed)
            picture = np.random.default_rng(seed).random((height, width, 3))
            pictures.append(picture * 0 if seed in self.blank_tries else picture)
        return types.SimpleNamespace(images=np.stack(pictures))


def faked(blank_tries=(), **settings):
    class Faked(DiffusionEditor):
        def load(self):
            return Fake(blank_tries)

    usual = {"steps": 4, "batch_size": 1, "width": 64, "height": 64, "device": "cpu"}
    editor = Faked(**usual | {"task": "inpainting"} | settings)
    return editor, editor.model.calls


@pytest.mark.parametrize("size", [(60, 40), (64, 64), (200, 90), (31, 127)])
def test_mask_and_picture_reach_the_pipeline_in_line_and_white_is_open(size):
    mask = np.random.default_rng(0).random((size[1] // 4 + 1, size[0] // 4 + 1)) < 0.5
    mask = np.kron(mask, np.ones((4, 4), bool))[: size[1], : size[0]]
    picture = np.repeat(mask[..., None], 3, axis=2).astype(np.uint8) * 255  # white where it is open
    editor, calls = faked(width=128, height=64)
    (made,) = editor.edit([Edit(picture, "a field", 1, 1.0, mask)])
    given, seen = np.asarray(calls[0].mask[0]), np.asarray(calls[0].image[0])
    # Each pixel of the canvas has the value below its centre.
    rows = ((np.arange(64) + 0.5) * size[1] / 64).astype(int)
    columns = ((np.arange(128) + 0.5) * size[0] / 128).astype(int)
    assert np.array_equal(given, mask[rows][:, columns] * 255)
    assert seen.shape == (64, 128, 3) and ((seen[..., 0] > 127) == (given > 0)).mean() > 0.85
    assert made.shape == picture.shape


@pytest.mark.parametrize(
    ("weights", "task", "words"),
    [
        (
            "words-only",
            "image-to-image",
            "is a StableDiffusionSAGPipeline, which takes no image: give an image-to-image",
        ),
        ("instruct", "image-to-image", "takes no strength: give an image-to-image pipeline"),
        ("sd1-inpainting", "image-to-image", "has 9 input channels, .* give an image-to-image pipeline, .* has 4$"),
        ("instruct", "inpainting", "takes no mask_image: give an inpainting pipeline"),
        ("sd1", "instruction", "takes no image: give an instruction pipeline"),
        ("wide", "inpainting", "has 8 input channels, .* give an inpainting pipeline, .* has 4 or 9$"),
    ],
)
def test_weights_of_another_task_are_refused_in_a_line(folders, tmp_path, weights, task, words):
    sources = {"words-only": ("sd1", "StableDiffusionSAGPipeline"), "wide": ("instruct", "StableDiffusionPipeline")}
    if weights in sources:
        name, kind = sources[weights]
        folder = shutil.copytree(folders[name], tmp_path / weights)
        index = json.loads((folder / "model_index.json").read_text())
        (folder / "model_index.json").write_text(json.dumps({**index, "_class_name": kind}))
    else:
        folder = folders[weights]
    with pytest.raises(PretrainedError, match=words) as caught:
        tiny(folder, task).edit([edit(1)])
    assert str(folder) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("task", ["image-to-image", "instruction"])
def test_a_mask_that_would_not_be_heeded_is_refused(task):
    with pytest.raises(ValueError, match=f"the task {task} knows no mask"):
        DiffusionEditor(task=task).edit([edit(1, mask=left_half())])


@pytest.mark.parametrize(("weights", "task"), [("sdxl-inpainting", "inpainting")])
def test_float16_makes_nearly_the_same_picture(folders, weights, task):
    single, half = (tiny(folders[weights], task, dtype=dtype).edit([edit(1)])[0] for dtype in ("float32", "float16"))
    assert contrast(half) > BLANK
    assert np.abs(single.astype(int) - half).mean() < 1
