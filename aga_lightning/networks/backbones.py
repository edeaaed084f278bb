"""Classifiers of torchvision by name, with a head for our classes.

ResNets also come with a stem and a width for small images.
"""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Literal

import torchvision
from torch import nn
from torchvision.models import ResNet

from aga_lightning.networks.weights import fit_weights, read_weights

Stem = Literal["imagenet", "small"]

_RESNET_WIDTH = 64
_SEVERAL_OUTPUTS = ("googlenet", "inception_v3")


def backbone_names() -> list[str]:
    """The names `build_backbone` knows: torchvision's image classifiers that answer with one tensor."""
    names: list[str] = torchvision.models.list_models(module=torchvision.models)
    return [name for name in names if name not in _SEVERAL_OUTPUTS]


def check_backbone(name: str, stem: Stem = "imagenet", width: int = _RESNET_WIDTH) -> None:
    """Refuse what `build_backbone` cannot build, as far as that is known without building it.

    Raises:
        ValueError: If the name is unknown, or a stem or width is asked of something that is no ResNet.
    """
    if name not in backbone_names():
        near = get_close_matches(name, backbone_names(), n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else f"choose one of {', '.join(backbone_names())}"
        raise ValueError(f"there is no backbone {name!r}; {hint}")
    if width == _RESNET_WIDTH and stem == "imagenet":
        return
    if torchvision.models.get_model_builder(name).__module__ != ResNet.__module__:
        raise ValueError(f"{name} has no stem or width to choose; leave them out, or choose a ResNet")
    if width < 1:
        raise ValueError(f"width is a number of channels, 1 or more, not {width}")


def build_backbone(
    name: str,
    num_classes: int,
    weights: str | None = None,
    stem: Stem = "imagenet",
    width: int = _RESNET_WIDTH,
    head_rows: Sequence[int] | None = None,
    class_names: Sequence[str] | None = None,
) -> nn.Module:
    """Build a classifier from images (N, 3, H, W) to logits (N, num_classes).

    Args:
        name: A classifier of torchvision ("resnet18", "convnext_tiny", ...).
        num_classes: How many classes the head tells apart.
        weights: None starts from random weights. Otherwise torchvision's name for weights ("IMAGENET1K_V1",
            "DEFAULT"; downloaded once) or a local file (see `aga_lightning.networks.weights`). A head with
            another number of classes is left out of them and starts from random weights, unless there are `head_rows`.
        stem: "imagenet" halves the image twice before the first block; "small" (ResNets only; section 4.2 of He et
            al. 2016) keeps its size, with a 3x3 convolution of stride 1 and no pooling, for images of 32 to 64 px.
        width: Channels of a ResNet's first stage; all others scale with it.
        head_rows: Which classes of weights for more classes the `num_classes` are, in order, such as the indices of
            some of ImageNet's 1000: the head is cut down to them, and can be judged without training.
        class_names: What the `num_classes` are called. Where weights come from a checkpoint that tells the names of as
            many classes, its head is taken by name, or starts from random weights where the names are others.

    Returns:
        The classifier, in training mode.

    Raises:
        ValueError: If the name is unknown, or a stem or width is asked of something that is no ResNet.
        WeightsError: If the weights cannot be found, read or fitted; the message names them and the remedy.
    """
    check_backbone(name, stem, width)
    net: nn.Module = torchvision.models.get_model(name, weights=None, num_classes=num_classes)
    if width != _RESNET_WIDTH:
        _scale_width(net, width)
    if stem == "small":
        _use_small_stem(net)
    if weights is not None:
        found = read_weights(name, weights)
        if class_names is not None and found.classes is not None and head_rows is None:
            found = found.for_classes(net, class_names, weights)
        fit_weights(net, found.state, source=weights, head_rows=head_rows)
    return net


def _scale_width(net: ResNet, width: int) -> None:
    """Rebuild every layer of a ResNet with width/64 times its channels, initialised as torchvision does."""

    def scaled(channels: int) -> int:
        return channels * width // _RESNET_WIDTH

    for name, layer in list(net.named_modules()):
        if isinstance(layer, nn.Conv2d):
            inputs = layer.in_channels if layer is net.conv1 else scaled(layer.in_channels)
            kernel, stride, groups = layer.kernel_size[0], layer.stride[0], layer.groups
            _replace(net, name, _convolution(inputs, scaled(layer.out_channels), kernel, stride, groups))
        elif isinstance(layer, nn.BatchNorm2d):
            _replace(net, name, nn.BatchNorm2d(scaled(layer.num_features)))
        elif isinstance(layer, nn.Linear):
            _replace(net, name, nn.Linear(scaled(layer.in_features), layer.out_features))


def _use_small_stem(net: ResNet) -> None:
    net.conv1 = _convolution(3, net.conv1.out_channels, kernel=3, stride=1)
    net.maxpool = nn.Identity()


def _convolution(inputs: int, outputs: int, kernel: int, stride: int, groups: int = 1) -> nn.Conv2d:
    conv = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, groups=groups, bias=False)
    nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
    return conv


def _replace(net: nn.Module, name: str, layer: nn.Module) -> None:
    parent, _, child = name.rpartition(".")
    setattr(net.get_submodule(parent), child, layer)
