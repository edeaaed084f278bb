"""An attribution drawn over its photo."""

import matplotlib
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

COLOUR_MAP = "inferno"
"""The colours of every attribution: perceptually uniform, also without colour vision, and hot where it matters. Its
dark end, which would hide a photo, never shows, because there the overlay is transparent."""


def overlay(
    pixels: Tensor, attribution: Tensor, colour_map: str = COLOUR_MAP, strength: float = 0.75
) -> NDArray[np.uint8]:
    """Colour the important parts of a photo.

    The photo is drawn in grey, so that all colour is attribution. Colour and opacity grow with the attribution, from 0
    to the map's maximum: what does not matter shows the bare photo.

    Args:
        pixels: uint8 (3, H, W) or (1, H, W).
        attribution: (H, W) float; what is negative counts as zero.
        colour_map: A name that matplotlib knows; 0 to the maximum go from its first colour to its last.
        strength: The opacity at the maximum, 0..1.

    Returns:
        (H, W, 3), the photo in grey alone if the map is nowhere positive or not finite.

    Raises:
        ValueError: If sizes or number formats do not fit, or the strength is out of range.
        KeyError: If matplotlib has no such colour map.
    """
    _check(pixels, attribution, strength)
    photo = pixels.cpu().numpy().astype(np.float64)
    luma = photo[0] if len(photo) == 1 else np.tensordot([0.299, 0.587, 0.114], photo, axes=1)  # ITU-R BT.601
    share = _of_the_maximum(attribution)
    colours = 255 * matplotlib.colormaps[colour_map](share)[..., :3]
    opacity = strength * share[..., None]
    return np.asarray(((1 - opacity) * luma[..., None] + opacity * colours).round(), dtype=np.uint8)


def _of_the_maximum(attribution: Tensor) -> NDArray[np.float64]:
    """The map scaled to 0..1."""
    values = attribution.detach().cpu().double().clamp(min=0)
    highest = values.max()
    if not attribution.isfinite().all() or highest == 0:
        return np.zeros(values.shape)
    return np.asarray((values / highest).numpy())


def _check(pixels: Tensor, attribution: Tensor, strength: float) -> None:
    if pixels.dtype != torch.uint8 or pixels.ndim != 3 or pixels.shape[0] not in (1, 3) or pixels.numel() == 0:
        raise ValueError(
            f"pixels are uint8 (3, H, W) or (1, H, W), not {pixels.dtype} {tuple(pixels.shape)}; "
            "`Pixels.pixels` makes them of what a network sees"
        )
    if attribution.shape != pixels.shape[1:] or not attribution.is_floating_point():
        raise ValueError(
            f"an attribution is floating point of the photo's size {tuple(pixels.shape[1:])}, not {attribution.dtype} "
            f"{tuple(attribution.shape)}; enlarge the map to the photo's size"
        )
    if not 0 <= strength <= 1:
        raise ValueError(f"strength is an opacity in 0..1, not {strength}")
