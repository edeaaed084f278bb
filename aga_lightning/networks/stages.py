"""The parts of a network in the order in which an image passes them: stem, stages, and the last layer, its head.

The order is that in which the layers were registered, which in torchvision and timm is the order of use.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import nn

_MOST = 0.8
"""The share of the body's layers from which on a part is taken for a mere wrapper of the stages."""

_SMALL = 2
"""Layers up to which a part, such as a norm with a convolution that halves the image, is no stage of its own."""


@dataclass(frozen=True)
class Parts:
    """Names of parameters by the part that they belong to.

    Args:
        stages: The stem, then the stages; the first is the stem where the network has one.
        neck: What lies between the last stage and the head, such as a norm.
        head: The last layer, which gives the logits.
    """

    stages: tuple[tuple[str, ...], ...]
    neck: tuple[str, ...]
    head: tuple[str, ...]

    @property
    def depths(self) -> dict[str, int]:
        """How many stages lie behind each parameter, its own included: 0 for the head, 1 for neck and last stage."""
        last = len(self.stages)
        by_name = {name: last - number for number, names in enumerate(self.stages) for name in names}
        return by_name | dict.fromkeys(self.neck, 1) | dict.fromkeys(self.head, 0)


def head_names(net: nn.Module) -> tuple[str, ...]:
    """The names of the layers that give a classifier's logits ("fc" in a ResNet).

    That is what timm's networks tell, where a net is one, and else the last layer that has weights.
    """
    told = getattr(net, "pretrained_cfg", None)
    named = told.get("classifier") if isinstance(told, Mapping) else None
    names = (named,) if isinstance(named, str) else tuple(named or ())
    known = {name.rpartition(".")[0] for name, _ in net.named_parameters()}
    if names and known.issuperset(names):
        return names
    last = [name.rpartition(".")[0] for name, _ in net.named_parameters()][-1:]
    return tuple(last)


def parts_of(net: nn.Module) -> Parts:
    """Divide a network into stem, stages, neck and head.

    Its children are the parts, where one that holds most of the layers, such as `features` or `blocks`, is opened. A
    part of one or two layers belongs to the next stage; those in front of all stages are the stem, those behind them
    the neck.

    Args:
        net: The network, with or without numbers.
    """
    heads = tuple(f"{name}." if name else name for name in head_names(net))
    names = [name for name, _ in net.named_parameters()]
    head = tuple(name for name in names if name.startswith(heads))
    body = [name for name in names if name not in head]
    pieces = _pieces(body)
    large = [len(_layers(piece)) > _SMALL for piece in pieces]
    if not any(large):  # a plain row of layers, such as VGG's
        return Parts(tuple(map(tuple, pieces)), (), head)
    first, last = large.index(True), len(large) - large[::-1].index(True)
    stages: list[tuple[str, ...]] = [tuple(name for piece in pieces[:first] for name in piece)] * (first > 0)
    waiting: tuple[str, ...] = ()
    for piece, is_large in zip(pieces[first:last], large[first:last], strict=True):
        waiting += tuple(piece)
        if is_large:
            stages.append(waiting)
            waiting = ()
    return Parts(tuple(stages), tuple(name for piece in pieces[last:] for name in piece), head)


def _pieces(body: Sequence[str]) -> list[list[str]]:
    """The body's parameters, grouped by the children that hold them."""
    opened: set[str] = set()
    while True:
        pieces: dict[str, list[str]] = {}
        for name in body:
            pieces.setdefault(_child(name, opened), []).append(name)
        total = len(_layers(body))
        wrapper = [
            key
            for key, names in pieces.items()
            if len(_layers(names)) >= _MOST * total
            if any(name.rpartition(".")[0].startswith(f"{key}.") for name in names)  # it holds further modules
        ]
        if not wrapper:
            return list(pieces.values())
        opened.add(wrapper[0])


def _child(name: str, opened: set[str]) -> str:
    """The outermost module that holds a parameter and is not opened; the parameter itself where there is none."""
    words = name.split(".")
    prefixes = (".".join(words[:count]) for count in range(1, len(words)))
    return next((prefix for prefix in prefixes if prefix not in opened), name)


def _layers(names: Sequence[str]) -> set[str]:
    """The modules that hold the parameters themselves."""
    return {name.rpartition(".")[0] for name in names}
