"""The photo's own background, with the subject painted over: a control that changes the background least."""

from dataclasses import dataclass

import cv2
import numpy as np

from aga_lightning.augment.base import Scene
from aga_lightning.augment.compositing import cover
from aga_lightning.augment.painters.donors import fill_hole, hole_around
from aga_lightning.augment.painters.sources import BorrowingPainter
from aga_lightning.images.pixels import Image

_FINEST = 4.0  # pixels: a blur of at least this standard deviation looks the same on a picture of half the size


@dataclass(kw_only=True, eq=False)
class OwnPhoto(BorrowingPainter):
    """Gives the subject's own photo with the subject painted over; the rest is left as it is, or blurred.

    The subject is painted over as in `DonorPhotos`. The caption is ignored.

    Args:
        margin: How far the hole reaches beyond the subject's mask, in diagonals of the subject's box. It is smaller
            than that of `DonorPhotos`, since parts of the subject that the mask missed do not make the label wrong.
        blur: Standard deviation of a Gaussian blur, as a share of the photo's longer side; 0 blurs nothing.

    Raises:
        ValueError: If one of them is negative.
    """

    margin: float = 0.04
    blur: float = 0.0

    def __post_init__(self) -> None:
        if self.margin < 0 or self.blur < 0:
            raise ValueError(f"margin ({self.margin}) and blur ({self.blur}) must not be negative")

    def paint_one(self, scene: Scene) -> Image:
        """The background of the scene's own photo.

        Raises:
            RuntimeError: If the photo is not known, or no subject was found in it.
        """
        image, mask = self.sources.isolated(scene.source)
        behind = fill_hole(image, hole_around(mask, self.margin), np.random.default_rng(scene.seed))
        # Blurred last: before, the subject's colours would bleed into its surroundings.
        return cover(blurred(behind, self.blur * max(behind.shape[:2])), scene.size)


def blurred(image: Image, sigma: float) -> Image:
    """An image blurred by a Gaussian of a standard deviation in pixels; 0 changes nothing."""
    if sigma == 0:
        return image
    step = max(1, int(sigma / _FINEST))
    if step == 1:
        return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.uint8)
    # The kernel, and the time, grow with the photo; a strong blur gives the same result on a reduced picture.
    height, width = image.shape[:2]
    size = max(1, round(width / step)), max(1, round(height / step))
    small = cv2.resize(image.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    across, down = sigma * size[0] / width, sigma * size[1] / height
    calm = cv2.GaussianBlur(small, (0, 0), sigmaX=across, sigmaY=down, borderType=cv2.BORDER_REFLECT)
    large = cv2.resize(calm, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.clip(np.round(large), 0, 255), np.uint8)
