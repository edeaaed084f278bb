"""Which layer of a classifier holds its last feature map."""

from collections.abc import Callable
from contextlib import nullcontext
from difflib import get_close_matches

import torch
from torch import Tensor, nn
from torchvision.models import SqueezeNet, VisionTransformer
from torchvision.ops import StochasticDepth

from aga_lightning.explain.logits import check_images, model_input_like
from aga_lightning.explain.prediction import evaluation_mode
from aga_lightning.explain.wrappers import plain_name, plain_names, uncompiled, unwrapped

# They resize a map or hand it on: the layer before them is the one to look at.
_PASSED_OVER = (
    nn.AdaptiveAvgPool2d,
    nn.AdaptiveMaxPool2d,
    nn.Dropout,
    nn.Dropout2d,
    nn.AlphaDropout,
    nn.FeatureAlphaDropout,
    nn.Identity,
    StochasticDepth,
)
_PASS_A_LAYER = 'pass `layer`, a module of the model or its dotted name, such as "layer4"'


def find_layer(model: nn.Module, layer: nn.Module | str | None, images: Tensor) -> nn.Module:
    """The layer that is meant by a module, a name, or nothing.

    Args:
        model: A classifier of images (N, C, H, W), wrapped or not.
        layer: A module of the model, its dotted name ("layer3", "features.denseblock3") with or without the wrapper's
            prefix ("module.layer3", "_orig_mod.layer3"), or None for its last feature map.
        images: What the model will see, needed for None.

    Returns:
        A module of the model.

    Raises:
        ValueError: If the model has no such layer, or, for None, if no feature map is found.
    """
    if layer is None:
        return last_feature_map(model, images)
    if isinstance(layer, nn.Module):
        if layer not in model.modules():
            raise ValueError(f"The layer, a {type(layer).__name__}, is no module of the {type(model).__name__}.")
        return layer
    modules = plain_names(model) | dict(model.named_modules())
    layer = layer if layer in modules else plain_name(layer)
    if layer not in modules:
        names = [name for name in plain_names(model) if name]
        near = get_close_matches(layer, names, n=5) or [name for name in names if "." not in name]
        raise ValueError(f"The {type(model).__name__} has no layer {layer!r}; near it are {', '.join(near)}.")
    return modules[layer]


def last_feature_map(model: nn.Module, images: Tensor) -> nn.Module:
    """Find the layer whose output is a classifier's last feature map, by watching it look at one image.

    It is the last layer to finish with an output (1, C, h, w), h and w above 1, that is no adaptive pooling, dropout
    or identity. The parts of a block are not looked at where the block itself returns a map: they may be one of
    several branches. Two classifiers of torchvision get a layer of their own: for a VisionTransformer it is the first
    norm of the last block, since what comes later does not reach the class token; for a SqueezeNet it is `features`,
    since the head's maps are rectified class scores.

    Args:
        model: A classifier of images (N, C, H, W), wrapped or not. It is left as it was: modes, statistics, hooks and
            the random state.
        images: Floating point (N, C, H, W), N > 0; the first is used. On small images an earlier layer may be the last
            one with more than one pixel.

    Returns:
        A module of the model.

    Raises:
        ValueError: If no layer gives a feature map, or the model goes on with tokens after its last one, as
            transformers do.
    """
    model = unwrapped(model)
    for module in model.modules():
        if isinstance(module, VisionTransformer):
            return module.encoder.layers[-1].ln_1  # type: ignore[no-any-return] # torchvision is untyped
        if isinstance(module, SqueezeNet):
            return module.features  # type: ignore[no-any-return] # torchvision is untyped
    shapes = _output_shapes(model, images)
    modules: dict[str, nn.Module] = dict(model.named_modules())
    maps = [name for name, shape in shapes.items() if len(shape) == 4]
    # Parts of a Sequential follow one another, so that each of their maps is all that the next one sees.
    blocks = [name for name in maps if not isinstance(modules[name], nn.Sequential)]
    for name, shape in reversed(shapes.items()):
        if len(shape) == 3 and shape[1] > 1:
            raise ValueError(
                f"The {type(model).__name__} works on tokens after its last feature map ({name!r} gives "
                f"{tuple(shape)}); {_PASS_A_LAYER}."
            )
        in_block = any(name.startswith(f"{block}.") for block in blocks)
        if name in maps and min(shape[2:]) > 1 and not in_block and not isinstance(modules[name], _PASSED_OVER):
            return modules[name]
    raise ValueError(
        f"No layer of the {type(model).__name__} gives a feature map of more than one pixel on images of "
        f"{images.shape[-2]} x {images.shape[-1]}; {_PASS_A_LAYER}."
    )


def _output_shapes(model: nn.Module, images: Tensor) -> dict[str, torch.Size]:
    """The shapes of all floating point outputs, by the modules' names, in the order in which the modules finish."""
    check_images(images)
    shapes: dict[str, torch.Size] = {}

    def noting(name: str) -> Callable[[nn.Module, object, object], None]:
        def note(module: nn.Module, inputs: object, output: object) -> None:
            shapes.pop(name, None)  # of a module that is used again, the last call counts
            if isinstance(output, Tensor) and output.is_floating_point():
                shapes[name] = output.shape

        return note

    like = model_input_like(model, images)
    hooks = [module.register_forward_hook(noting(name)) for name, module in model.named_modules()]
    try:
        with (
            evaluation_mode(model),
            uncompiled(),
            torch.random.fork_rng(devices=[like.device] if like.device.type == "cuda" else []),
            # Not in inference mode: what a model computes once and keeps would be of no use to gradients later.
            torch.inference_mode(mode=False),
            torch.no_grad(),
            # A net without numbers, on the device meta, computes in no precision.
            nullcontext() if like.device.type == "meta" else torch.autocast(like.device.type, enabled=False),
        ):
            model(images[:1].to(like.device, like.dtype, copy=True))
    finally:
        for hook in hooks:
            hook.remove()
    return shapes
