"""Which parameters weight decay pulls towards zero."""

from typing import Any

from torch import nn


def parameter_groups(net: nn.Module, decay_norms: bool) -> list[dict[str, Any]]:
    """Split the trainable parameters of a net into groups for an optimiser.

    Args:
        net: The net.
        decay_norms: Whether weight decay also acts on normalisation layers and biases, which have one dimension.

    Returns:
        One group, or two if norms and biases are spared: the second then has a `weight_decay` of 0, which outweighs
        the optimiser's own.
    """
    parameters = [parameter for parameter in net.parameters() if parameter.requires_grad]
    if decay_norms:
        return [{"params": parameters}]
    return [
        {"params": [parameter for parameter in parameters if parameter.ndim > 1]},
        {"params": [parameter for parameter in parameters if parameter.ndim <= 1], "weight_decay": 0.0},
    ]
