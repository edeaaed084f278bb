"""Looking into a model leaves it, and all random generators, as they were."""

import random

import numpy as np
import pytest
import torch
from torch import nn

from aga_lightning.callbacks.untouched import untouched


@pytest.fixture
def model():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(), nn.Flatten(), nn.Linear(144, 2))
    model.train()
    model[1].eval()  # frozen, as some do
    return model


def test_modes_and_statistics_are_those_of_before(model):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with untouched(model):
        assert not any(module.training for module in model.modules())
        model(torch.randn(2, 3, 8, 8))
    assert [module.training for module in model.modules()] == [True, True, False, True, True, True]
    assert all(value.equal(before[name]) for name, value in model.state_dict().items())


def test_modes_come_back_after_an_error_too(model):
    with pytest.raises(RuntimeError, match="size"), untouched(model):
        model(torch.randn(2, 3, 2, 2))
    assert model.training


def test_random_generators_go_on_as_if_nothing_had_been_drawn(model):
    def draws():
        return torch.rand(1).item(), np.random.random(), random.random()

    torch.manual_seed(1), np.random.seed(1), random.seed(1)
    expected = draws()
    torch.manual_seed(1), np.random.seed(1), random.seed(1)
    with untouched(model):
        draws()
    assert draws() == expected


def test_gradients_can_be_had_inside_lightnings_evaluation(model):
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16), untouched(model):
        images = torch.randn(2, 3, 8, 8, requires_grad=True)
        scores = model(images)
        (gradient,) = torch.autograd.grad(scores.sum(), images)
    assert scores.dtype == torch.float32
    assert gradient.abs().sum() > 0
    assert all(parameter.grad is None for parameter in model.parameters())
