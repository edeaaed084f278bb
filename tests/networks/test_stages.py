"""Compared with what torchvision and timm call the stages of their own networks."""

import pytest
import timm
from timm.optim import param_groups_layer_decay
from torch import nn

from aga_lightning.networks.backbones import build_backbone
from aga_lightning.networks.network import without_numbers
from aga_lightning.networks.stages import head_names, parts_of


def planned(name):
    return without_numbers(lambda: build_backbone(name, 5))


@pytest.mark.parametrize(
    ("name", "stages", "neck", "head"),
    [
        ("resnet18", ["conv1", "layer1.", "layer2.", "layer3.", "layer4."], "", "fc"),
        ("resnet101", ["conv1", "layer1.", "layer2.", "layer3.", "layer4."], "", "fc"),
        ("convnext_tiny", [f"features.{stage}." for stage in (0, 1, 3, 5, 7)], "classifier.0", "classifier.2"),
        ("swin_t", [f"features.{stage}." for stage in (0, 1, 3, 5, 7)], "norm", "head"),
        ("densenet121", ["features.conv0", *(f"features.denseblock{one}." for one in (1, 2, 3, 4))], "features.norm5",
         "classifier"),
        ("vit_b_32", ["conv_proj", *(f"encoder.layers.encoder_layer_{one}." for one in range(12))], "encoder.ln",
         "heads.head"),
        ("timm/test_vit", ["pos_embed", *(f"blocks.{one}." for one in range(6))], "norm", "head"),
        ("timm/test_convnext", ["stem.", *(f"stages.{one}." for one in range(4))], "head.norm", "head.fc"),
        ("timm/test_efficientnet", ["conv_stem", *(f"blocks.{one}." for one in range(1, 5))], "conv_head",
         "classifier"),
        ("timm/swin_tiny_patch4_window7_224", ["patch_embed.", *(f"layers.{one}." for one in range(4))], "norm",
         "head.fc"),
        ("timm/deit_tiny_distilled_patch16_224", ["dist_token", *(f"blocks.{one}." for one in range(12))], "norm",
         "head"),
    ],
)  # fmt: skip
def test_a_network_is_divided_as_its_authors_name_its_stages(name, stages, neck, head):
    net = planned(name)
    parts = parts_of(net)
    assert len(parts.stages) == len(stages)
    for number, (stage, found) in enumerate(zip(stages, parts.stages, strict=True)):
        of_stage = {one for one, _ in net.named_parameters() if one.startswith(stage)}
        assert of_stage and of_stage <= set(found), number
    assert all(one.startswith(neck) for one in parts.neck[:1]) and bool(parts.neck) == bool(neck)
    assert all(one.startswith(head) for one in parts.head) and f"{head}.weight" in parts.head
    every = [one for part in (*parts.stages, parts.neck, parts.head) for one in part]
    assert sorted(every) == sorted(one for one, _ in net.named_parameters())


def test_a_stage_is_as_deep_as_timms_layer_decay_counts_it():
    net = timm.create_model("test_vit", num_classes=5)
    names = {id(parameter): name for name, parameter in net.named_parameters()}
    scales = {
        names[id(parameter)]: group["lr_scale"]
        for group in param_groups_layer_decay(net, layer_decay=0.5)
        for parameter in group["params"]
    }
    ours = parts_of(net).depths
    assert scales == {name: 0.5**depth for name, depth in ours.items()}
    assert {ours["head.weight"], ours["norm.weight"], ours["blocks.5.norm1.bias"], ours["pos_embed"]} == {0, 1, 7}


def test_both_heads_of_a_distilled_network_are_its_head():
    assert head_names(planned("timm/deit_tiny_distilled_patch16_224")) == ("head", "head_dist")


def test_a_network_within_another_and_one_of_a_single_layer():
    wrapped = nn.Sequential(nn.Identity(), planned("resnet18"))
    assert len(parts_of(wrapped).stages) == 5 and parts_of(wrapped).head == ("1.fc.weight", "1.fc.bias")
    assert parts_of(nn.Linear(2, 3)).head == ("weight", "bias") and parts_of(nn.Linear(2, 3)).stages == ()
