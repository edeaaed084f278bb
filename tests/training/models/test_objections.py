from functools import partial
from types import SimpleNamespace

import pytest
import torch
import torchvision
from torch.optim import SGD, Adagrad

from aga_lightning.preflight import Run
from aga_lightning.training.models.classifier import ImageClassifier
from aga_lightning.training.models.schedules import Schedule


def told(verb="fit", image_size=32, batch_size=4, max_epochs=3, **settings):
    model = ImageClassifier(2, **settings)
    data = SimpleNamespace(image_size=image_size, batch_size=batch_size)
    run = Run(verb, SimpleNamespace(max_epochs=max_epochs, max_steps=-1), model, data, network=False)
    before = torch.get_rng_state()
    try:
        return list(model.objections(run))
    finally:
        assert torch.equal(before, torch.get_rng_state()), "a look has changed what is drawn afterwards"
        assert not hasattr(model, "net")


@pytest.mark.parametrize(
    "settings",
    [
        {"width": 8, "stem": "small", "schedule": Schedule("onecycle")},
        {"backbone": "resnet152", "weights": "IMAGENET1K_V1"},
        {"backbone": "regnet_y_400mf", "weights": "DEFAULT"},  # its numbers are looked at while it is built
        {"backbone": "vit_b_32", "image_size": 224},
        {"backbone": "swin_t", "image_size": 64},
        {"schedule": Schedule("step"), "max_epochs": -1},
    ],
)
def test_sound_settings_meet_no_objection(settings):
    assert told(**settings) == []


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"backbone": "resnext50_32x4d", "width": 5}, "resnext50_32x4d cannot be built with model.width 5"),
        ({"backbone": "vit_b_32", "image_size": 64}, "Wrong image height! Expected 224 but got 64"),
        ({"width": 8, "image_size": 32, "batch_size": 1}, "Expected more than 1 value per channel when training"),
    ],
)
def test_a_net_that_cannot_be_built_or_used_is_told(settings, line):
    (said,) = told(**settings)
    assert line in said


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"schedule": Schedule("cosine"), "max_epochs": -1}, "cosine schedule needs an end"),
        ({"schedule": Schedule("onecycle"), "optimizer": Adagrad}, "must support momentum"),
        ({"optimizer": partial(SGD, lr=-1.0)}, "Invalid learning rate: -1"),
        ({"weights": "gone.pth"}, "There are no weights 'gone.pth'"),
        ({"weights": "IMAGENET1K_V1", "width": 8}, "do not fit this net: conv1.weight is"),
    ],
)
def test_what_training_needs_is_looked_at_before_it(settings, line):
    with pytest.raises(ValueError, match=line):
        told(**settings)
    assert told("predict", **settings) == []


def test_a_file_of_weights_is_compared_with_the_net(tmp_path):
    torch.save(torchvision.models.resnet18(num_classes=1000).state_dict(), tmp_path / "resnet18.pth")
    weights = str(tmp_path / "resnet18.pth")
    assert told(weights=weights) == told(weights=weights, head="kept", imagenet_indices=[1, 2]) == []
    with pytest.raises(ValueError, match="has no row 1000"):
        told(weights=weights, head="kept", imagenet_indices=[1, 1000])
    with pytest.raises(ValueError, match="do not fit this net: layer1"):
        told(weights=weights, backbone="resnet50")


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"backbone": "resnet19"}, "no backbone 'resnet19'; did you mean resnet18"),
        ({"backbone": "alexnet", "width": 32}, "alexnet has no stem or width"),
        ({"width": 0}, "width is a number of channels, 1 or more, not 0"),
        ({"label_smoothing": 2.0}, "label_smoothing is a share in 0..1, not 2"),
    ],
)
def test_what_no_classifier_can_have_is_refused_when_one_is_made(settings, line):
    with pytest.raises(ValueError, match=line):
        ImageClassifier(2, **settings)
