import torch
from torch import nn
from torchvision.models import get_model

from aga_lightning.networks.network import without_numbers


def test_a_net_without_numbers_takes_no_memory_and_draws_nothing():
    before = torch.get_rng_state()
    assert next(without_numbers(lambda: nn.Linear(4, 2)).parameters()).is_meta
    assert torch.equal(before, torch.get_rng_state())


def test_a_net_that_looks_at_its_numbers_is_built_whole():
    before = torch.get_rng_state()
    assert not next(without_numbers(lambda: get_model("regnet_y_400mf")).parameters()).is_meta

    def looks():
        layer = nn.Linear(4, 2)
        return layer if layer.weight.sum().item() else None

    assert not next(without_numbers(looks, surely=True).parameters()).is_meta
    assert torch.equal(before, torch.get_rng_state())
