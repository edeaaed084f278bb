"""The last feature map of every family of torchvision's classifiers, found without leaving a trace."""

import pytest
import torch
from torch import nn
from torchvision import models
from torchvision.models import MaxVit, get_model, get_model_builder, list_models

from aga_lightning.explain.grad_cam import grad_cam
from aga_lightning.explain.layers import find_map
from aga_lightning.networks.backbones import build_backbone

# The smallest member of each family, the layer that is known to be its last feature map, and the image's size.
FAMILIES = {
    "alexnet": ("features", 96),
    "convnext_tiny": ("features", 64),
    "densenet121": ("features", 64),
    "efficientnet_b0": ("features", 64),
    "efficientnet_v2_s": ("features", 64),
    "googlenet": ("inception5b", 64),
    "inception_v3": ("Mixed_7c", 128),
    "maxvit": ("blocks.0", 64),
    "mnasnet0_5": ("layers", 64),
    "mobilenet_v2": ("features", 64),
    "mobilenet_v3_small": ("features", 64),
    "regnet_y_400mf": ("trunk_output", 64),
    "resnet18": ("layer4", 64),
    "resnet50": ("layer4", 64),
    "shufflenet_v2_x0_5": ("conv5", 64),
    "squeezenet1_1": ("features", 64),
    "swin_t": ("permute", 64),
    "vgg11": ("features", 64),
    "vit_b_32": ("encoder.layers.encoder_layer_11.ln_1", 64),
}


def build(name):
    if name == "maxvit":  # torchvision's own takes images of 224 px only
        return MaxVit(
            (64, 64), stem_channels=8, partition_size=2, block_channels=[16], block_layers=[1], head_dim=8,
            stochastic_depth_prob=0.0, num_classes=3,
        )  # fmt: skip
    settings = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    if name.startswith("vit"):
        settings["image_size"] = 64
    net = get_model(name, num_classes=3, **settings)
    if name.startswith("vit"):  # torchvision starts the head at zero, where no gradient comes from
        nn.init.normal_(net.heads.head.weight)
    return net


@pytest.mark.parametrize("name", FAMILIES)
def test_the_last_feature_map_of_every_family(name):
    torch.manual_seed(0)
    expected, size = FAMILIES[name]
    net, images = build(name).eval(), torch.randn(2, 3, size, size)
    assert find_map(net, None, images).layer is net.get_submodule(expected)
    attributions = grad_cam(net, images, torch.tensor([0, 2]), relu=False)
    assert attributions.shape == (2, size, size)
    # Untrained nets give tiny values, which still have to differ from place to place.
    assert (attributions.std(dim=(1, 2)) > 1e-3 * attributions.abs().amax(dim=(1, 2))).all()
    assert attributions.abs().amax(dim=(1, 2)).gt(0).all()


def test_no_family_was_forgotten():
    files = {get_model_builder(name).__module__ for name in FAMILIES if name != "maxvit"}
    assert {get_model_builder(name).__module__ for name in list_models(module=models)} - files == {MaxVit.__module__}


@pytest.mark.parametrize("settings", [{}, {"stem": "small", "width": 8}, {"stem": "small"}])
def test_resnets_of_ours_end_in_layer4(settings):
    net = build_backbone("resnet18", 64, **settings)
    assert find_map(net, None, torch.randn(2, 3, 48, 48)).layer is net.layer4


def test_the_layer_is_found_in_a_wrapped_model():
    wrapped = nn.Sequential(nn.Identity(), build_backbone("resnet18", 3, width=8), nn.Identity())
    assert find_map(wrapped, None, torch.randn(1, 3, 64, 64)).layer is wrapped[1].layer4


def test_on_a_small_image_an_earlier_whole_block_is_the_last():
    net = build_backbone("resnet50", 3, width=8)
    assert find_map(net, None, torch.randn(1, 3, 32, 32)).layer is net.layer3


def test_pooling_dropout_and_identity_are_passed_over():
    net = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Identity(), nn.Dropout2d(), nn.AdaptiveAvgPool2d(2), nn.Flatten()
    )
    assert find_map(net, None, torch.randn(1, 1, 8, 8)).layer is net[1]


def test_a_module_that_is_used_twice_counts_by_its_last_use():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second, self.pool = nn.Conv2d(1, 2, 3), nn.Conv2d(2, 2, 3), nn.MaxPool2d(2)

        def forward(self, images):
            return self.pool(self.second(self.pool(self.first(images)))).flatten(2).sum(2) @ torch.ones(2, 2)

    net = Net()
    assert find_map(net, None, torch.randn(1, 1, 14, 14)).layer is net.pool
    assert find_map(net, None, torch.randn(1, 1, 10, 10)).layer is net.second


def test_looking_leaves_no_trace():
    class Drawing(nn.Module):
        def forward(self, images):
            return images + torch.rand(1)

    net = nn.Sequential(Drawing(), build_backbone("resnet18", 3, width=8), nn.Dropout(0.5)).train()
    net[1].layer1.eval()
    modes = [module.training for module in net.modules()]
    state = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        find_map(net, None, torch.randn(2, 3, 64, 64, generator=torch.Generator()))
    assert torch.rand(3).equal(expected)
    assert modes == [module.training for module in net.modules()]
    assert all(tensor.equal(state[name]) for name, tensor in net.state_dict().items())
    assert not any(module._forward_hooks for module in net.modules())


def test_nothing_stays_behind_when_the_model_fails():
    net = build_backbone("resnet18", 3, width=8).train()
    with pytest.raises(RuntimeError, match="channels"):
        find_map(net, None, torch.randn(1, 5, 64, 64))
    assert net.training and net.layer4.training
    assert not any(module._forward_hooks for module in net.modules())


def test_a_model_without_feature_maps_is_told_what_else_there_is():
    with pytest.raises(ValueError, match=r"No layer of the Sequential .* 8 x 8; use a method that needs no layer"):
        find_map(nn.Sequential(nn.Flatten(), nn.Linear(64, 2)), None, torch.randn(1, 1, 8, 8))


def test_a_layer_by_name_or_itself():
    net, images = build_backbone("resnet18", 3, width=8), torch.randn(1, 3, 64, 64)
    assert find_map(net, "layer3", images).layer is net.layer3
    assert find_map(net, "layer3.1.conv2", images).layer is net.layer3[1].conv2
    assert find_map(net, net.layer2, images).layer is net.layer2
    assert find_map(net, None, images).layer is net.layer4


def test_layers_that_cannot_be_looked_at_are_told_with_those_that_can():
    net, images = build_backbone("resnet18", 3, width=8), torch.randn(1, 3, 64, 64)
    net.add_module("spare", nn.Conv2d(3, 3, 1))
    do = "layers that will do are layer4, layer4.0, layer3, layer3.0, layer2"
    for layer, message in {
        "layer5": r"The ResNet has no layer 'layer5'; near it are layer\d, layer\d",
        "blocks": rf"The ResNet has no layer 'blocks'; {do}",
        "spare": rf"The ResNet does not use its layer 'spare' \(Conv2d\), .*; {do}",
        "fc": rf"'fc' \(Linear\) returns a tensor \(1, 3\) for one image; {do}",
        nn.Conv2d(1, 1, 1): "a Conv2d, is no module of the ResNet",
    }.items():
        with pytest.raises(ValueError, match=message):
            find_map(net, layer, images)
    assert not any(module._forward_hooks for module in net.modules())
