"""Tiny checkpoints of the SAM family of transformers, with random weights and the real classes."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn
from transformers import (
    PreTrainedModel,
    Sam2Config,
    Sam2ImageProcessor,
    Sam2Model,
    Sam2Processor,
    Sam2VideoConfig,
    Sam2VideoModel,
    Sam2VideoProcessor,
    Sam2VideoVideoProcessor,
    Sam3ImageProcessor,
    Sam3TrackerConfig,
    Sam3TrackerModel,
    Sam3TrackerProcessor,
    SamConfig,
    SamImageProcessor,
    SamModel,
    SamProcessor,
)

DECODER = {"hidden_size": 32, "mlp_dim": 64, "num_attention_heads": 2}


def prompt_encoder(size: int, patch: int) -> dict[str, int]:
    """Settings of a prompt encoder for images of one size and patches of another, in pixels."""
    return {"hidden_size": 32, "image_size": size, "patch_size": patch, "mask_input_channels": 4}


def stirred(model: PreTrainedModel) -> PreTrainedModel:
    """The model with larger random weights: as transformers draws them, masks hardly depend on the image."""
    torch.manual_seed(0)
    for weight in model.parameters():
        if weight.dim() > 1:
            nn.init.normal_(weight, std=weight[0].numel() ** -0.5)
    return model


def save_sam(folder: Path) -> None:
    """SAM at 128 px."""
    size = 128
    config = SamConfig(
        vision_config={
            "hidden_size": 32,
            "output_channels": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": size,
            "patch_size": 16,
            "window_size": 4,
            "global_attn_indexes": [1],
            "num_pos_feats": 16,
            "mlp_dim": 64,
        },
        prompt_encoder_config={**prompt_encoder(size, 16), "image_embedding_size": size // 16},
        mask_decoder_config={**DECODER, "iou_head_hidden_dim": 32},
    )
    stirred(SamModel(config)).save_pretrained(folder)
    image_processor = SamImageProcessor(
        size={"longest_edge": size},
        pad_size={"height": size, "width": size},
        mask_size={"longest_edge": size // 4},
        mask_pad_size={"height": size // 4, "width": size // 4},
    )
    SamProcessor(image_processor).save_pretrained(folder)


def sam2_settings(size: int) -> dict[str, dict[str, object]]:
    """What the configurations of SAM 2 for images and for video have in common."""
    return {
        "vision_config": {
            "backbone_config": {
                "model_type": "sam2_hiera_det_model",
                "hidden_size": 16,
                "num_attention_heads": 1,
                "image_size": [size, size],
                "window_positional_embedding_background_size": [2, 2],
                "blocks_per_stage": [1, 1, 2, 1],
                "embed_dim_per_stage": [16, 32, 64, 128],
                "num_attention_heads_per_stage": [1, 2, 4, 8],
                "window_size_per_stage": [4, 4, 4, 4],
                "global_attention_blocks": [3],
            },
            "backbone_channel_list": [128, 64, 32, 16],
            "backbone_feature_sizes": [[64, 64], [32, 32], [16, 16]],
            "fpn_hidden_size": 32,
        },
        "prompt_encoder_config": {**prompt_encoder(size, 16)},
        "mask_decoder_config": {**DECODER},
    }


def sam2_image_processor(size: int) -> Sam2ImageProcessor:
    """SAM 2 and 3 squeeze an image into a square."""
    return Sam2ImageProcessor(size={"height": size, "width": size}, mask_size={"height": 64, "width": 64})


def save_sam2(folder: Path) -> None:
    """SAM 2 at 256 px."""
    size = 256
    stirred(Sam2Model(Sam2Config(**sam2_settings(size)))).save_pretrained(folder)
    Sam2Processor(sam2_image_processor(size), target_size=size).save_pretrained(folder)


def save_sam2_video(folder: Path) -> None:
    """SAM 2 as its authors publish it: with the parts for video, of which an image needs none."""
    size = 256
    config = Sam2VideoConfig(
        **sam2_settings(size),
        image_size=size,
        memory_attention_hidden_size=32,
        memory_attention_num_layers=1,
        memory_attention_feed_forward_hidden_size=32,
        memory_attention_rope_feat_sizes=[16, 16],
        memory_encoder_hidden_size=32,
        memory_encoder_output_channels=16,
        mask_downsampler_embed_dim=32,
        memory_fuser_embed_dim=32,
        memory_fuser_intermediate_dim=32,
        memory_fuser_num_layers=1,
    )
    stirred(Sam2VideoModel(config)).save_pretrained(folder)
    images, videos = sam2_image_processor(size), Sam2VideoVideoProcessor()
    Sam2VideoProcessor(images, videos, target_size=size).save_pretrained(folder)


def save_sam3_tracker(folder: Path) -> None:
    """The part of SAM 3 that is asked about boxes, at 224 px."""
    size = 224
    config = Sam3TrackerConfig(
        vision_config={
            "model_type": "sam3_vision_model",
            "backbone_config": {
                "model_type": "sam3_vit_model",
                "hidden_size": 32,
                "intermediate_size": 64,
                "num_hidden_layers": 2,
                "num_attention_heads": 2,
                "image_size": size,
                "patch_size": 14,
                "window_size": 4,
                "global_attn_indexes": [1],
                "pretrain_image_size": 112,
            },
            "fpn_hidden_size": 32,
            "backbone_feature_sizes": [[64, 64], [32, 32], [16, 16]],
        },
        prompt_encoder_config=prompt_encoder(size, 14),
        mask_decoder_config=DECODER,
    )
    stirred(Sam3TrackerModel(config)).save_pretrained(folder)
    images = Sam3ImageProcessor(size={"height": size, "width": size}, mask_size={"height": 64, "width": 64})
    Sam3TrackerProcessor(images, target_size=size).save_pretrained(folder)


SAVERS: dict[str, Callable[[Path], None]] = {
    "sam": save_sam,
    "sam2": save_sam2,
    "sam2_video": save_sam2_video,
    "sam3_tracker": save_sam3_tracker,
}
"""What saves a checkpoint into a folder, by the model's name."""
