from dataclasses import replace

import pytest
import torch
import torchvision
from torch import nn

from aga_lightning.networks.backbones import build_backbone
from aga_lightning.networks.network import Inputs, without_numbers
from aga_lightning.networks.stages import head_names
from aga_lightning.networks.torchvision_nets import TorchvisionNet, backbone_names


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "resnet101", "resnet152"])
def test_the_papers_resnets_are_torchvisions_with_our_head(name):
    ours = build_backbone(name, num_classes=7)
    theirs = torchvision.models.get_model(name, num_classes=7)
    assert {key: value.shape for key, value in ours.state_dict().items()} == {
        key: value.shape for key, value in theirs.state_dict().items()
    }


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"no backbone 'resnet19'.*resnet18"):
        build_backbone("resnet19", num_classes=2)


def test_backbones_answer_with_one_tensor():
    assert {"resnet18", "resnet152", "convnext_tiny", "vit_b_32", "swin_t"} <= set(backbone_names())
    assert not {"googlenet", "inception_v3"} & set(backbone_names())  # a tuple while training


def test_width_scales_every_layer_and_nothing_else():
    full, slim = build_backbone("resnet18", 5), build_backbone("resnet18", 5, width=16)
    for (name, wide), narrow in zip(full.named_parameters(), slim.parameters(), strict=True):
        outputs = 5 if name.startswith("fc") else wide.shape[0] // 4
        assert narrow.shape[0] == outputs, name
        if wide.ndim > 1:
            assert narrow.shape[1] == (3 if name == "conv1.weight" else wide.shape[1] // 4), name
    assert slim(torch.zeros(2, 3, 64, 64)).shape == (2, 5)


def test_a_width_can_be_asked_of_bottlenecks_and_groups():
    for name in ("resnet50", "resnext50_32x4d"):
        assert build_backbone(name, 5, width=32).eval()(torch.zeros(1, 3, 64, 64)).shape == (1, 5)


def test_slim_layers_start_as_torchvisions_do():
    torch.manual_seed(0)
    weight = build_backbone("resnet18", 5, width=32).get_parameter("layer3.0.conv1.weight")
    fan_out = weight.shape[0] * 9
    assert weight.std().item() == pytest.approx((2 / fan_out) ** 0.5, rel=0.02)


@pytest.mark.parametrize(("stem", "expected"), [("imagenet", 2), ("small", 8)])
def test_the_small_stem_keeps_the_size_of_the_image(stem, expected):
    net = build_backbone("resnet18", 5, stem=stem, width=8)
    sizes = []
    net.get_submodule("layer4").register_forward_hook(lambda module, inputs, output: sizes.append(output.shape[-2:]))
    net(torch.zeros(2, 3, 64, 64))
    assert sizes == [(expected, expected)]


@pytest.mark.parametrize("settings", [{"stem": "small"}, {"width": 32}])
def test_only_resnets_have_a_stem_and_a_width(settings):
    with pytest.raises(ValueError, match="mobilenet_v3_small has no stem or width"):
        build_backbone("mobilenet_v3_small", 5, **settings)


def test_the_same_seed_gives_the_same_net():
    nets = []
    for _ in range(2):
        torch.manual_seed(3)
        nets.append(build_backbone("resnet18", 5, stem="small", width=8).state_dict())
    assert all(torch.equal(nets[0][key], nets[1][key]) for key in nets[0])


def test_the_head_is_the_layer_with_the_classes():
    head = build_backbone("resnet18", 5).get_submodule(head_names(build_backbone("resnet18", 5))[0])
    assert isinstance(head, nn.Linear)
    assert head.out_features == 5


def test_a_file_of_1000_classes_is_judged_on_ten_of_them_without_training(tmp_path):
    torch.manual_seed(1)
    indices = (19, 20, 33, 37, 57, 65, 72, 78, 81, 83)
    whole = torchvision.models.resnet18(num_classes=1000)
    torch.save(whole.state_dict(), tmp_path / "resnet18.pth")
    ours = build_backbone("resnet18", len(indices), weights=str(tmp_path / "resnet18.pth"), head_rows=indices)
    images = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(ours.eval()(images), whole.eval()(images)[:, indices])


def test_all_networks_but_one_were_trained_with_imagenets_mean_and_deviation():
    imagenet, half = Inputs(None, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)), Inputs(None, (0.5,) * 3, (0.5,) * 3)
    for name in backbone_names():
        found = TorchvisionNet(name).inputs
        assert replace(found, image_size=None) == (half if name == "efficientnet_v2_l" else imagenet), name


@pytest.mark.parametrize("name", ["resnet18", "convnext_tiny", "swin_t", "vit_b_32", "maxvit_t"])
def test_networks_of_one_size_tell_it(name):
    net = without_numbers(lambda: TorchvisionNet(name).build(2)).eval()
    size = TorchvisionNet(name).inputs.image_size
    if size is not None:
        with pytest.raises((AssertionError, ValueError, RuntimeError)):
            net(torch.zeros(1, 3, 128, 128, device="meta"))
    assert net(torch.zeros(1, 3, size or 128, size or 128, device="meta")).shape == (1, 2)
