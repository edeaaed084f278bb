"""Batches mixed within themselves: MixUp (Zhang et al. 2018) and CutMix (Yun et al. 2019)."""

from collections.abc import Callable
from typing import Literal

from torch import Tensor
from torchvision.transforms import v2

Mixing = Literal["none", "mixup", "cutmix", "both"]

BatchTransform = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def build_mixing(mixing: Mixing, num_classes: int) -> BatchTransform | None:
    """A transform that mixes each image and its label with another of the batch.

    Args:
        mixing: "mixup" blends whole images (alpha 0.2), "cutmix" pastes a rectangle (alpha 1.0), "both" tosses a fair
            coin for each batch; the alphas are those of torchvision's reference recipe. "none" leaves batches alone.
        num_classes: The length of a label once it is a distribution.

    Returns:
        A function of images (N, 3, H, W) and labels (N,), giving mixed images of the same shape and labels (N,
        num_classes) that sum to one, drawn from torch's global generator; None where nothing is to be mixed.
    """
    mixup = v2.MixUp(alpha=0.2, num_classes=num_classes)
    cutmix = v2.CutMix(alpha=1.0, num_classes=num_classes)
    transforms: dict[Mixing, BatchTransform | None] = {
        "none": None,
        "mixup": mixup,
        "cutmix": cutmix,
        "both": v2.RandomChoice([mixup, cutmix]),
    }
    return transforms[mixing]
