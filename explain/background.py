"""The subject alone, the background alone, and which of the two a model relies on."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d
from torchmetrics import Metric


def subject_only(images: Tensor, masks: Tensor, fill: float | Sequence[float] = 0.0) -> Tensor:
    """The images with their background filled: Only-FG of "Noise or Signal" (Xiao et al. 2020).

    Args:
        images: (N, C, H, W), normalised or pixels.
        masks: (N, H, W) bool, True at the subject.
        fill: The colour, one number for all channels or one a channel, in the units of the images. Of normalised
            images 0 is the mean colour of the training images: what a convolution is padded with and what RISE deletes
            by. Black, as Xiao et al. have it, lies two standard deviations away, and the mean colour of an image's own
            background would still tell snow from grass.

    Returns:
        (N, C, H, W), of the images' type.

    Raises:
        ValueError: If the masks are not bool or not of the images' number and size, or the fill has other channels.
    """
    return torch.where(_checked(images, masks)[:, None], images, _colour(images, fill))


def background_only(images: Tensor, masks: Tensor, fill: float | Sequence[float] = 0.0, margin: int = 0) -> Tensor:
    """The images with their subject filled: No-FG of "Noise or Signal" (Xiao et al. 2020).

    The filled patch has the subject's outline, which tells something of the class too; a margin blunts it.

    Args:
        images: (N, C, H, W), normalised or pixels.
        masks: (N, H, W) bool, True at the subject.
        fill: The colour, as in `subject_only`.
        margin: Pixels around the subject that are filled too: the mask is dilated by a square of 2 margin + 1.

    Returns:
        (N, C, H, W), of the images' type.

    Raises:
        ValueError: If the masks are not bool or not of the images' number and size, the fill has other channels, or
            the margin is negative.
    """
    return torch.where(dilated(_checked(images, masks), margin)[:, None], _colour(images, fill), images)


def dilated(masks: Tensor, margin: int) -> Tensor:
    """Masks (N, H, W) bool, larger by `margin` pixels on all sides.

    Raises:
        ValueError: If the margin is negative.
    """
    if margin < 0:
        raise ValueError(f"margin is a number of pixels, 0 or more, not {margin}")
    if masks.numel() == 0 or margin == 0:
        return masks
    return max_pool2d(masks[:, None].float(), 2 * margin + 1, stride=1, padding=margin)[:, 0] > 0


class BackgroundScores(Metric):
    """Accuracy on whole images, on their subjects and on their backgrounds, and which of the two a model relies on.

    The accuracies follow "Noise or Signal" (Xiao et al. 2020): on Only-FG, how well a subject is known without its
    surroundings, and on No-FG, how far the background alone betrays the class. The latter depends on the set as much
    as on the model: where backgrounds were swapped, the model that relies on them most has the lowest. So
    `background_reliance` needs no labels. Among the images whose subject alone and background alone get different
    answers, it is the share of those that get, whole, the answer of the background:

        background_reliance = n(whole = background) / (n(whole = background) + n(whole = subject))

    0 means that the subject always decides, 1 that the background does. This is the texture bias of Geirhos et al.
    (2019, cue conflicts between texture and shape), with the image's own background for the texture. Images whose
    subject and background get the same answer do not count: in a set whose backgrounds belong to its classes both may
    just be right. Nor do images that get, whole, a third answer. It is no measure of how well a background serves, and
    not the background gap of Xiao et al., which puts the backgrounds of other images behind the subjects. The filled
    patch keeps the subject's outline, so masks should have a margin.

    `compute` gives `images` (how many), `acc`, `acc_subject_only` and `acc_background_only` (0..1), `decided` (how
    many images `background_reliance` counts) and `background_reliance` (0..1). Shares of no images are NaN.
    """

    higher_is_better = None
    full_state_update = False
    images: Tensor
    right: Tensor
    sides: Tensor

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401  torchmetrics' own options
        super().__init__(**kwargs)
        self.add_state("images", torch.tensor(0), dist_reduce_fx="sum")
        self.add_state("right", torch.zeros(3, dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("sides", torch.zeros(2, dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, whole: Tensor, subject: Tensor, background: Tensor, targets: Tensor) -> None:
        """Add a batch of classes (N,) int64: those the model says of the three versions, and the true ones."""
        parts = torch.stack([subject, background])
        self.images += len(targets)
        self.right += torch.stack([whole == targets, *(parts == targets)]).sum(dim=1)
        self.sides += ((parts == whole) & (subject != background)).sum(dim=1)

    def compute(self) -> dict[str, Tensor]:
        """The scores of all images so far."""
        whole, subject, background = (self.right / self.images).unbind()
        decided = self.sides.sum()
        return {
            "images": self.images.clone(),
            "acc": whole,
            "acc_subject_only": subject,
            "acc_background_only": background,
            "decided": decided,
            "background_reliance": self.sides[1] / decided,
        }


def _checked(images: Tensor, masks: Tensor) -> Tensor:
    if images.ndim != 4 or masks.shape != (len(images), *images.shape[2:]):
        raise ValueError(
            f"images are (N, C, H, W) and masks (N, H, W) of the same N, H and W, not {tuple(images.shape)} and "
            f"{tuple(masks.shape)}; bring the masks through the images' own transform"
        )
    if masks.dtype != torch.bool:
        raise ValueError(f"masks are bool, True at the subject, not {masks.dtype}; compare them with a threshold first")
    return masks


def _colour(images: Tensor, fill: float | Sequence[float]) -> Tensor:
    colour = torch.as_tensor(fill, dtype=images.dtype, device=images.device).reshape(-1)
    if len(colour) not in (1, images.shape[1]):
        raise ValueError(
            f"fill has {len(colour)} numbers, but the images {images.shape[1]} channels; give one number, or one for "
            "each channel"
        )
    return colour.view(1, -1, 1, 1)
