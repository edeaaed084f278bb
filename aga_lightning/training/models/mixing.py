"""Batches mixed within themselves: MixUp (Zhang et al. 2018) and CutMix (Yun et al. 2019)."""

from collections.abc import Callable
from typing import Literal

from torch import Tensor
from torchvision.transforms import v2

Mixing = Literal["none", "mixup", "cutmix", "both"]

BatchTransform = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def build_mixing(
    mixing: Mixing, num_classes: int, mixup_alpha: float = 0.2, cutmix_alpha: float = 1.0, probability: float = 1.0
) -> BatchTransform | None:
    """A transform that mixes each image and its label with the image before it in the batch, which is in random order.

    All images of a batch are mixed in one proportion, as in the authors' code of both papers.

    Args:
        mixing: "mixup" blends whole images, lam * this + (1 - lam) * the other with lam of Beta(alpha, alpha).
            "cutmix" pastes a rectangle of the other that covers a share of 1 - lam, less where it leaves the image;
            the label's shares are those of the pixels. "both" tosses a fair coin for each batch. "none" leaves
            batches alone.
        num_classes: The length of a label once it is a distribution.
        mixup_alpha: 0.2 is that of the paper for ImageNet and of torchvision's recipe.
        cutmix_alpha: 1 is that of the paper and of torchvision's recipe: any share is as likely as any other.
        probability: The share of batches that are mixed. The authors' command for CutMix on ImageNet mixes all, that
            for CIFAR half of them.

    Returns:
        A function of images (N, 3, H, W) and labels (N,), giving mixed images of the same shape and labels (N,
        num_classes) that sum to one, or a batch as it came; drawn from torch's global generator. None where nothing is
        to be mixed.

    Raises:
        ValueError: If an alpha is not above 0, or the probability not in 0..1.
    """
    if min(mixup_alpha, cutmix_alpha) <= 0:
        raise ValueError(f"mixup_alpha and cutmix_alpha are above 0, not {mixup_alpha} and {cutmix_alpha}")
    if not 0 <= probability <= 1:
        raise ValueError(f"mixing_probability is a probability, not {probability}")
    mixup = v2.MixUp(alpha=mixup_alpha, num_classes=num_classes)
    cutmix = v2.CutMix(alpha=cutmix_alpha, num_classes=num_classes)
    transforms: dict[Mixing, BatchTransform | None] = {
        "none": None,
        "mixup": mixup,
        "cutmix": cutmix,
        "both": v2.RandomChoice([mixup, cutmix]),
    }
    chosen = transforms[mixing]
    # Without a share to draw, nothing is drawn: a seed gives the batches that it gave before there were shares.
    return chosen if chosen is None or probability == 1 else v2.RandomApply([chosen], p=probability)
