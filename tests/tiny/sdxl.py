"""A Stable Diffusion XL of a few thousand random weights, whose own size is 64 pixels."""

from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    DiffusionPipeline,
    EulerDiscreteScheduler,
    StableDiffusionXLInpaintPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from tiny.clip import clip_text_config, clip_tokenizer
from transformers import CLIPTextModel, CLIPTextModelWithProjection


def tiny_vae(scaling_factor: float = 0.13025, shift_factor: float | None = None) -> AutoencoderKL:
    """Three halvings, as Stable Diffusion and FLUX have them: 8 pixels a latent; four channels."""
    return AutoencoderKL(
        block_out_channels=(8, 8, 8, 8),
        in_channels=3,
        out_channels=3,
        norm_num_groups=4,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        latent_channels=4,
        sample_size=64,
        scaling_factor=scaling_factor,
        shift_factor=shift_factor,
    )


def tiny_sdxl_unet(seed: int = 0, channels: int = 4) -> UNet2DConditionModel:
    """The denoiser alone; another seed gives other weights of the same shapes."""
    torch.manual_seed(seed)
    return UNet2DConditionModel(
        block_out_channels=(16, 32),
        layers_per_block=1,
        sample_size=8,
        in_channels=channels,
        out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=(2, 4),
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        transformer_layers_per_block=(1, 1),
        projection_class_embeddings_input_dim=6 * 8 + 32,  # six numbers about the size, and the pooled text
        cross_attention_dim=64,
        norm_num_groups=8,
    )


def save_tiny_sdxl(folder: Path, seed: int = 0) -> Path:
    """Save a pipeline as `save_pretrained` does, and return its folder."""
    return _save(folder, StableDiffusionXLPipeline, tiny_sdxl_unet(seed))


def save_tiny_sdxl_inpainting(folder: Path, seed: int = 0) -> Path:
    """Weights for inpainting, whose UNet is shown the known part and where it is; likewise."""
    return _save(folder, StableDiffusionXLInpaintPipeline, tiny_sdxl_unet(seed, 9))


def _save(folder: Path, kind: type[DiffusionPipeline], unet: UNet2DConditionModel) -> Path:
    pipeline = kind(
        vae=tiny_vae(),
        text_encoder=CLIPTextModel(clip_text_config()),
        text_encoder_2=CLIPTextModelWithProjection(clip_text_config()),
        tokenizer=clip_tokenizer(folder / "tokenizer"),
        tokenizer_2=clip_tokenizer(folder / "tokenizer_2", pad="!"),
        unet=unet,
        scheduler=EulerDiscreteScheduler(
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule="scaled_linear",
            steps_offset=1,
            timestep_spacing="leading",
        ),
        add_watermarker=False,
    )
    pipeline.save_pretrained(folder)
    return folder
