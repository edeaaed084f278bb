"""Which layer of a classifier Grad-CAM looks at."""

from collections.abc import Iterator
from difflib import get_close_matches
from itertools import islice
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge
from torchvision.ops import StochasticDepth

from aga_lightning.explain.layout import Layout
from aga_lightning.explain.looking import Look
from aga_lightning.explain.wrappers import plain_name, unwrapped

# They resize a map, hand it on, or project it for what follows: the layer before them is the one to look at.
_PASSED_OVER = (
    nn.AdaptiveAvgPool2d,
    nn.AdaptiveMaxPool2d,
    nn.Dropout,
    nn.Dropout2d,
    nn.AlphaDropout,
    nn.FeatureAlphaDropout,
    nn.Identity,
    nn.Linear,
    StochasticDepth,
)
_NAMES_TOLD = 5


class FeatureMap(NamedTuple):
    """A layer, and what its output has to do with the image.

    Args:
        name: The layer's dotted name, without what wrappers have put into it.
        layer: The module.
        shape: The output's shape for one image.
        layout: How the output lies on the image.
    """

    name: str
    layer: nn.Module
    shape: torch.Size
    layout: Layout


def find_map(model: nn.Module, layer: nn.Module | str | None, images: Tensor) -> FeatureMap:
    """The layer that is meant by a module, a name, or nothing.

    For nothing it is the last layer with a map of more than one place in each direction through which all passes that
    the answer knows of the image, found by watching the model look at one image. Maps may be (N, C, h, w) or
    (N, h, w, C), or tokens (N, L, C) on a grid, after other tokens if there are any. Passed over are adaptive pooling,
    dropout, identity, linear layers, maps of the classes' scores, and parts of a block that itself returns a map.
    Where the answer is made of a class token, the other tokens of the last block do not reach it: the layer is then
    the norm with which that block starts, or if it starts with none, the block before it. A model whose last such
    layer is an early one, since what comes later has several branches, has to be told a layer.

    Args:
        model: A classifier of images (N, C, H, W), wrapped or not. It is left as it was: modes, statistics, hooks and
            the random state. One on the device meta is looked at without any numbers.
        layer: A module of the model, its dotted name ("layer3", "features.denseblock3") with or without the wrapper's
            prefix ("module.layer3", "_orig_mod.layer3"), or None for its last feature map.
        images: Floating point (N, C, H, W), N > 0; the first is used. On small images an earlier layer may be the last
            one with more than one place.

    Raises:
        ValueError: If the model has no such layer, does not use it, its output is no map, or the answer does not
            depend on it; for None, if there is no layer through which all passes. The message names layers of the
            model that will do.
    """
    look = Look(model, images)
    name = _guess(look) if layer is None else _name(look, layer)
    kind = type(unwrapped(model)).__name__
    if name is None:
        raise ValueError(
            f"No layer of the {kind} gives a feature map of more than one place that its whole answer comes from, on "
            f"images of {look.size[0]} x {look.size[1]}; {_remedy(look)}."
        )
    module, output = look.modules[name], look.outputs.get(name)
    called = f"layer {name!r} ({type(module).__name__})"
    if output is None:
        raise ValueError(f"The {kind} does not use its {called}, or gets no tensor from it; {_remedy(look)}.")
    layout = look.layout(name)
    if layout is None:
        raise ValueError(
            f"Grad-CAM needs a layer that returns a feature map, (N, C, h, w) or (N, h, w, C), or tokens (N, L, C) on "
            f"a grid of the shape of images of {look.size[0]} x {look.size[1]}; the {kind}'s {called} returns a "
            f"tensor {tuple(output.shape)} for one image; {_remedy(look)}."
        )
    if not look.depends_on(name, layout):
        raise ValueError(
            f"The answer of the {kind} does not depend on what its {called} gives of the image's places: what comes "
            f"after takes another token, or nothing; {_remedy(look)}."
        )
    return FeatureMap(name, module, output.shape, layout)


def _name(look: Look, layer: nn.Module | str) -> str:
    """The name of a layer, without what wrappers have put into it."""
    kind = type(unwrapped(look.model)).__name__
    if isinstance(layer, nn.Module):
        name = next((name for name, module in look.modules.items() if module is unwrapped(layer)), None)
        if name is None:
            raise ValueError(f"The layer, a {type(layer).__name__}, is no module of the {kind}.")
        return name
    name = layer if layer in look.modules else plain_name(layer)
    if name not in look.modules:
        near = get_close_matches(name, filter(None, look.modules), n=_NAMES_TOLD, cutoff=0.8)
        known = f"near it are {', '.join(near)}" if near else _remedy(look)
        raise ValueError(f"The {kind} has no layer {layer!r}; {known}.")
    return name


def _guess(look: Look) -> str | None:
    """The last feature map through which all passes; None if there is none, or none but early ones."""
    name = next(_maps(look, of_all=True), None)
    if name is None:
        return None
    maps = _of_many_places(look)
    place, layout = list(maps).index(name), maps[name]
    if place < len(maps) / 3:
        return None
    for later in list(maps)[place + 1 : place + 2]:
        # Tokens that go on to a class token: what they still have to say passes the norm of the next block.
        alike = look.outputs[later].shape == look.outputs[name].shape and maps[later] == layout
        if layout.before and alike and look.depends_on(later, layout) and look.passes_on(name, later, layout):
            return later
    return name


def _maps(look: Look, of_all: bool) -> Iterator[str]:
    """The layers that Grad-CAM can look at, the last first, none of them part of another.

    Args:
        look: What the layers have given.
        of_all: Whether all that the answer knows of the image has to pass through them.
    """
    blocks = [name for name, output in look.outputs.items() if len(output.shape) == 4 and not output.of_image]
    seen: dict[GradientEdge | None, bool] = {}
    for name, layout in reversed(_of_many_places(look).items()):
        edge = look.outputs[name].edge
        if any(name.startswith(f"{block}.") for block in blocks if not isinstance(look.modules[block], nn.Sequential)):
            continue
        if edge not in seen:
            passed = not of_all or look.carries_all(name)
            seen[edge] = passed and look.depends_on(name, layout) and not look.is_scores(name, layout)
            if seen[edge]:
                yield name
        if seen[edge]:
            blocks.append(name)


def _of_many_places(look: Look) -> dict[str, Layout]:
    """The layers with more than one place in each direction, in the order in which they have finished."""
    found = {name: look.layout(name) for name in look.outputs if not isinstance(look.modules[name], _PASSED_OVER)}
    return {name: layout for name, layout in found.items() if layout and min(layout.rows, layout.columns) > 1}


def _remedy(look: Look) -> str:
    """What else can be asked for."""
    guess = _guess(look)
    maps = islice(_maps(look, of_all=guess is not None), _NAMES_TOLD)
    names = list(dict.fromkeys([*filter(None, [guess]), *maps]))[:_NAMES_TOLD]
    if not names:
        return "use a method that needs no layer, such as integrated_gradients or rise"
    return f"layers that will do are {', '.join(names)}"
