"""Networks by name: torchvision's, timm's, and one's own."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from torch import nn

from aga_lightning.networks.network import Network
from aga_lightning.networks.own_nets import OwnNet
from aga_lightning.networks.timm_nets import PREFIX, TimmNet
from aga_lightning.networks.torchvision_nets import RESNET_WIDTH, Stem, TorchvisionNet, backbone_names, refuse_shape
from aga_lightning.networks.weights import fit_weights, read_weights

if TYPE_CHECKING:
    Backbone = str | Mapping[str, Any] | Callable[[int], nn.Module]
else:  # the parser of the command line would call any function that a configuration names where one may stand
    Backbone = str | dict[str, Any]


def network_of(backbone: Backbone, stem: Stem = "imagenet", width: int = RESNET_WIDTH) -> Network:
    """The network of a name, not built yet.

    Args:
        backbone: torchvision's name; `timm/` and timm's name; or what `OwnNet` takes.
        stem: For ResNets of torchvision: see `TorchvisionNet`.
        width: For ResNets of torchvision: see `TorchvisionNet`.

    Raises:
        ValueError: If there is no such network, or it has no such settings.
    """
    if isinstance(backbone, str) and "." not in backbone and not backbone.startswith(PREFIX):
        return TorchvisionNet(backbone, stem, width)
    named = isinstance(backbone, str) and backbone.startswith(PREFIX)
    network = TimmNet(str(backbone)) if named else OwnNet(backbone)
    refuse_shape(network.name, stem, width)
    return network


def architecture_name(name: str) -> str:
    """The name of a network without the tag of timm's weights, which changes no layer."""
    return name.partition(".")[0] if name.startswith(PREFIX) else name


def is_published(name: object) -> bool:
    """Whether a name is of the form of torchvision's or timm's; nothing is imported."""
    return isinstance(name, str) and (name.startswith(PREFIX) or name in backbone_names())


def build_network(
    network: Network,
    num_classes: int,
    weights: str | None = None,
    head_rows: Sequence[int] | None = None,
    class_names: Sequence[str] | None = None,
    image_size: int | None = None,
) -> nn.Module:
    """Build a classifier from images (N, 3, H, W) to logits (N, num_classes).

    Args:
        network: Which one.
        num_classes: How many classes the head tells apart.
        weights: None starts from random weights. Otherwise a name of published ones ("IMAGENET1K_V1", "DEFAULT";
            downloaded once) or a local file (see `aga_lightning.networks.weights`). A head with
            another number of classes is left out of them and starts from random weights, unless there are `head_rows`.
        head_rows: Which classes of weights for more classes the `num_classes` are, in order, such as the indices of
            some of ImageNet's 1000: the head is cut down to them, and can be judged without training.
        class_names: What the `num_classes` are called. Where weights come from a checkpoint that tells the names of as
            many classes, its head is taken by name, or starts from random weights where the names are others.
        image_size: Height and width of the images in pixels, for networks that are built for one size.

    Returns:
        The classifier, in training mode.

    Raises:
        WeightsError: If the weights cannot be found, read or fitted; the message names them and the remedy.
    """
    net = network.build(num_classes, image_size)
    if weights is not None:
        found = read_weights(network, weights).converted(network, net)
        if class_names is not None and found.classes is not None and head_rows is None:
            found = found.for_classes(net, class_names, weights)
        fit_weights(net, found.state, source=weights, head_rows=head_rows)
    return net


def build_backbone(
    backbone: Backbone,
    num_classes: int,
    weights: str | None = None,
    stem: Stem = "imagenet",
    width: int = RESNET_WIDTH,
    head_rows: Sequence[int] | None = None,
) -> nn.Module:
    """`build_network` of the network of a name.

    Args:
        backbone: As for `network_of`.
        num_classes: As for `build_network`.
        weights: As for `build_network`.
        stem: As for `network_of`.
        width: As for `network_of`.
        head_rows: As for `build_network`.
    """
    return build_network(network_of(backbone, stem, width), num_classes, weights, head_rows)
