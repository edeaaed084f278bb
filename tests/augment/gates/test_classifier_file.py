import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from aga_lightning.augment.gates.classifier_file import read_classifier
from aga_lightning.networks.backbones import build_backbone
from aga_lightning.networks.weights_files import WeightsError

IMAGES = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def tiny(name="resnet18", classes=3, **settings):
    """A net whose running statistics are not those it starts with."""
    torch.manual_seed(0)
    net = build_backbone(name, classes, **settings)
    for layer in net.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.normal_()
    return net.eval()


def assert_same(path, net, name="resnet18"):
    with torch.inference_mode():
        assert torch.equal(read_classifier(name, str(path))[0].eval()(IMAGES), net(IMAGES))


@pytest.mark.parametrize("settings", [{"width": 4}, {"width": 4, "stem": "small"}, {"width": 24, "classes": 7}])
def test_width_stem_and_classes_are_read_from_safetensors(tmp_path, settings):
    net = tiny(**settings)
    save_file(net.state_dict(), tmp_path / "x.safetensors")
    assert_same(tmp_path / "x.safetensors", net)


@pytest.mark.parametrize("name", ["resnet50", "squeezenet1_1", "mobilenet_v3_small"])
def test_other_classifiers_of_torchvision_are_read(tmp_path, name):
    settings = {"width": 8} if name == "resnet50" else {}
    net = tiny(name, 5, **settings)
    torch.save(net.state_dict(), tmp_path / "x.pth")
    assert_same(tmp_path / "x.pth", net, name)


def test_reading_draws_no_random_numbers(tmp_path):
    torch.save(tiny(width=4).state_dict(), tmp_path / "x.pth")
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    read_classifier("resnet18", str(tmp_path / "x.pth"))
    assert torch.equal(torch.rand(1), expected)


def test_a_file_of_something_else_or_of_another_backbone_is_explained(tmp_path):
    torch.save({"conv1.weight": torch.zeros(4, 3, 7, 7)}, tmp_path / "x.pth")
    with pytest.raises(WeightsError, match=r"holds no fc\.weight, so it is no resnet18"):
        read_classifier("resnet18", str(tmp_path / "x.pth"))
    torch.save(tiny(width=4).state_dict(), tmp_path / "x.pth")
    with pytest.raises(WeightsError, match=r"layer1\.2\.conv1\.weight is missing"):
        read_classifier("resnet34", str(tmp_path / "x.pth"))
