"""A FLUX.1 of a few thousand random weights: a transformer, two text encoders, no negative prompt of its own."""

from pathlib import Path

import torch
from diffusers import FlowMatchEulerDiscreteScheduler, FluxPipeline, FluxTransformer2DModel
from tiny.clip import byte_characters, clip_text_config, clip_tokenizer
from tiny.sdxl import tiny_vae
from transformers import CLIPTextModel, T5Config, T5EncoderModel, T5Tokenizer


def save_tiny_flux(folder: Path, seed: int = 0) -> Path:
    """Save a pipeline as `save_pretrained` does, and return its folder."""
    torch.manual_seed(seed)
    pieces = ["<pad>", "</s>", "<unk>", "\u2581", *byte_characters()]
    tokenizer = T5Tokenizer(vocab=[(piece, -1.0) for piece in dict.fromkeys(pieces)], extra_ids=0)
    pipeline = FluxPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=tiny_vae(scaling_factor=0.3611, shift_factor=0.1159),
        text_encoder=CLIPTextModel(clip_text_config()),
        tokenizer=clip_tokenizer(folder / "tokenizer"),
        text_encoder_2=T5EncoderModel(
            T5Config(vocab_size=len(tokenizer), d_model=32, d_kv=8, d_ff=37, num_layers=1, num_heads=4)
        ),
        tokenizer_2=tokenizer,
        transformer=FluxTransformer2DModel(
            in_channels=16,  # 4 latent channels, 2 x 2 of them a token
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=32,
            pooled_projection_dim=32,
            axes_dims_rope=(4, 4, 8),
        ),
    )
    pipeline.save_pretrained(folder)
    return folder
