"""Grad-CAM: which places of a feature map speak for a class."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from aga_lightning.explain.layers import find_layer
from aga_lightning.explain.logits import differentiable, finished

_MOST_CLASS_TOKENS = 8


def grad_cam(
    model: nn.Module,
    images: Tensor,
    targets: Tensor,
    layer: nn.Module | str | None = None,
    relu: bool = True,
) -> Tensor:
    """Grad-CAM (Selvaraju et al. 2017), by captum: channels weighted by the mean gradient of the target's logit.

    The model is used as it is: put it into evaluation mode first. In training mode an image's map would depend on the
    rest of its batch, dropout would make it random, and batch norm would learn from these images. The caller may be in
    inference mode, `no_grad` or autocast; parameters, their gradients and hooks are left as they were.

    Args:
        model: Normalised images (N, C, H, W) to logits (N, num_classes), in any number format.
        images: Floating point (N, C, H, W).
        targets: Integers (N,), the class to explain in each image.
        layer: A module of the model, or its dotted name ("layer3"), that returns a feature map (N, C, h, w) or tokens
            (N, L, C), which lie on a grid of the image's shape, after class tokens if there are any. None finds the
            last feature map, see `aga_lightning.explain.layers`.
        relu: The published method sets negative values to zero. False keeps them, which is better for ranking pixels:
            zeros are ties, and their order alone changes insertion and deletion curves.

    Returns:
        Attributions float32 (N, H, W) on the CPU, upsampled bilinearly from the layer's size. NaN throughout where an
        image is not finite.

    Raises:
        ValueError: If images or targets have another shape or type, a target is out of range, or the layer is unknown,
            unused, or returns no feature map.
    """
    # Seconds to import, and of use to few runs.
    from captum.attr import LayerGradCam

    size = images.shape[-2:]
    with differentiable(model, images, targets) as (logits, inputs, classes):
        if len(inputs) == 0:
            return torch.zeros(0, *size)
        with _feature_map(find_layer(model, layer, inputs), logits, size) as (feature_map, logits_through_it):
            method = LayerGradCam(logits_through_it, feature_map)
            maps = method.attribute(inputs, classes, relu_attributions=relu).detach().float()
        return finished(interpolate(maps, size, mode="bilinear", align_corners=False).squeeze(1), inputs)


@contextmanager
def _feature_map(
    layer: nn.Module, logits: Callable[[Tensor], Tensor], size: torch.Size
) -> Iterator[tuple[nn.Module, Callable[[Tensor], Tensor]]]:
    """A module whose output is the layer's as (N, C, h, w), and the logits' function, which goes through it."""
    feature_map = nn.Identity()
    reached = False

    def pass_through(module: nn.Module, inputs: object, output: object) -> Tensor:
        nonlocal reached
        reached = True
        if isinstance(output, Tensor) and output.ndim == 4:
            return feature_map(output)  # type: ignore[no-any-return] # a module returns anything
        if isinstance(output, Tensor) and output.ndim == 3:
            height, width = _grid(output.shape[1], size)
            before, tokens = output.tensor_split([output.shape[1] - height * width], dim=1)
            grid = feature_map(tokens.mT.reshape(*tokens.mT.shape[:2], height, width))
            return torch.cat([before, grid.flatten(2).mT], dim=1)
        given = f"a tensor {tuple(output.shape)}" if isinstance(output, Tensor) else f"a {type(output).__name__}"
        raise ValueError(
            f"Grad-CAM needs a layer that returns a feature map (N, C, h, w) or tokens (N, L, C); the "
            f"{type(module).__name__} returns {given}."
        )

    def logits_through_it(batch: Tensor) -> Tensor:
        answer = logits(batch)
        if not reached:
            raise ValueError(f"The layer, a {type(layer).__name__}, is not used when the model looks at an image.")
        return answer

    hook = layer.register_forward_hook(pass_through)
    try:
        yield feature_map, logits_through_it
    finally:
        hook.remove()


def _grid(tokens: int, size: torch.Size) -> tuple[int, int]:
    """Rows and columns of the largest grid of the image's shape; the few tokens that are left over come before it."""
    height, width = size
    for count in range(tokens, max(tokens - _MOST_CLASS_TOKENS - 1, 0), -1):
        rows = round((count * height / width) ** 0.5)
        if rows and count % rows == 0 and rows * width == count // rows * height:
            return rows, count // rows
    raise ValueError(f"{tokens} tokens do not lie on a grid of the shape of images of {height} x {width}.")
