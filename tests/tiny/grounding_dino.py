"""Tiny random checkpoints of transformers' GroundingDINO and MM-Grounding-DINO."""

from pathlib import Path
from typing import Any

import torch
from tiny.bert import bert_config, write_bert_tokenizer
from transformers import (
    GroundingDinoConfig,
    GroundingDinoForObjectDetection,
    GroundingDinoImageProcessor,
    GroundingDinoProcessor,
    MMGroundingDinoConfig,
    MMGroundingDinoForObjectDetection,
    SwinConfig,
)


def _settings() -> dict[str, Any]:
    """Two decoder layers: with one, its box head is tied to nothing, and cannot be saved."""
    swin = SwinConfig(
        image_size=64,
        patch_size=4,
        embed_dim=8,
        depths=[1, 1, 1, 1],
        num_heads=[1, 2, 2, 2],
        window_size=4,
        out_features=["stage2", "stage3", "stage4"],
    )
    return {
        "backbone_config": swin,
        "text_config": bert_config(),
        "num_queries": 12,
        "d_model": 32,
        "encoder_layers": 1,
        "decoder_layers": 2,
        "encoder_ffn_dim": 32,
        "decoder_ffn_dim": 32,
        "encoder_attention_heads": 4,
        "decoder_attention_heads": 4,
        "disable_custom_kernels": True,
    }


def _save(model: Any, folder: Path) -> Path:
    """Save a model whose scores are not all 1, with its processor.

    Images below 128 pixels would leave the coarsest level a single cell, which fails.
    """
    with torch.no_grad():
        model.model.text_projection.weight.mul_(0.2)
    tokenizer = write_bert_tokenizer(folder)
    images = GroundingDinoImageProcessor(size={"shortest_edge": 128, "longest_edge": 256})
    model.save_pretrained(folder)
    GroundingDinoProcessor(images, tokenizer).save_pretrained(folder)
    return folder


def save_grounding_dino(folder: Path, seed: int = 0) -> Path:
    """Save a GroundingDINO of random weights."""
    torch.manual_seed(seed)
    return _save(GroundingDinoForObjectDetection(GroundingDinoConfig(**_settings())), folder)


def save_mm_grounding_dino(folder: Path, seed: int = 0) -> Path:
    """Save an MM-Grounding-DINO of random weights."""
    torch.manual_seed(seed)
    return _save(MMGroundingDinoForObjectDetection(MMGroundingDinoConfig(**_settings())), folder)
