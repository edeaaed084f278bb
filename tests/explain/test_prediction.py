"""Pixels and probabilities: round trips, and what a model is asked."""

import pytest
import torch
from torch import nn
from torchvision.transforms import v2

from aga_lightning.explain.prediction import Pixels, evaluation_mode, probabilities

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
ALL_LEVELS = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16).expand(1, 3, 16, 16)


@pytest.mark.parametrize("pixels", [Pixels(), Pixels(MEAN, STD)])
def test_every_level_survives_the_round_trip(pixels):
    assert pixels.pixels(pixels.normalised(ALL_LEVELS)).equal(ALL_LEVELS)


def test_a_single_number_is_for_all_channels():
    grey = ALL_LEVELS[:, :1]
    assert Pixels().pixels(Pixels().normalised(grey)).equal(grey)
    assert Pixels((0.5,), (0.2,)).normalised(ALL_LEVELS).equal(Pixels((0.5,) * 3, (0.2,) * 3).normalised(ALL_LEVELS))


def test_the_network_sees_the_bits_that_the_transforms_give():
    transform = v2.Compose([v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)])
    assert Pixels(MEAN, STD).normalised(ALL_LEVELS).equal(transform(ALL_LEVELS))


def test_values_outside_the_range_of_pixels_are_clipped():
    assert Pixels().pixels(torch.tensor([-0.5, 0.5, 1.5]).view(1, 3, 1, 1)).flatten().tolist() == [0, 128, 255]


def test_probabilities_are_the_softmax_of_the_models_logits():
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 4))
    images = torch.randn(5, 3, 2, 2, requires_grad=True)
    predicted = probabilities(model)(images)
    assert predicted.equal(model(images).softmax(dim=1))
    assert not predicted.requires_grad


def test_pixels_are_normalised_on_the_way():
    model = nn.Sequential(nn.Flatten(), nn.Linear(768, 4))
    pixels = Pixels(MEAN, STD)
    assert probabilities(model, pixels)(ALL_LEVELS).equal(probabilities(model)(pixels.normalised(ALL_LEVELS)))


def test_a_model_in_half_precision_gets_its_own_numbers():
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 4)).to(torch.bfloat16)
    predicted = probabilities(model)(torch.randn(2, 3, 2, 2))
    assert predicted.dtype == torch.float32
    torch.testing.assert_close(predicted.sum(dim=1), torch.ones(2))


def test_evaluation_mode_ends_as_it_began_also_after_an_error():
    model = nn.Sequential(nn.Dropout(), nn.BatchNorm2d(3), nn.Dropout())
    model[1].eval()  # frozen, as some do
    with pytest.raises(ArithmeticError), evaluation_mode(model):
        assert not any(module.training for module in model.modules())
        raise ArithmeticError
    assert [module.training for module in model.modules()] == [True, True, False, True]
