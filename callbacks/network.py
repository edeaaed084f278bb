"""The network of a LightningModule: what gives logits of images."""

from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn

from aga_lightning.preflight import SettingError

_PROBABILITIES = 1e-3  # how far from 1 the sum of a row may be


class NamedNet(nn.Module):
    """A net under the name that it has in a classifier, so that its layers are called as a user calls them.

    Args:
        net: The net.
        name: Its name.
    """

    def __init__(self, net: nn.Module, name: str = "net") -> None:
        super().__init__()
        self.add_module(name, net)
        self._name = name

    def forward(self, images: Tensor) -> Any:  # noqa: ANN401 whatever the net answers
        """The net's answer to images."""
        return self.get_submodule(self._name)(images)


def network_in(module: LightningModule) -> nn.Module:
    """The module itself where it has a forward, otherwise the one part of it that has weights, under its own name.

    Args:
        module: Any.

    Raises:
        SettingError: If it has no forward, and not one part with weights.
    """
    if type(module).forward is not LightningModule.forward:
        return module
    nets = {name: child for name, child in module.named_children() if next(child.parameters(), None) is not None}
    if len(nets) == 1:
        ((name, net),) = nets.items()
        return NamedNet(net, name)
    parts = f"{len(nets)} parts with weights ({', '.join(nets)})" if nets else "no part with weights"
    raise SettingError(
        f"{type(module).__name__} has no forward and {parts}, so its network is not known: give it a forward, images "
        "to logits"
    )


def check_logits(network: nn.Module, images: Tensor, labels: Tensor, name: str) -> None:
    """Refuse a network that does not answer with a logit for each class.

    Args:
        network: In evaluation mode.
        images: (N, C, H, W) float32, as the network sees them; at least one.
        labels: (N,) int64.
        name: What the network is called.

    Raises:
        SettingError: If it answers with something else, as far as these images show.
    """
    parameter = next(network.parameters(), None)
    like = images if parameter is None else images.to(parameter.device, parameter.dtype)
    with torch.no_grad():
        answer = network(like)
    if not isinstance(answer, Tensor) or answer.ndim != 2 or len(answer) != len(images):
        found = f"a tensor {tuple(answer.shape)}" if isinstance(answer, Tensor) else f"a {type(answer).__name__}"
        raise SettingError(
            f"{name} answers {len(images)} images with {found}: its forward has to return logits, (images, classes)"
        )
    classes = answer.shape[1]
    unknown = labels[(labels < 0) | (labels >= classes)].tolist()
    if unknown:
        raise SettingError(f"{name} answers with {classes} logits an image, and an image has the label {unknown[0]}: "
                           "its forward has to return a logit for each class")  # fmt: skip
    off = (answer.float().sum(dim=1) - 1).abs()
    if classes > 1 and (answer >= 0).all() and (off < _PROBABILITIES).all():
        raise SettingError(f"{name} answers with probabilities: its forward has to return logits, before the softmax")
