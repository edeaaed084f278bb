"""A tiny variant of the `segment-anything` package, plugged in where its three sizes are registered."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import torch
from segment_anything import sam_model_registry
from segment_anything.modeling import ImageEncoderViT, MaskDecoder, PromptEncoder, Sam, TwoWayTransformer
from torch import nn

from aga_lightning.augment.segmenters.segment_anything_checkpoint import SIZES

WIDTH = 32


def build(checkpoint: None = None, size: int = 256) -> Sam:
    """The package's own classes as its registry puts them together, narrow and shallow, at `size` px."""
    grid = size // 16
    return Sam(
        image_encoder=ImageEncoderViT(
            depth=2,
            embed_dim=WIDTH,
            img_size=size,
            norm_layer=partial(nn.LayerNorm, eps=1e-6),
            num_heads=2,
            use_rel_pos=True,
            global_attn_indexes=(1,),
            window_size=4,
            out_chans=32,
        ),
        prompt_encoder=PromptEncoder(32, (grid, grid), (size, size), mask_in_chans=4),
        mask_decoder=MaskDecoder(
            transformer_dim=32,
            transformer=TwoWayTransformer(depth=2, embedding_dim=32, num_heads=2, mlp_dim=64),
            iou_head_hidden_dim=32,
        ),
        pixel_mean=[123.675, 116.28, 103.53],
        pixel_std=[58.395, 57.12, 57.375],
    ).eval()


def save(file: Path) -> None:
    """Save a checkpoint as the authors do: a bare state dict."""
    torch.manual_seed(0)
    model = build()
    for weight in model.parameters():
        if weight.dim() > 1:  # as the package draws them, masks hardly depend on the box
            nn.init.normal_(weight, std=weight[0].numel() ** -0.5)
    nn.init.constant_(model.mask_decoder.iou_prediction_head.layers[-1].bias, 0.5)
    torch.save(model.state_dict(), file)


@contextmanager
def plugged_in() -> Iterator[None]:
    """Make the tiny variant one of the sizes, for the time of a `with` block."""
    SIZES[WIDTH] = "vit_tiny"
    sam_model_registry["vit_tiny"] = build
    try:
        yield
    finally:
        del SIZES[WIDTH], sam_model_registry["vit_tiny"]
