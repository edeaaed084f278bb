"""A model's logits and their gradients, wherever the caller stands: what every attribution method starts from."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call

from aga_lightning.explain.wrappers import uncompiled, unwrapped


class Differentiable(NamedTuple):
    """What attribution methods work with, on the model's device.

    Args:
        logits: Images (N, C, H, W) to logits (N, num_classes).
        images: (N, C, H, W), a copy in the model's number format that is no part of any graph.
        targets: int64 (N,), a copy.
    """

    logits: Callable[[Tensor], Tensor]
    images: Tensor
    targets: Tensor


@contextmanager
def differentiable(model: nn.Module, images: Tensor, targets: Tensor) -> Iterator[Differentiable]:
    """A block in which gradients of a model's logits can be had, whatever the caller's context.

    Inference mode, `no_grad` and autocast of the caller do not reach into the block. The weights take no part in
    gradients, so none reach the parameters, and no activation is kept for them. The model is called as it is: put it
    into evaluation mode first. In training mode batch norm would mix the images of a batch and learn from them, and
    dropout would draw at random.

    Args:
        model: Normalised images (N, C, H, W) to logits (N, num_classes); in DataParallel, DistributedDataParallel or
            torch.compile, the model inside is called.
        images: Floating point (N, C, H, W), on any device.
        targets: Integers (N,), the class to explain in each image.

    Yields:
        The logits' function, and the images and targets to call it with.

    Raises:
        ValueError: If images or targets have another shape or type, or, when logits are asked for, if a target is none
            of the model's classes or the model answers with something else than logits.
    """
    model = unwrapped(model)
    check_images(images)
    check_targets(targets, len(images))
    highest = int(targets.max()) if len(targets) else -1
    like = model_input_like(model, images)
    with (
        torch.inference_mode(mode=False),
        torch.enable_grad(),
        # A model without numbers, on the device meta, computes in no precision.
        nullcontext() if like.device.type == "meta" else torch.autocast(like.device.type, enabled=False),
        uncompiled(),
    ):
        weights = {name: _outside_inference(weight).detach() for name, weight in model.named_parameters()}
        # Only those that gradients could not use: batch norm in training mode has to find its own.
        weights |= {name: _outside_inference(buffer) for name, buffer in model.named_buffers() if buffer.is_inference()}

        def logits(batch: Tensor) -> Tensor:
            answer = functional_call(model, weights, (batch,))
            _check_logits(answer, highest)
            return answer  # type: ignore[no-any-return] # a module returns anything

        # Copies, and made here: what was made in inference mode takes no part in gradients, not even as an index.
        yield Differentiable(
            logits,
            images.to(like.device, like.dtype, copy=True).detach(),
            targets.to(like.device, torch.int64, copy=True),
        )


def finished(attributions: Tensor, images: Tensor) -> Tensor:
    """Attributions (N, H, W) as the methods return them: float32, on the CPU, contiguous, no part of a graph.

    Where an image (N, C, H, W) holds a value that is not finite, its whole map is NaN: through rectifiers such a
    value would otherwise come out as harmless zeros.
    """
    finite = images.isfinite().flatten(1).all(dim=1).cpu()
    maps = attributions.detach().to("cpu", torch.float32)
    return maps.masked_fill(~finite[:, None, None], torch.nan).contiguous()


def model_input_like(model: nn.Module, images: Tensor) -> Tensor:
    """A tensor of the device and number format that a model wants images in: a weight; the images if it has none."""
    return next((weight for weight in model.parameters() if weight.is_floating_point()), images)


def check_images(images: Tensor) -> None:
    """Raise a ValueError unless images are floating point (N, C, H, W)."""
    if images.ndim != 4 or not images.is_floating_point():
        raise ValueError(
            f"Attributions explain normalised images, floating point (N, C, H, W); these are {images.dtype} "
            f"{tuple(images.shape)}. `Pixels.normalised` makes them of 8-bit pixels."
        )


def check_targets(targets: Tensor, images: int) -> None:
    """Raise a ValueError unless targets are integers of 0 or more, as many as there are images."""
    integers = not (targets.is_floating_point() or targets.is_complex() or targets.dtype == torch.bool)
    if targets.shape != (images,) or not integers:
        raise ValueError(
            f"Targets are one class index an image, int64 ({images},); these are {targets.dtype} "
            f"{tuple(targets.shape)}."
        )
    if images and int(targets.min()) < 0:
        raise ValueError(f"Target {int(targets.min())} is out of range: classes are counted from 0.")


def _check_logits(answer: object, highest: int) -> None:
    if not isinstance(answer, Tensor) or answer.ndim != 2:
        given = f"a tensor {tuple(answer.shape)}" if isinstance(answer, Tensor) else f"a {type(answer).__name__}"
        raise ValueError(
            f"Attributions explain logits (N, num_classes); the model answered with {given}. Some models do so in "
            "training mode only: call eval() first."
        )
    if highest >= answer.shape[1]:
        raise ValueError(f"Target {highest} is out of range: the model's classes are 0 to {answer.shape[1] - 1}.")


def _outside_inference(tensor: Tensor) -> Tensor:
    """The tensor, copied if it was made in inference mode, as all of a model is that was loaded during evaluation."""
    return tensor.clone() if tensor.is_inference() else tensor
