"""A Stable Diffusion 1.x of a few thousand random weights, with its safety checker; its own size is 64 pixels.

InstructPix2Pix is the same with a UNet that is shown the image too, inpainting weights with one that is shown the known
part and where it is.
"""

from pathlib import Path

import torch
from diffusers import (
    DiffusionPipeline,
    EulerAncestralDiscreteScheduler,
    PNDMScheduler,
    StableDiffusionInpaintPipeline,
    StableDiffusionInstructPix2PixPipeline,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker
from tiny.clip import clip_text_config, clip_tokenizer
from tiny.sdxl import tiny_vae
from transformers import CLIPConfig, CLIPImageProcessor, CLIPTextModel


def save_tiny_sd1(folder: Path, seed: int = 0) -> Path:
    """Save a pipeline as `save_pretrained` does, and return its folder."""
    return _save(folder, seed, StableDiffusionPipeline, 4)


def save_tiny_inpainting(folder: Path, seed: int = 0) -> Path:
    """Inpainting weights, likewise."""
    return _save(folder, seed, StableDiffusionInpaintPipeline, 9)


def save_tiny_instruct(folder: Path, seed: int = 0) -> Path:
    """InstructPix2Pix with its scheduler, which draws noise at each step; likewise."""
    return _save(folder, seed, StableDiffusionInstructPix2PixPipeline, 8, EulerAncestralDiscreteScheduler)


def _save(folder: Path, seed: int, kind: type[DiffusionPipeline], channels: int, scheduler: type | None = None) -> Path:
    torch.manual_seed(seed)
    unet = UNet2DConditionModel(
        block_out_channels=(16, 32),
        layers_per_block=1,
        sample_size=8,
        in_channels=channels,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=8,
        cross_attention_dim=32,
        norm_num_groups=8,
    )
    tower = {"hidden_size": 32, "intermediate_size": 37, "num_hidden_layers": 1, "num_attention_heads": 4}
    checker = StableDiffusionSafetyChecker(
        CLIPConfig(text_config=tower, vision_config={**tower, "image_size": 30, "patch_size": 15}, projection_dim=32)
    )
    published = PNDMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", skip_prk_steps=True, steps_offset=1
    )
    pipeline = kind(
        vae=tiny_vae(scaling_factor=0.18215),
        text_encoder=CLIPTextModel(clip_text_config()),
        tokenizer=clip_tokenizer(folder / "tokenizer"),
        unet=unet,
        scheduler=published if scheduler is None else scheduler.from_config(published.config),
        safety_checker=checker,
        feature_extractor=CLIPImageProcessor(crop_size={"height": 30, "width": 30}, size={"shortest_edge": 30}),
    )
    pipeline.save_pretrained(folder)
    return folder
