"""What a model says of the subject alone, of the background alone, and of the whole image."""

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
    """Accuracy on whole images, on their subjects and on their backgrounds, and how much the background decides.

    The accuracies follow "Noise or Signal" (Xiao et al. 2020): on Only-FG, how well the subject is known without its
    surroundings, and on No-FG, how far the background alone betrays the class. That last accuracy also depends on the
    set: where backgrounds were swapped, the model that goes by them most has the lowest. So `background_reliance`
    asks no labels. It is the agreement of the model with itself: how often it says of the background alone what it
    says of the whole image, beyond what two independent guesses with the same frequencies of the classes would agree
    on (Cohen's kappa; Geirhos et al. 2020 compare models and people by it).

        (p_observed - p_chance) / (1 - p_chance)

    1 means that the background alone makes the model say what it says, 0 that it tells it nothing; less than 0, that
    it speaks against. A model that says the same of all backgrounds gets 0, whatever that is. Agreement may also come
    from the outline that the removed subject leaves, so the mask should have a margin. The background gap of Xiao et
    al. needs other images' backgrounds behind the subjects, and is another measure.

    Args:
        num_classes: How many classes there are, in the set or not.

    `compute` gives `images` (how many), `acc`, `acc_subject_only` and `acc_background_only` in 0..1, and
    `background_reliance` in -1..1; all but the first are NaN where there were no images.
    """

    higher_is_better = None
    full_state_update = False
    right: Tensor
    agreeing: Tensor
    said: Tensor

    def __init__(self, num_classes: int, **kwargs: Any) -> None:  # noqa: ANN401  torchmetrics' own options
        super().__init__(**kwargs)
        self.add_state("right", torch.zeros(3, dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("agreeing", torch.tensor(0), dist_reduce_fx="sum")
        self.add_state("said", torch.zeros(2, num_classes, dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, whole: Tensor, subject: Tensor, background: Tensor, targets: Tensor) -> None:
        """Add a batch of classes (N,) int64: those the model says of the three versions, and the true ones."""
        versions = torch.stack([whole, subject, background])
        self.right += (versions == targets).sum(dim=1)
        self.agreeing += (whole == background).sum()
        classes = self.said.shape[1]
        self.said += torch.stack([torch.bincount(labels, minlength=classes) for labels in (whole, background)])

    def compute(self) -> dict[str, Tensor]:
        """The scores of all images so far."""
        images = self.said[0].sum()
        whole, subject, background = (self.right / images).unbind()
        observed = self.agreeing / images
        frequencies = self.said / images
        chance = (frequencies[0] * frequencies[1]).sum()
        # Where one class is said of everything, chance agrees always: then the background has told nothing.
        reliance = torch.where(self.said.max(dim=1).values.min() == images, 0.0, (observed - chance) / (1 - chance))
        return {
            "images": images,
            "acc": whole,
            "acc_subject_only": subject,
            "acc_background_only": background,
            "background_reliance": torch.where(images > 0, reliance, torch.nan),
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
