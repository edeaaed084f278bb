import inspect

import numpy as np
import pytest
from jsonargparse import ArgumentError, ArgumentParser
from tiny.flux import save_tiny_flux
from tiny.sd1 import save_tiny_sd1
from tiny.sdxl import save_tiny_sdxl

from aga_lightning.augment.base import Caption, Prompt, Scene
from aga_lightning.augment.painters.contrast import BLANK, contrast
from aga_lightning.augment.painters.diffusion import DiffusionPainter
from aga_lightning.augment.pretrained import PretrainedError


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("weights")
    return {
        "sdxl": save_tiny_sdxl(root / "sdxl"),
        "sd1": save_tiny_sd1(root / "sd1"),
        "flux": save_tiny_flux(root / "flux"),
    }


@pytest.fixture
def sdxl(folders):
    return str(folders["sdxl"])


def scene(seed, text="a field of barley", size=(64, 64)):
    return Scene(Caption(text, Prompt("", "", "")), size, seed)


def tiny(weights, **settings):
    return DiffusionPainter(**{"weights": str(weights), "steps": 2, "batch_size": 2, "device": "cpu"} | settings)


def differing(images, others):
    """The share of pixels that differ, and by how many levels at most."""
    gaps = np.abs(np.asarray(images, int) - np.asarray(others, int))
    return (gaps > 0).mean(), gaps.max()


@pytest.fixture(scope="session")
def painter(folders):
    return tiny(folders["sdxl"])


def test_images_are_pictures_of_the_asked_size(painter):
    images = painter.paint([scene(1), scene(2, size=(72, 48)), scene(3), scene(4, size=(50, 44))])
    assert [image.shape for image in images] == [(64, 64, 3), (48, 72, 3), (64, 64, 3), (44, 50, 3)]
    assert all(image.dtype == np.uint8 and contrast(image) > BLANK for image in images)


def test_caption_and_seed_make_the_image(painter):
    again, same, other_seed, other_words = painter.paint([scene(1), scene(1), scene(2), scene(1, "the sea at night")])
    assert (again == same).all()
    assert differing(same, other_seed)[0] > 0.2
    assert differing(same, other_words)[0] > 0.01


def test_neither_companions_nor_order_nor_a_batch_left_short_change_a_bit(painter):
    scenes = [scene(seed, f"place {seed}") for seed in range(5)]
    images = painter.paint(scenes)
    backwards = painter.paint(scenes[::-1])[::-1]
    alone = [painter.paint([one])[0] for one in scenes]
    assert np.array_equal(images, backwards) and np.array_equal(images, alone)


def test_another_batch_size_moves_few_pixels_by_one_level(painter, sdxl):
    scenes = [scene(seed) for seed in range(4)]
    for size in (1, 3, 4):
        share, most = differing(painter.paint(scenes), tiny(sdxl, batch_size=size).paint(scenes))
        assert share < 1e-3 and most <= 1


def test_the_default_is_the_papers_model_with_the_pipelines_own_defaults():
    from diffusers import StableDiffusionXLPipeline

    defaults = inspect.signature(StableDiffusionXLPipeline.__call__).parameters
    painter = DiffusionPainter()
    assert painter.weights == "stabilityai/stable-diffusion-xl-base-1.0"
    assert painter.steps == defaults["num_inference_steps"].default
    assert painter.guidance == defaults["guidance_scale"].default
    assert painter.canvas((640, 480)) == (1024, 1024)
    assert painter.denoiser_calls_per_image() == 100


def test_the_canvas_is_known_without_loading(sdxl, monkeypatch):
    monkeypatch.setattr(DiffusionPainter, "load", lambda self: pytest.fail("loaded"))
    painter = tiny(sdxl)
    assert painter.canvas((300, 200)) == (64, 64)
    assert tiny(sdxl, width=96).canvas((300, 200)) == (96, 64)
    assert tiny("no/such", width=512, height=768).canvas((300, 200)) == (512, 768)


@pytest.mark.parametrize(
    ("family", "settings"),
    [("sdxl", {"steps": 3}), ("sdxl", {"steps": 3, "guidance": 1.0}), ("flux", {"steps": 3}),
     ("sd1", {"steps": 2, "scheduler": "DDIMScheduler"})],
)  # fmt: skip
def test_denoiser_calls_are_told_as_they_are_counted(folders, family, settings):
    painter = tiny(folders[family], **settings)
    told = painter.denoiser_calls_per_image()
    counted = []
    denoiser = painter.model.unet if family != "flux" else painter.model.transformer
    denoiser.register_forward_pre_hook(
        lambda module, args, kwargs: counted.append(len(args[0] if args else kwargs["hidden_states"])), with_kwargs=True
    )
    painter.paint([scene(1), scene(2)])
    assert sum(counted) == 2 * told


def test_a_negative_prompt_makes_a_difference_where_it_is_taken(painter, sdxl, folders):
    other = tiny(sdxl, negative_prompt="birds")
    assert differing(painter.paint([scene(1)]), other.paint([scene(1)]))[0] > 0.01
    flux = tiny(folders["flux"], negative_prompt="birds")
    with pytest.warns(UserWarning, match="takes no negative prompt: 'birds' has no effect"):
        images = flux.paint([scene(1)])
    assert np.array_equal(images, tiny(folders["flux"]).paint([scene(1)]))


def test_other_families_paint_too(folders):
    for family in ("sd1", "flux"):
        images = tiny(folders[family], max_sequence_length=64).paint([scene(1), scene(2), scene(1)])
        assert images[0].shape == (64, 64, 3) and contrast(images[0]) > BLANK
        assert np.array_equal(images[0], images[2]) and differing(images[0], images[1])[0] > 0.2


def test_weights_that_cannot_be_used_name_the_remedy(tmp_path):
    with pytest.raises(PretrainedError, match="is it a text-to-image pipeline of diffusers, and complete"):
        tiny(tmp_path).paint([scene(1)])


def test_a_setting_of_the_scheduler_names_no_class():
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(DiffusionPainter, "painter")
    found = parser.parse_args(["--painter.scheduler_settings", "{timestep_spacing: trailing, steps_offset: 1}"])
    assert found.painter.scheduler_settings == {"timestep_spacing": "trailing", "steps_offset": 1}
    with pytest.raises(ArgumentError, match="scheduler_settings"):
        parser.parse_object({"painter": {"scheduler_settings": {"spacing": {"class_path": "os.getcwd"}}}})
