"""Classifiers of torchvision by name; ResNets also come with a stem and a width for small images."""

import re
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from pickle import UnpicklingError
from typing import Literal

import torch
import torchvision
from torch import Tensor, nn
from torchvision.models import ResNet

from aga_lightning.downloads import offline
from aga_lightning.networks.network import Inputs, Network, UnreachableError
from aga_lightning.networks.weights_files import StateDict, WeightsError

Stem = Literal["imagenet", "small"]

RESNET_WIDTH = 64
_SEVERAL_OUTPUTS = ("googlenet", "inception_v3")
_ONE_SIZE = {"torchvision.models.vision_transformer": 224, "torchvision.models.maxvit": 224}

# torchvision's own DenseNet files still spell "norm.1" what the code calls "norm1".
_OLD_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12])\.")

_TIMEOUT = 15.0
"""Seconds without a byte after which a download is given up: who is behind a wall should not wait long."""


def backbone_names() -> list[str]:
    """Torchvision's image classifiers that answer with one tensor."""
    names: list[str] = torchvision.models.list_models(module=torchvision.models)
    return [name for name in names if name not in _SEVERAL_OUTPUTS]


class TorchvisionNet(Network):
    """A classifier of torchvision.

    Args:
        name: torchvision's ("resnet18", "convnext_tiny", ...).
        stem: "imagenet" halves the image twice before the first block; "small" (ResNets only; section 4.2 of He et
            al. 2016) keeps its size, with a 3x3 convolution of stride 1 and no pooling, for images of 32 to 64 px.
        width: Channels of a ResNet's first stage; all others scale with it.

    Raises:
        ValueError: If the name is unknown, or a stem or width is asked of something that is no ResNet.
    """

    def __init__(self, name: str, stem: Stem = "imagenet", width: int = RESNET_WIDTH) -> None:
        if name not in backbone_names():
            near = get_close_matches(name, backbone_names(), n=3)
            hint = f"did you mean {' or '.join(near)}?" if near else f"choose one of {', '.join(backbone_names())}"
            raise ValueError(f"there is no backbone {name!r}; {hint}")
        self.name = name
        self.stem = stem
        self.width = width
        self._module: str = torchvision.models.get_model_builder(name).__module__
        if self._module != ResNet.__module__:
            refuse_shape(name, stem, width)
        if width < 1:
            raise ValueError(f"width is a number of channels, 1 or more, not {width}")

    @property
    def inputs(self) -> Inputs:
        """What its weights were trained on; of sizes only the one of networks that take no other."""
        weights = torchvision.models.get_model_weights(self.name)
        if not hasattr(weights, "DEFAULT"):
            return Inputs(_ONE_SIZE.get(self._module))
        images = weights.DEFAULT.transforms()
        return Inputs(_ONE_SIZE.get(self._module), tuple(images.mean), tuple(images.std))

    @property
    def published(self) -> Sequence[str]:
        """Torchvision's names of weights."""
        return list(torchvision.models.get_model_weights(self.name).__members__)

    def build(self, num_classes: int, image_size: int | None = None) -> nn.Module:
        """The network with random weights."""
        net: nn.Module = torchvision.models.get_model(self.name, weights=None, num_classes=num_classes)
        if self.width != RESNET_WIDTH:
            _scale_width(net, self.width)
        if self.stem == "small":
            _use_small_stem(net)
        return net

    def as_published(self, weights: str) -> nn.Module:
        """The network that published weights are of, with random weights."""
        net: nn.Module = torchvision.models.get_model(self.name)
        return net

    def file(self, weights: str) -> Path | None:
        """Where torch keeps weights once they are downloaded."""
        published = torchvision.models.get_model_weights(self.name).__members__.get(weights)
        return None if published is None else Path(torch.hub.get_dir(), "checkpoints", Path(published.value.url).name)

    def fetch(self, weights: str) -> StateDict:
        """Published weights, downloaded if need be."""
        published = torchvision.models.get_model_weights(self.name)[weights]
        file = Path(torch.hub.get_dir(), "checkpoints", Path(published.url).name)
        try:
            if offline() and not file.is_file():
                raise OSError("HF_HUB_OFFLINE forbids the network")
            with _patience(_TIMEOUT):
                # Not published.get_state_dict: only the model's own builder brings the keys of old files up to date.
                net: nn.Module = torchvision.models.get_model(self.name, weights=published)
        except (OSError, RuntimeError, EOFError, UnpicklingError) as error:
            if file.is_file():
                raise WeightsError(f"{file} is damaged ({error}): remove it, and it is downloaded anew.") from error
            raise UnreachableError(
                f"Cannot download {published.url} ({error}). On a machine with a network, download it; then copy it to "
                f"{file}, or give its path as the weights."
            ) from error
        return dict(net.state_dict())

    def converted(self, state: Mapping[str, Tensor], net: nn.Module) -> StateDict:
        """Weights under the names of this version."""
        return {_OLD_DENSENET.sub(r"\1\2.", key): value for key, value in state.items()}


def refuse_shape(name: str, stem: Stem, width: int) -> None:
    """Refuse a stem or a width of a network that is no ResNet of torchvision.

    Raises:
        ValueError: If one is asked for.
    """
    if (stem, width) != ("imagenet", RESNET_WIDTH):
        raise ValueError(
            f"{name} has no stem or width to choose, as ResNets of torchvision have: set --model.width {RESNET_WIDTH} "
            "and --model.stem imagenet"
        )


def _scale_width(net: ResNet, width: int) -> None:
    """Rebuild every layer of a ResNet with width/64 times its channels, initialised as torchvision does."""

    def scaled(channels: int) -> int:
        return channels * width // RESNET_WIDTH

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


@contextmanager
def _patience(seconds: float) -> Iterator[None]:
    """A block in which connections are given up after some seconds without a byte; torch's own never are."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
