"""What a network's answer depends on, told by one look at it."""

import pytest
import torch
from tiny.networks import build
from torch import nn

from aga_lightning.explain.looking import Look


class Branches(nn.Module):
    """Branches behind a stem; two are added up, one is thrown away."""

    def __init__(self):
        super().__init__()
        self.stem, self.left, self.right, self.unused = (nn.Conv2d(3 if i == 0 else 4, 4, 3, 2, 1) for i in range(4))
        self.after, self.head = nn.ReLU(), nn.Linear(4, 3)

    def forward(self, images):
        stem = self.stem(images)
        self.unused(stem)
        both = self.after(self.left(stem) + self.right(stem))
        return self.head(both.mean((2, 3)))


def look(net, size=32):
    return Look(net, torch.randn(2, 3, size, size))


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_what_passes_through_a_layer(device):
    seen = look(Branches().to(device))
    assert list(seen.outputs) == ["stem", "unused", "left", "right", "after", "head", ""]
    assert [name for name in seen.outputs if seen.carries_all(name)] == ["stem", "after", "head", ""]


def test_what_the_answer_depends_on_even_where_nothing_is_left_of_it():
    net = Branches()
    with torch.no_grad():
        net.left.bias.fill_(-100.0)  # a rectifier lets nothing pass
        net.head.weight.zero_()
    seen = look(net)
    layers = ["stem", "unused", "left", "right", "after"]
    assert [seen.depends_on(name, seen.layout(name)) for name in layers] == [True, False, True, True, True]


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_the_tokens_of_a_last_block_do_not_reach_the_class_token(device):
    seen = look(build("vit_tiny_patch16_224").to(device))
    reached = {name: seen.depends_on(name, seen.layout(name)) for name in ("norm", "blocks.1", "blocks.0")}
    assert reached == {"norm": False, "blocks.1": False, "blocks.0": True}
    seen = look(build("beit_base_patch16_224").to(device))  # the mean of the tokens is classified
    assert seen.depends_on("blocks.1", seen.layout("blocks.1"))


def test_what_a_later_layer_passes_on():
    seen = look(build("vit_tiny_patch16_224"))
    layout = seen.layout("blocks.0")
    assert seen.passes_on("blocks.0", "blocks.1.norm1", layout)
    assert not seen.passes_on("blocks.0", "blocks.1.norm2", layout)


def test_scores_of_classes_are_told_from_features():
    scores = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    seen = look(scores)
    assert [seen.is_scores(name, seen.layout(name)) for name in "012"] == [False, True, True]


@pytest.mark.parametrize("name, axis", [("swin_tiny_patch4_window7_224", 3), ("convnext_tiny", 1)])
def test_a_map_of_equal_sides_lies_as_those_of_other_layers_of_its_class(name, axis):
    net = build(name)
    stage = "layers.0" if axis == 3 else "stages.0"
    seen = look(net)
    assert seen.outputs[stage].shape == (1, 8, 8, 8)
    assert seen.layout(stage).axis == axis
