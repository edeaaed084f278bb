"""Small networks of timm and torchvision with random weights, and what is known of their last feature maps."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import timm
import torch
from torch import nn
from torchvision import models

_VIT = {"img_size": 32, "patch_size": 8, "embed_dim": 16, "depth": 2, "num_heads": 2}
_SWIN = {"img_size": 32, "window_size": 4, "embed_dim": 8, "depths": (1, 1), "num_heads": (2, 2)}
_TORCHVISION_VIT = {"image_size": 32, "patch_size": 8, "num_layers": 2, "num_heads": 2, "hidden_dim": 16, "mlp_dim": 32}
_TORCHVISION_SWIN = {"patch_size": [4, 4], "window_size": [4, 4], "embed_dim": 8, "depths": [1, 1], "num_heads": [2, 2]}
_MAXVIT = {"img_size": 64, "stem_width": 16}


class Tiny(NamedTuple):
    """A network: timm's where its name is among timm's, torchvision's else.

    Args:
        layer: The dotted name of its last feature map.
        size: Height and width of the images.
        settings: What makes it small.
        axis: The axis of the channels in the layer's output: 1 of maps, 3 of maps with the channels last, 2 of tokens.
        before: How many tokens come before those of the places.
    """

    layer: str
    size: int = 64
    settings: Mapping[str, Any] = MappingProxyType({})
    axis: int = 1
    before: int = 0


TINY = {
    "vit_tiny_patch16_224": Tiny("blocks.1.norm1", 32, _VIT, axis=2, before=1),
    "vit_small_patch14_reg4_dinov2": Tiny("blocks.1.norm1", 32, _VIT, axis=2, before=5),
    "vit_base_patch16_siglip_224": Tiny("norm", 32, _VIT, axis=2),
    "deit_tiny_distilled_patch16_224": Tiny("blocks.1.norm1", 32, _VIT, axis=2, before=2),
    "beit_base_patch16_224": Tiny("blocks.1", 32, _VIT, axis=2, before=1),  # the mean of the patches is classified
    "cait_xxs24_224": Tiny("blocks", 32, _VIT, axis=2),  # its class token comes later
    "MlpMixer": Tiny("norm", 32, {"img_size": 32, "patch_size": 8, "embed_dim": 16, "num_blocks": 2}, axis=2),
    "swin_tiny_patch4_window7_224": Tiny("norm", 32, _SWIN, axis=3),
    "pvt_v2_b0": Tiny("stages", 64, {"depths": (1, 1, 1, 1), "embed_dims": (8, 8, 10, 16)}),
    "maxvit_tiny_rw_224": Tiny("norm", 64, {"embed_dim": (32, 64), "depths": (1, 1), **_MAXVIT}),
    "coatnet_pico_rw_224": Tiny("norm", 64, {"embed_dim": (16, 32, 64, 64), "depths": (1, 1, 1, 1), **_MAXVIT}),
    "convnext_tiny": Tiny("stages", 64, {"depths": (1, 1, 1, 1), "dims": (8, 8, 16, 16)}),
    "test_efficientnet": Tiny("bn2"),
    "mobilenetv3_small_050": Tiny("blocks"),
    "regnetx_002": Tiny("s4"),
    "densenet121": Tiny("features", 64, {"growth_rate": 4, "block_config": (1, 1, 1, 1)}),
    "resnet10t": Tiny("layer4", 64, {"channels": (4, 8, 8, 16)}),
    "mobilenet_v3_small": Tiny("features"),
    "VisionTransformer": Tiny("encoder.layers.encoder_layer_1.ln_1", 32, _TORCHVISION_VIT, axis=2, before=1),
    "SwinTransformer": Tiny("permute", 32, _TORCHVISION_SWIN),
}
_CLASSES = (timm.models.MlpMixer, models.SwinTransformer, models.VisionTransformer)  # not small by their names alone


def build(name, classes=3):
    """One of them in evaluation mode, whose random weights are large enough for its answers to depend on the image."""
    torch.manual_seed(0)
    settings = {"num_classes": classes, **TINY[name].settings}
    named = timm.create_model if timm.is_model(name) else models.get_model
    kind = next((kind for kind in _CLASSES if kind.__name__ == name), None)
    net = named(name, **settings) if kind is None else kind(**settings)
    for weight in net.parameters():
        if weight.ndim > 1:
            nn.init.kaiming_normal_(weight)
    return net.eval()
