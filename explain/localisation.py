"""Whether attributions lie on the subject: the share of their energy there, and where their maximum is."""

import torch
from torch import Tensor


def energy_inside_mask(attributions: Tensor, masks: Tensor) -> Tensor:
    """The share of the positive attribution that lies on the subject.

    The energy-based pointing game of Wang et al. 2020, "Score-CAM: Score-Weighted Visual Explanations for Convolutional
    Neural Networks", with masks for their boxes. A map that says nothing scores the mask's share of the image.

    Args:
        attributions: (N, H, W) float; what is negative counts as zero.
        masks: (N, H, W) bool, True at the subject.

    Returns:
        (N,) float32 on the CPU, in 0..1; 1 where the mask is full. NaN where nothing can be said: a map that is not
        finite or nowhere positive, or an empty mask.

    Raises:
        ValueError: If sizes or number formats do not fit.
    """
    _check(attributions, masks)
    masks = masks.to(attributions.device)
    energy = attributions.double().clamp(min=0)  # sums of float32 maps may leave float32
    # No energy at all gives 0 / 0, which is NaN, as it should be.
    share = (energy * masks).sum(dim=(1, 2)) / energy.sum(dim=(1, 2))
    return share.masked_fill(~_finite(attributions) | ~masks.flatten(1).any(dim=1), torch.nan).float().cpu()


def pointing_game(attributions: Tensor, masks: Tensor, tolerance: float = 0) -> Tensor:
    """Whether the most important pixel is on the subject.

    Zhang et al. 2016, "Top-down Neural Attention by Excitation Backprop", who allow for a distance of 15 pixels.

    Args:
        attributions: (N, H, W) float. Of several maxima the first in raster order is taken.
        masks: (N, H, W) bool, True at the subject.
        tolerance: How far from the subject the pixel may be, in pixels, as the crow flies.

    Returns:
        (N,) float32 on the CPU: 1 for a hit, 0 for a miss. NaN where nothing can be said: a map that is constant or
        not finite, or an empty mask.

    Raises:
        ValueError: If sizes or number formats do not fit, or the tolerance is negative.
    """
    _check(attributions, masks)
    if tolerance < 0:
        raise ValueError(f"tolerance is a number of pixels, 0 or more, not {tolerance}")
    if attributions.numel() == 0:
        return torch.empty(0)
    masks = masks.to(attributions.device)
    height, width = masks.shape[1:]
    flat = attributions.flatten(1)
    highest = flat.argmax(dim=1)
    rows = torch.arange(height, device=masks.device) - (highest // width).view(-1, 1)
    columns = torch.arange(width, device=masks.device) - (highest % width).view(-1, 1)
    near = rows[:, :, None] ** 2 + columns[:, None, :] ** 2 <= tolerance**2
    hit = (near & masks).flatten(1).any(dim=1)
    lowest, top = flat.aminmax(dim=1)
    unsaid = ~_finite(attributions) | (lowest == top) | ~masks.flatten(1).any(dim=1)
    return hit.float().masked_fill(unsaid, torch.nan).cpu()


def _finite(attributions: Tensor) -> Tensor:
    return attributions.isfinite().flatten(1).all(dim=1)


def _check(attributions: Tensor, masks: Tensor) -> None:
    if attributions.ndim != 3 or attributions.shape != masks.shape:
        raise ValueError(
            f"attributions and masks are (N, H, W) of the same N, H and W, not {tuple(attributions.shape)} and "
            f"{tuple(masks.shape)}; enlarge the maps to the images' size, and bring the masks through their transform"
        )
    if not attributions.is_floating_point():
        raise ValueError(f"attributions are floating point, not {attributions.dtype}")
    if masks.dtype != torch.bool:
        raise ValueError(f"masks are bool, True at the subject, not {masks.dtype}; compare them with a threshold first")
