"""Contrast of an image, by which a blank background is recognised."""

import numpy as np

from aga_lightning.images.pixels import Image

BLANK = 4.0
"""Images of less contrast, in levels of 0..255, count as blank."""


def contrast(image: Image) -> float:
    """The standard deviation of the pixels about the mean colour, in levels of 0..255."""
    return float(np.sqrt(image.reshape(-1, 3).var(0).mean()))
