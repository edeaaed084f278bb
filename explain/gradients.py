"""Attributions of single pixels from gradients at the image: gradient x input and integrated gradients."""

import torch
from torch import Tensor, nn

from aga_lightning.explain.logits import differentiable, finished


def gradient_x_input(
    model: nn.Module, images: Tensor, targets: Tensor, absolute: bool = False, batch_size: int = 64
) -> Tensor:
    """Gradient x input (Shrikumar et al. 2016), by captum: each pixel's gradient times its value.

    The model is used as it is, see `aga_lightning.explain.grad_cam`: put it into evaluation mode first.

    Args:
        model: Normalised images (N, C, H, W) to logits (N, num_classes).
        images: Floating point (N, C, H, W).
        targets: Integers (N,), the class to explain in each image.
        absolute: Return absolute values. Measures of faithfulness usually want them: they rank pixels by how much
            they matter, and a pixel that speaks against the class matters too.
        batch_size: How many images the model sees at once, which changes no result.

    Returns:
        Attributions float32 (N, H, W) on the CPU, summed over the channels. NaN throughout where an image is not
        finite.

    Raises:
        ValueError: If images or targets have another shape or type, or a target is out of range.
    """
    # Seconds to import, and of use to few runs.
    from captum.attr import InputXGradient

    with differentiable(model, images, targets) as (logits, inputs, classes):
        maps = [torch.zeros(0, *images.shape[-2:])]
        method = InputXGradient(logits)
        for first in range(0, len(inputs), batch_size):
            part = slice(first, first + batch_size)
            attributions = method.attribute(inputs[part].requires_grad_(), classes[part])
            maps.append(_of_pixels(attributions, inputs[part], absolute))
        return torch.cat(maps)


def integrated_gradients(
    model: nn.Module,
    images: Tensor,
    targets: Tensor,
    steps: int = 50,
    baseline: float | Tensor = 0.0,
    batch_size: int = 64,
    absolute: bool = False,
) -> Tensor:
    """Integrated gradients (Sundararajan et al. 2017), by captum: gradients along the line from a baseline image.

    The values of an image sum up to the target's logit less that of the baseline, the better the more steps. The model
    is used as it is, see `aga_lightning.explain.grad_cam`: put it into evaluation mode first.

    Args:
        model: Normalised images (N, C, H, W) to logits (N, num_classes).
        images: Floating point (N, C, H, W).
        targets: Integers (N,), the class to explain in each image.
        steps: Points of the Gauss-Legendre rule, each one forward and backward pass of every image.
        baseline: Where the line starts, in normalised values: a number, or a tensor that can be expanded to the
            images' shape. Zero is the mean colour.
        batch_size: How many images the model sees at once, which changes no result.
        absolute: As in `gradient_x_input`.

    Returns:
        Attributions float32 (N, H, W) on the CPU, summed over the channels. NaN throughout where an image is not
        finite.

    Raises:
        ValueError: If images, targets or baseline have another shape or type, a target is out of range, or steps or
            batch_size is below 1.
    """
    # Seconds to import, and of use to few runs.
    from captum.attr import IntegratedGradients

    if steps < 1 or batch_size < 1:
        raise ValueError(f"Integrated gradients need steps and a batch_size of at least 1, not {steps}, {batch_size}.")
    with differentiable(model, images, targets) as (logits, inputs, classes):
        start = torch.as_tensor(baseline).to(inputs.device, inputs.dtype).detach()
        try:
            start = start.expand_as(inputs)
        except RuntimeError as error:
            raise ValueError(
                f"A baseline {tuple(start.shape)} cannot be expanded to images {tuple(inputs.shape)}."
            ) from error
        maps = [torch.zeros(0, *images.shape[-2:])]
        method = IntegratedGradients(logits)
        for first in range(0, len(inputs), batch_size):
            part = slice(first, first + batch_size)
            attributions = method.attribute(
                inputs[part], start[part], classes[part], n_steps=steps, internal_batch_size=batch_size
            )
            maps.append(_of_pixels(attributions, inputs[part], absolute))
        return torch.cat(maps)


def _of_pixels(attributions: Tensor, images: Tensor, absolute: bool) -> Tensor:
    maps = attributions.detach().float().sum(dim=1)
    return finished(maps.abs() if absolute else maps, images)
