"""Grad-CAM: which places of a feature map speak for a class."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from aga_lightning.explain.layers import FeatureMap, find_map
from aga_lightning.explain.logits import check_images, check_targets, differentiable, finished


def grad_cam(
    model: nn.Module,
    images: Tensor,
    targets: Tensor,
    layer: nn.Module | str | None = None,
    relu: bool = True,
    batch_size: int = 64,
) -> Tensor:
    """Grad-CAM (Selvaraju et al. 2017), by captum: channels weighted by the mean gradient of the target's logit.

    The model is used as it is: put it into evaluation mode first. In training mode an image's map would depend on the
    rest of its batch, dropout would make it random, and batch norm would learn from these images. The caller may be in
    inference mode, `no_grad` or autocast; parameters, their gradients and hooks are left as they were.

    Args:
        model: Normalised images (N, C, H, W) to logits (N, num_classes), in any number format.
        images: Floating point (N, C, H, W).
        targets: Integers (N,), the class to explain in each image.
        layer: A module of the model, or its dotted name ("layer3"), that returns a feature map, (N, C, h, w) or
            (N, h, w, C), or tokens (N, L, C), which lie on a grid of the image's shape, after other tokens if there
            are any. None finds the last feature map, see `aga_lightning.explain.layers`.
        relu: The published method sets negative values to zero. False keeps them, which is better for ranking pixels:
            zeros are ties, and their order alone changes insertion and deletion curves.
        batch_size: How many images the model sees at once, which changes no result.

    Returns:
        Attributions float32 (N, H, W) on the CPU, upsampled bilinearly from the layer's size. NaN throughout where an
        image is not finite.

    Raises:
        ValueError: If images or targets have another shape or type, a target is out of range, or the layer is unknown,
            unused, or returns no feature map on which the answer depends; the message names layers that will do.
    """
    # Seconds to import, and of use to few runs.
    from captum.attr import LayerGradCam

    check_images(images)
    check_targets(targets, len(images))
    size = images.shape[-2:]
    maps = [torch.zeros(0, *size)]
    if len(images):
        found = find_map(model, layer, images)
    for first in range(0, len(images), batch_size):
        part = slice(first, first + batch_size)
        with differentiable(model, images[part], targets[part]) as (logits, inputs, classes):
            with _laid_out(found) as feature_map:
                method = LayerGradCam(logits, feature_map)
                places = method.attribute(inputs, classes, relu_attributions=relu).detach().float()
            enlarged = interpolate(places, size, mode="bilinear", align_corners=False).squeeze(1)
            maps.append(finished(enlarged, inputs))
    with torch.inference_mode(mode=False):  # as each of them is
        return torch.cat(maps)


@contextmanager
def _laid_out(found: FeatureMap) -> Iterator[nn.Module]:
    """A block in which a module gives what a layer does, as a map (N, C, h, w) that the model goes on with."""
    feature_map = nn.Identity()

    def pass_through(module: nn.Module, inputs: object, output: object) -> object:
        if isinstance(output, Tensor) and output.shape[1:] == found.shape[1:]:
            return found.layout.from_map(feature_map(found.layout.to_map(output)), output)
        return output  # of another call of a module that is used more than once

    hook = found.layer.register_forward_hook(pass_through)
    try:
        yield feature_map
    finally:
        hook.remove()
