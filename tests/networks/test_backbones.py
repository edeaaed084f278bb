import pytest
import torch
from torch import nn

from aga_lightning.networks.backbones import architecture_name, build_backbone, is_published, network_of


@pytest.mark.parametrize(
    ("backbone", "name"),
    [
        ("resnet18", "resnet18"),
        ("timm/test_vit", "timm/test_vit"),
        ("torchvision.models.AlexNet", "torchvision.models.AlexNet"),
        ({"class_path": "torchvision.models.AlexNet", "init_args": {"dropout": 0.1}}, "torchvision.models.AlexNet"),
        (lambda count: nn.Linear(2, count), f"{__name__}.<lambda>"),
    ],
)
def test_a_network_is_known_by_its_name(backbone, name):
    assert network_of(backbone).name == name


@pytest.mark.parametrize("backbone", ["timm/test_vit", "vgg11", lambda count: nn.Linear(2, count)])
@pytest.mark.parametrize("settings", [{"stem": "small"}, {"width": 32}])
def test_only_resnets_of_torchvision_have_a_stem_and_a_width(backbone, settings):
    with pytest.raises(ValueError, match=r"has no stem or width .* set --model\.width 64 and --model\.stem imagenet"):
        network_of(backbone, **settings)


def test_what_a_tag_names_is_the_same_architecture():
    assert architecture_name("timm/test_vit.r160_in1k") == architecture_name("timm/test_vit") == "timm/test_vit"
    assert architecture_name("own.nets.Net") == "own.nets.Net"
    published = ["resnet18", "timm/anything", "own.nets.Net", "resnet19", None]
    assert [name for name in published if is_published(name)] == published[:2]


def test_the_same_seed_gives_the_same_net():
    for name in ("timm/test_convnext", lambda count: nn.Linear(2, count)):
        states = []
        for _ in range(2):
            torch.manual_seed(3)
            states.append(build_backbone(name, 5).state_dict())
        assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
