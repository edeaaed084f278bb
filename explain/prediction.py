"""Probabilities of normalised images and of 8-bit pixels, which all measures need."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torchvision.transforms.v2 import functional

Predict = Callable[[Tensor], Tensor]
"""Images (N, C, H, W), in whatever form a measure says, to class probabilities (N, num_classes)."""


@dataclass(frozen=True, slots=True)
class Pixels:
    """How 8-bit pixels become what a network sees: scaled to 0..1, less the mean, over the standard deviation.

    Args:
        mean: One number a channel, of values in 0..1; a single one is for all channels.
        std: The same.
    """

    mean: Sequence[float] = (0.0,)
    std: Sequence[float] = (1.0,)

    def normalised(self, pixels: Tensor) -> Tensor:
        """What the network sees of pixels (N, C, H, W) uint8, as float32 (N, C, H, W)."""
        # torchvision's own steps: the same bits as the loaders' transforms give.
        scaled: Tensor = functional.to_dtype(pixels, torch.float32, scale=True)
        return functional.normalize(scaled, list(self.mean), list(self.std))  # type: ignore[no-any-return] # untyped

    def pixels(self, normalised: Tensor) -> Tensor:
        """The nearest pixels (N, C, H, W) uint8 of what the network sees; its exact inverse for 8-bit images."""
        mean, std = (
            torch.tensor(values, device=normalised.device).view(1, -1, 1, 1) for values in (self.mean, self.std)
        )
        return (255 * (normalised.to(torch.float32) * std + mean)).round().clamp(0, 255).to(torch.uint8)


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """A block in which a model is in evaluation mode; after it, each module is in the mode that it was in.

    Args:
        model: Any module; a part that is frozen in evaluation mode stays so.
    """
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training


def probabilities(model: nn.Module, pixels: Pixels | None = None) -> Predict:
    """A function from images to probabilities, without gradients.

    Args:
        model: Normalised images (N, C, H, W) to logits (N, num_classes). It is called as it is: put it into
            evaluation mode first.
        pixels: If given, the function takes uint8 pixels, on any device, and normalises them like this.

    Returns:
        A function to float32 probabilities (N, num_classes) on the model's device. Images are cast to the device and
        the number format of the model's parameters.
    """

    def predict(images: Tensor) -> Tensor:
        parameter = next(model.parameters(), None)
        if parameter is not None:
            images = images.to(parameter.device)
        if pixels is not None:
            images = pixels.normalised(images)
        if parameter is not None:
            images = images.to(parameter.dtype)
        with torch.no_grad():
            return model(images).float().softmax(dim=1)  # type: ignore[no-any-return] # a module returns anything

    return predict
