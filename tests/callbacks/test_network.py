"""The network of any LightningModule, and answers that are no logits."""

import pytest
import torch
from lightning.pytorch import LightningModule
from torch import nn
from torchmetrics.classification import MulticlassAccuracy

from aga_lightning.callbacks.network import check_logits, network_in
from aga_lightning.preflight import SettingError


def module_of(**parts):
    module = LightningModule()
    for name, part in parts.items():
        setattr(module, name, part)
    return module


def test_a_module_with_a_forward_is_its_own_network():
    class Own(LightningModule):
        def forward(self, images):
            return images

    module = Own()
    assert network_in(module) is module


def test_the_one_part_with_weights_is_the_network_under_its_own_name():
    net = nn.Linear(4, 2)
    found = network_in(module_of(classifier=net, loss=nn.CrossEntropyLoss(), accuracy=MulticlassAccuracy(2)))
    assert dict(found.named_modules())["classifier"] is net
    assert found(torch.ones(1, 4)).equal(net(torch.ones(1, 4)))


@pytest.mark.parametrize(
    ("parts", "complaint"),
    [
        ({}, "LightningModule has no forward and no part with weights"),
        (
            {"body": nn.Linear(4, 4), "head": nn.Linear(4, 2)},
            r"2 parts with weights \(body, head\), .* a forward",
        ),
    ],
)
def test_a_module_whose_network_is_not_known_is_refused(parts, complaint):
    with pytest.raises(SettingError, match=complaint):
        network_in(module_of(**parts))


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (lambda images: images.flatten(1)[:, :3].softmax(1), "Own answers with probabilities: .* before the softmax"),
        (lambda images: images, r"answers 2 images with a tensor \(2, 3, 4, 4\): its forward has to return logits"),
        (lambda images: images.flatten(1)[:, :1], r"with 1 logits an image, and an image has the label 1: its forward"),
        (lambda images: {"logits": images}, "with a dict"),
    ],
)
def test_answers_that_are_no_logits_are_refused(answer, complaint):
    class Net(nn.Module):
        def forward(self, images):
            return answer(images)

    with pytest.raises(SettingError, match=complaint):
        check_logits(Net(), torch.rand(2, 3, 4, 4), torch.tensor([0, 1]), "Own")


def test_logits_pass():
    check_logits(nn.Sequential(nn.Flatten(), nn.Linear(48, 2)), torch.rand(2, 3, 4, 4), torch.tensor([0, 1]), "Own")
