import pytest
import torch
from torch import nn
from torch.optim import SGD

from aga_lightning.networks.backbones import build_backbone
from aga_lightning.training.models.parameters import parameter_groups, slow_down


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small", "swin_t"])
def test_norms_and_biases_are_spared_and_every_parameter_is_there_once(name):
    net = build_backbone(name, 3)
    decayed, spared = (set(map(id, group["params"])) for group in parameter_groups(net, decay_norms=False))
    for module in net.modules():
        for kind, parameter in module.named_parameters(recurse=False):
            norm = isinstance(module, nn.BatchNorm2d | nn.LayerNorm)
            assert id(parameter) in (spared if norm or kind == "bias" else decayed)
    assert len(decayed) + len(spared) == len(list(net.parameters()))
    assert not decayed & spared


def test_all_are_decayed_if_so_set():
    net = build_backbone("resnet18", 3, width=4)
    (group,) = parameter_groups(net, decay_norms=True)
    assert len(group["params"]) == len(list(net.parameters()))
    assert "weight_decay" not in group


def test_frozen_parameters_are_left_out():
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    net[0].requires_grad_(False)
    assert [len(group["params"]) for group in parameter_groups(net, decay_norms=False)] == [1, 1]


def test_decay_moves_weights_and_not_biases():
    net = nn.Linear(2, 2)
    before = {name: value.clone() for name, value in net.named_parameters()}
    optimizer = SGD(parameter_groups(net, decay_norms=False), lr=0.1, weight_decay=0.5)
    for parameter in net.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    assert torch.allclose(net.weight, before["weight"] * 0.95)
    assert torch.equal(net.bias, before["bias"])


@pytest.mark.parametrize("decay_norms", [True, False])
def test_all_layers_but_the_last_can_learn_more_slowly(decay_norms):
    net = build_backbone("resnet18", 3, width=4)
    optimizer = SGD(parameter_groups(net, decay_norms, apart=True), lr=0.5)
    slow_down(optimizer, 0.1)
    rates = {id(one): group["lr"] for group in optimizer.param_groups for one in group["params"]}
    assert {name: rates[id(one)] for name, one in net.named_parameters() if name.startswith("fc")} == {
        "fc.weight": 0.5,
        "fc.bias": 0.5,
    }
    assert sorted(rates.values()) == [0.05] * (len(rates) - 2) + [0.5, 0.5]
    assert len(optimizer.param_groups) == (2 if decay_norms else 4)
