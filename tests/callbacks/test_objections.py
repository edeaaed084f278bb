from types import SimpleNamespace

import pytest
import torch

from aga_lightning.callbacks.attribution_panels import AttributionPanels
from aga_lightning.callbacks.faithfulness import Faithfulness
from aga_lightning.preflight import Run
from aga_lightning.training.models.classifier import ImageClassifier


def told(callback, verb="fit", image_size=64, **settings):
    run = Run(verb, None, ImageClassifier(2, **settings), SimpleNamespace(image_size=image_size))
    return list(callback.objections(run))


@pytest.mark.parametrize("make", [AttributionPanels, Faithfulness])
def test_a_layer_is_looked_for_in_the_net_that_will_be_built(make):
    assert told(make()) == told(make(layer="net.layer3")) == told(make(method="rise"), backbone="swin_t") == []
    (line,) = told(make(layer="net.layr3"))
    assert line.startswith("layer: ") and "has no layer 'net.layr3'; near it are net.layer3" in line
    assert told(make(layer="net.layr3"), "predict") == []


@pytest.mark.parametrize("make", [AttributionPanels, Faithfulness])
def test_a_layer_that_will_not_do_is_told_with_those_that_will(make):
    assert told(make(), backbone="vit_b_32", image_size=224) == []
    do = "layers that will do are net.encoder.layers.encoder_layer_11.ln_1, net.encoder.layers.encoder_layer_10, "
    for layer, words in {
        "net.layer4": "",
        "net.heads": "returns a tensor (1, 2)",
        "net.encoder": "another token",
    }.items():
        (line,) = told(make(layer=layer), backbone="vit_b_32", image_size=224)
        assert words in line and do in line


@pytest.mark.parametrize("make", [AttributionPanels, Faithfulness])
def test_a_net_without_a_feature_map_is_told(make):
    (line,) = told(make(), image_size=1)
    assert "gives a feature map of more than one place" in line
    assert told(make(), backbone="vgg11", image_size=1) == []  # it takes no such images, which is the model's to say


@pytest.mark.parametrize("make", [AttributionPanels, Faithfulness])
def test_a_baseline_that_cannot_be_used_is_told(make, tmp_path):
    torch.save({"state_dict": {}}, tmp_path / "other.ckpt")
    for name in ("gone.ckpt", "other.ckpt"):
        for verb in ("fit", "test"):
            (line,) = told(make(compare_to=str(tmp_path / name)), verb)
            assert name in line and line.startswith("compare_to")
