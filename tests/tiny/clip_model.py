"""Tiny checkpoints of the models that compare images with texts, with random weights and the real classes."""

from collections.abc import Callable
from pathlib import Path

import torch
from tiny.clip import clip_text_config, clip_tokenizer
from transformers import (
    CLIPConfig,
    CLIPImageProcessor,
    CLIPModel,
    CLIPProcessor,
    SiglipConfig,
    SiglipImageProcessor,
    SiglipModel,
    SiglipProcessor,
)

SIDE = 32
VISION = {
    "hidden_size": 32,
    "intermediate_size": 37,
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "image_size": SIDE,
    "patch_size": 8,
}


def save_clip(folder: Path, seed: int = 0) -> None:
    """CLIP at 32 px, with embeddings of 32 numbers."""
    torch.manual_seed(seed)
    config = CLIPConfig(text_config=clip_text_config().to_dict(), vision_config=VISION, projection_dim=32)
    CLIPModel(config).save_pretrained(folder)
    image_processor = CLIPImageProcessor(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE})
    CLIPProcessor(image_processor, clip_tokenizer(folder / "tokenizer")).save_pretrained(folder)


def save_siglip(folder: Path, seed: int = 0) -> None:
    """SigLIP at 32 px; its texts go through CLIP's tokenizer, since its own needs sentencepiece."""
    torch.manual_seed(seed)
    text = {
        **{key: VISION[key] for key in ("hidden_size", "intermediate_size", "num_attention_heads")},
        "num_hidden_layers": 2,
        "vocab_size": 514,
        "max_position_embeddings": 64,
        "projection_size": 32,
        "pad_token_id": 513,
        "bos_token_id": 512,
        "eos_token_id": 513,
    }
    SiglipModel(SiglipConfig(text_config=text, vision_config=VISION)).save_pretrained(folder)
    image_processor = SiglipImageProcessor(size={"height": SIDE, "width": SIDE})
    SiglipProcessor(image_processor, clip_tokenizer(folder / "tokenizer")).save_pretrained(folder)


SAVERS: dict[str, Callable[[Path], None]] = {"clip": save_clip, "siglip": save_siglip}
"""What saves a checkpoint into a folder, by the model's name."""
