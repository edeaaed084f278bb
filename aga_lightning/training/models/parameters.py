"""Which parameters are trained, which of them weight decay pulls towards zero, and which learn more slowly."""

from typing import Any, Literal

from torch import nn
from torch.optim import Optimizer

from aga_lightning.networks.stages import head_names, parts_of

Trained = Literal["all", "head"] | int
"""What of a network is trained: all of it, its last layer, or its last stages together with that layer."""


def freeze(net: nn.Module, train: Trained) -> None:
    """Let a part of a network's parameters stay as they are.

    Args:
        net: The network; its parameters' `requires_grad` is changed.
        train: What is trained.

    Raises:
        ValueError: If the network has fewer stages.
    """
    if train == "all":
        return
    parts = parts_of(net)
    trained = {*parts.head}
    if train != "head":
        count = len(parts.stages)
        if not 1 <= train <= count:
            raise ValueError(f"train is all, head, or 1 to {count}, the stages of this network, not {train}")
        trained |= {*parts.neck, *(name for stage in parts.stages[count - train :] for name in stage)}
    for name, parameter in net.named_parameters():
        parameter.requires_grad_(name in trained)


def still(net: nn.Module) -> None:
    """Put frozen layers into evaluation: their batch norm then keeps its statistics, and they drop nothing out.

    Args:
        net: The network, parts of which are frozen.
    """
    parameters = [*net.parameters()]
    if parameters and not any(parameter.requires_grad for parameter in parameters):
        net.eval()
        return
    for child in net.children():
        still(child)


def parameter_groups(
    net: nn.Module, decay_norms: bool, apart: bool = False, by_stage: bool = False
) -> list[dict[str, Any]]:
    """Split the trainable parameters of a net into groups for an optimiser.

    Args:
        net: The net.
        decay_norms: Whether weight decay also acts on normalisation layers and biases, which have one dimension.
        apart: Whether the last layer has groups of its own, which come first.
        by_stage: Whether each stage has groups of its own, behind those of what follows the last stage.

    Returns:
        One group, or two if norms and biases are spared: the second then has a `weight_decay` of 0, which outweighs
        the optimiser's own. As many for each part; a group of a part tells its `depth`, 0 for the last layer.
    """
    if not (apart or by_stage):
        return _by_decay([*net.parameters()], decay_norms)
    heads = tuple(f"{name}." for name in head_names(net))
    named = [*net.named_parameters()]
    depths = parts_of(net).depths if by_stage else {name: int(not name.startswith(heads)) for name, _ in named}
    return [
        {**group, "depth": depth}
        for depth in sorted({*depths.values()})
        for group in _by_decay([one for name, one in named if depths[name] == depth], decay_norms)
    ]


def slow_down(optimizer: Optimizer, body: float = 1.0, decay: float = 1.0) -> None:
    """Let all layers but the last learn more slowly.

    Args:
        optimizer: Of groups that tell their depth.
        body: What the learning rates of all groups of a depth above 0 are multiplied by.
        decay: What a group's rate is multiplied by, once for each step of its depth.
    """
    for group in optimizer.param_groups:
        group["lr"] *= (body if group["depth"] else 1.0) * decay ** group["depth"]


def _by_decay(parameters: list[nn.Parameter], decay_norms: bool) -> list[dict[str, Any]]:
    parameters = [parameter for parameter in parameters if parameter.requires_grad]
    if decay_norms:
        return [{"params": parameters}]
    return [
        {"params": [parameter for parameter in parameters if parameter.ndim > 1]},
        {"params": [parameter for parameter in parameters if parameter.ndim <= 1], "weight_decay": 0.0},
    ]
