"""Which parameters weight decay pulls towards zero, and which learn more slowly."""

from typing import Any

from torch import nn
from torch.optim import Optimizer

from aga_lightning.networks.weights import head_name


def parameter_groups(net: nn.Module, decay_norms: bool, apart: bool = False) -> list[dict[str, Any]]:
    """Split the trainable parameters of a net into groups for an optimiser.

    Args:
        net: The net.
        decay_norms: Whether weight decay also acts on normalisation layers and biases, which have one dimension.
        apart: Whether the last layer has groups of its own, which come first.

    Returns:
        One group, or two if norms and biases are spared: the second then has a `weight_decay` of 0, which outweighs
        the optimiser's own. Twice as many where the last layer is apart.
    """
    if not apart:
        return _by_decay([*net.parameters()], decay_norms)
    head = f"{head_name(net)}."
    named = [*net.named_parameters()]
    sides = ([one for name, one in named if name.startswith(head) is last] for last in (True, False))
    return [group for side in sides for group in _by_decay(side, decay_norms)]


def slow_down(optimizer: Optimizer, share: float) -> None:
    """Let all layers but the last learn more slowly.

    Args:
        optimizer: Of groups in which the last layer is apart.
        share: What their learning rates are multiplied by.
    """
    groups = optimizer.param_groups
    for group in groups[len(groups) // 2 :]:
        group["lr"] *= share


def _by_decay(parameters: list[nn.Parameter], decay_norms: bool) -> list[dict[str, Any]]:
    parameters = [parameter for parameter in parameters if parameter.requires_grad]
    if decay_norms:
        return [{"params": parameters}]
    return [
        {"params": [parameter for parameter in parameters if parameter.ndim > 1]},
        {"params": [parameter for parameter in parameters if parameter.ndim <= 1], "weight_decay": 0.0},
    ]
