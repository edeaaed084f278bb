"""The photo's own background: what is left of an augmentation when its background is not changed."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from aga_lightning.augment.base import BackgroundGenerator, Scene, SubjectSource
from aga_lightning.augment.compositing import cover
from aga_lightning.augment.painters.donors import fill_hole, hole_around
from aga_lightning.augment.painters.sources import Sources
from aga_lightning.images.pixels import Image

_FINEST = 4.0  # pixels: a blur of this standard deviation or more leaves nothing that half of the pixels could not show


@dataclass(kw_only=True, eq=False)
class OwnPhoto(BackgroundGenerator):
    """Paints over the subject of the photo it was cut from, and leaves the rest as it is, or blurs it.

    The hole is painted over as that of `DonorPhotos` is. The caption is not followed.

    Args:
        margin: By how much the hole reaches beyond the subject's mask, in diagonals of the subject's box. It is smaller
            than that of `DonorPhotos`, since what a mask has missed is no noise in the labels here.
        blur: Standard deviation of a Gaussian blur, as a share of the photo's longer side; 0 blurs nothing.

    Raises:
        ValueError: If one of them is negative.
    """

    borrows = True

    margin: float = 0.04
    blur: float = 0.0

    def __post_init__(self) -> None:
        if self.margin < 0 or self.blur < 0:
            raise ValueError(f"margin ({self.margin}) and blur ({self.blur}) must not be negative")
        self._sources: Sources | None = None

    def borrow(self, training: SubjectSource) -> None:
        """Take the training photos, among which each scene's own one is."""
        self._sources = Sources(training)

    def paint(self, scenes: Sequence[Scene]) -> list[Image]:
        """One image of the asked size a scene, from the scene's own source.

        Raises:
            RuntimeError: If the source is not known, or no subject was found in it.
        """
        return [self._paint(scene) for scene in scenes]

    def _paint(self, scene: Scene) -> Image:
        if self._sources is None:
            raise RuntimeError("OwnPhoto has no training photos yet: call borrow() first")
        image, mask = self._sources.isolated(scene.source)
        behind = fill_hole(image, hole_around(mask, self.margin), np.random.default_rng(scene.seed))
        # Blurred last, since colours that bleed out of the subject would tell what it was.
        return cover(blurred(behind, self.blur * max(behind.shape[:2])), scene.size)


def blurred(image: Image, sigma: float) -> Image:
    """An image under a Gaussian of a standard deviation in pixels; 0 changes nothing."""
    if sigma == 0:
        return image
    step = max(1, int(sigma / _FINEST))
    if step == 1:
        return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.uint8)
    # The kernel grows with the photo, and with it the time; a strong blur is the same on a reduced picture.
    height, width = image.shape[:2]
    size = max(1, round(width / step)), max(1, round(height / step))
    small = cv2.resize(image.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    across, down = sigma * size[0] / width, sigma * size[1] / height
    calm = cv2.GaussianBlur(small, (0, 0), sigmaX=across, sigmaY=down, borderType=cv2.BORDER_REFLECT)
    large = cv2.resize(calm, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.clip(np.round(large), 0, 255), np.uint8)
