import json
import shutil

import diffusers
import pytest
import torch
from safetensors.torch import save_file
from tiny.sd1 import save_tiny_sd1
from tiny.sdxl import save_tiny_sdxl, tiny_sdxl_unet

from aga_lightning.augment.painters import pipelines
from aga_lightning.augment.pretrained import PretrainedError


@pytest.fixture(scope="session")
def sdxl(tmp_path_factory):
    return save_tiny_sdxl(tmp_path_factory.mktemp("weights") / "tiny-sdxl")


@pytest.fixture(scope="session")
def sd1(tmp_path_factory):
    return save_tiny_sd1(tmp_path_factory.mktemp("weights") / "tiny-sd1")


def load(folder, **settings):
    return pipelines.load_pipeline(str(folder), torch.float32, **settings)


def altered(folder, copy, **entries):
    """A copy of a folder whose model_index.json says something else."""
    shutil.copytree(folder, copy)
    index = json.loads((copy / "model_index.json").read_text())
    (copy / "model_index.json").write_text(json.dumps({**index, **entries}))
    return copy


def test_what_is_saved_is_loaded_quietly(sdxl, capfd):
    pipeline = load(sdxl)
    assert isinstance(pipeline, diffusers.StableDiffusionXLPipeline)
    assert pipeline.watermark is None
    assert not pipeline.unet.training
    assert pipeline.vae.use_slicing
    assert "%|" not in capfd.readouterr().err


def test_a_safety_checker_is_left_out(sd1):
    assert (sd1 / "safety_checker").is_dir()
    assert load(sd1).safety_checker is None


def test_pipelines_of_other_tasks_are_loaded_as_text_to_image(sdxl, tmp_path):
    folder = altered(sdxl, tmp_path / "copy", _class_name="StableDiffusionXLImg2ImgPipeline")
    assert type(load(folder)) is diffusers.StableDiffusionXLPipeline


def test_weights_that_are_missing_name_the_remedy(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(PretrainedError, match="hf download some/painter"):
        load("some/painter")
    with pytest.raises(PretrainedError, match="is it a text-to-image pipeline of diffusers, and complete"):
        load(tmp_path)


def test_files_cut_short_are_told_in_a_line(sdxl, tmp_path):
    for name in ("unet/diffusion_pytorch_model.safetensors", "text_encoder/model.safetensors"):
        folder = altered(sdxl, tmp_path / name.split("/")[0])
        (folder / name).write_bytes((folder / name).read_bytes()[:3000])
        with pytest.raises(PretrainedError, match="and complete"):
            load(folder)


def test_pickled_weights_are_not_read(sdxl, tmp_path):
    folder = altered(sdxl, tmp_path / "copy")
    file = folder / "unet" / "diffusion_pytorch_model.safetensors"
    torch.save(tiny_sdxl_unet().state_dict(), file.with_suffix(".bin"))
    file.unlink()
    with pytest.raises(PretrainedError, match="no file named diffusion_pytorch_model"):
        load(folder)


def test_code_that_lies_beside_weights_is_not_run(sdxl, tmp_path):
    folder = altered(sdxl, tmp_path / "copy", _class_name=["pipeline", "Mine"])
    code = f"open({str(tmp_path / 'ran')!r}, 'w').close()\nfrom diffusers import StableDiffusionXLPipeline as Mine\n"
    (folder / "pipeline.py").write_text(code)
    with pytest.raises(PretrainedError):
        load(folder)
    assert not (tmp_path / "ran").exists()


def test_a_pipeline_that_is_too_new_or_paints_no_words_is_refused(sdxl, tmp_path):
    with pytest.raises(PretrainedError, match="has no BetterPipeline; a newer one may"):
        load(altered(sdxl, tmp_path / "new", _class_name="BetterPipeline"))
    unet = diffusers.UNet2DModel(
        sample_size=8,
        block_out_channels=(8,),
        norm_num_groups=4,
        down_block_types=("DownBlock2D",),
        up_block_types=("UpBlock2D",),
    )
    diffusers.DDPMPipeline(unet, diffusers.DDPMScheduler()).save_pretrained(tmp_path / "ddpm")
    with pytest.raises(PretrainedError, match="DDPMPipeline, which takes no prompt: give a text-to-image"):
        load(tmp_path / "ddpm")


def test_the_scheduler_is_the_checkpoints_unless_another_is_named(sdxl):
    own = load(sdxl).scheduler
    assert type(own) is diffusers.EulerDiscreteScheduler and own.config.timestep_spacing == "leading"
    trailing = pipelines.make_scheduler(own, None, {"timestep_spacing": "trailing"})
    assert type(trailing) is type(own) and trailing.config.timestep_spacing == "trailing"
    other = load(sdxl, scheduler="DDIMScheduler", scheduler_settings={"timestep_spacing": "trailing"}).scheduler
    assert type(other) is diffusers.DDIMScheduler and other.config.timestep_spacing == "trailing"
    assert other.config.beta_end == own.config.beta_end == 0.012


def test_schedulers_and_settings_that_do_not_exist_are_named():
    own = diffusers.EulerDiscreteScheduler()
    for name in ("EulerScheduler", "UNet2DModel", "__version__"):
        with pytest.raises(PretrainedError, match=f"no scheduler '{name}'"):
            pipelines.make_scheduler(own, name, {})
    with pytest.raises(PretrainedError, match=r"no setting spacing: it has .*timestep_spacing"):
        pipelines.make_scheduler(own, None, {"spacing": "trailing"})


def test_another_denoiser_takes_the_place_of_the_checkpoints_which_is_not_read(sdxl, tmp_path):
    state = tiny_sdxl_unet(seed=1).state_dict()
    save_file(state, tmp_path / "other.safetensors")
    folder = altered(sdxl, tmp_path / "copy")
    (folder / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    loaded = load(folder, denoiser=str(tmp_path / "other.safetensors")).unet
    assert not loaded.training and loaded.dtype == torch.float32
    assert all(torch.equal(value, state[name]) for name, value in loaded.state_dict().items())
    half = pipelines.load_pipeline(str(folder), torch.float16, denoiser=str(tmp_path / "other.safetensors"))
    assert half.unet.dtype == half.vae.dtype == torch.float16


def test_denoisers_that_do_not_fit_are_told_in_a_line(sdxl, tmp_path):
    save_file({"weight": torch.zeros(2)}, tmp_path / "wrong.safetensors")
    with pytest.raises(PretrainedError, match="weights of the unet"):
        load(sdxl, denoiser=str(tmp_path / "wrong.safetensors"))
    (tmp_path / "short.safetensors").write_bytes(b"0" * 30)
    with pytest.raises(PretrainedError, match="cut short"):
        load(sdxl, denoiser=str(tmp_path / "short.safetensors"))


def test_files_of_weights_are_local_or_on_a_hub(tmp_path, monkeypatch):
    asked = []

    def fetch(repository, file):
        asked.append((repository, file))
        return str(tmp_path / "fetched.safetensors")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", fetch)
    (tmp_path / "here.safetensors").touch()
    assert pipelines.weights_file(str(tmp_path / "here.safetensors")) == tmp_path / "here.safetensors"
    assert asked == []
    fetched = pipelines.weights_file("ByteDance/SDXL-Lightning/unets/four.safetensors")
    assert fetched == tmp_path / "fetched.safetensors"
    assert asked == [("ByteDance/SDXL-Lightning", "unets/four.safetensors")]
    for missing in (str(tmp_path / "gone.safetensors"), "gone.safetensors", "org/gone.safetensors"):
        with pytest.raises(PretrainedError, match="is no file"):
            pipelines.weights_file(missing)


def test_lora_weights_need_peft_and_say_so(sdxl, monkeypatch):
    monkeypatch.setattr("diffusers.utils.is_peft_available", lambda: False)
    with pytest.raises(PretrainedError, match="pip install peft"):
        load(sdxl, lora="style.safetensors")


def test_lora_weights_are_added_for_good(sdxl, tmp_path):
    pytest.importorskip("peft", reason="an optional package")
    name = "down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q"
    layer = load(sdxl).unet.get_submodule(name)
    torch.manual_seed(0)
    down, up = torch.randn(2, layer.in_features), torch.randn(layer.out_features, 2)
    save_file({f"unet.{name}.lora_A.weight": down, f"unet.{name}.lora_B.weight": up}, tmp_path / "style.safetensors")
    fused = load(sdxl, lora=str(tmp_path / "style.safetensors")).unet.get_submodule(name)
    assert type(fused) is torch.nn.Linear
    torch.testing.assert_close(fused.weight, layer.weight + up @ down)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("StableDiffusionXLPipeline", True), ("StableDiffusion3Pipeline", True), ("FluxPipeline", False),
     ("LatentConsistencyModelPipeline", False), ("SanaSprintPipeline", False), ("SanaPipeline", True)],
)  # fmt: skip
def test_distilled_families_need_no_second_call(name, expected):
    assert pipelines.guided(getattr(diffusers, name)) is expected


def test_the_own_size_is_read_from_local_files_and_is_1024_for_a_name(sdxl, tmp_path):
    assert pipelines.own_side(str(sdxl)) == 64
    assert pipelines.own_side("stabilityai/stable-diffusion-xl-base-1.0") == 1024
    for part, config in (("transformer", {"sample_size": 32}), ("vae", {"encoder_block_out_channels": [128] * 6})):
        (tmp_path / part).mkdir()
        (tmp_path / part / "config.json").write_text(json.dumps(config))
    assert pipelines.own_side(str(tmp_path)) == 1024
    (tmp_path / "transformer" / "config.json").write_text('{"sample_size": 16}')
    assert pipelines.own_side(str(tmp_path)) == 512
    (tmp_path / "transformer" / "config.json").write_text("broken")
    assert pipelines.own_side(str(tmp_path)) == 1024


def test_the_share_of_steps_is_rounded_as_the_family_does(sdxl, tmp_path):
    for weights in (str(sdxl), "some/name"):
        steps = [pipelines.steps_taken(weights, 50, strength) for strength in (0.01, 0.5, 0.59, 0.9999, 1.0)]
        assert steps == [1, 25, 29, 49, 50]
    (tmp_path / "transformer").mkdir()
    (tmp_path / "transformer" / "config.json").write_text('{"in_channels": 16}')
    steps = [pipelines.steps_taken(str(tmp_path), 50, strength) for strength in (0.01, 0.5, 0.59, 0.9999, 1.0)]
    assert steps == [1, 25, 30, 50, 50]
