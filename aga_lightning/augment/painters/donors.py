"""Real backgrounds: other training photos with their subject taken out."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from aga_lightning.augment.base import Scene
from aga_lightning.augment.painters.sources import BorrowingPainter
from aga_lightning.images.pixels import Image, Mask
from aga_lightning.images.reading import ImageReadError


class NoDonorError(RuntimeError):
    """No training photo can give its background."""


@dataclass(kw_only=True, eq=False)
class DonorPhotos(BorrowingPainter):
    """Borrows the background of another training photo, with the subject painted over and a random crop and flip.

    A photo without a subject, such as an empty frame of a camera trap, is taken as it is. Photos are read when they are
    needed, and never kept. The caption is ignored: this painter gives only backgrounds that the training photos show.

    Args:
        margin: How far the hole reaches beyond the donor's mask, in diagonals of the subject's box. Masks miss beaks
            and tails, and remains of them in the background would make the label wrong.
        max_hole: Largest share of the donor that the hole may cover; donors with larger subjects are skipped.
        min_crop: Smallest side of the crop, in sides of the largest crop of the scene's shape.
        attempts: Number of donors to try.

    Raises:
        ValueError: If `min_crop` or `max_hole` is out of range.
    """

    shows = "the background of another training image"

    margin: float = 0.12
    max_hole: float = 0.45
    min_crop: float = 0.6
    attempts: int = 50

    def __post_init__(self) -> None:
        if not 0 < self.min_crop <= 1:
            raise ValueError(f"min_crop is {self.min_crop}; give a share above 0, at most 1")
        if not 0 < self.max_hole < 1:
            raise ValueError(f"max_hole is {self.max_hole}; give a share above 0 and below 1")

    def paint_one(self, scene: Scene) -> Image:
        """The background of a donor that is not the scene's own photo.

        Raises:
            NoDonorError: If none of the donors that were tried has a usable background.
        """
        rng = np.random.default_rng(scene.seed)
        image, hole = self._donor(scene, rng)
        return random_crop(fill_hole(image, hole, rng), scene.size, self.min_crop, rng)

    def _donor(self, scene: Scene, rng: np.random.Generator) -> tuple[Image, Mask]:
        """The photo of a donor, and the hole to paint over in it."""
        candidates = self._candidates(scene)
        order = rng.permutation(len(candidates))[: self.attempts]
        for place in order:
            found = self._usable(candidates[int(place)], scene)
            if found is not None:
                return found
        raise NoDonorError(
            f"no training photo can give its background: in {len(order)} no subject was found, or it fills more than "
            f"{self.max_hole:.0%}; try more attempts, a larger max_hole, or another painter"
        )

    def _candidates(self, scene: Scene) -> Sequence[int]:
        """The indices of the training photos that may be donors."""
        return range(len(self.training))

    def _usable(self, index: int, scene: Scene) -> tuple[Image, Mask] | None:
        """A photo and its hole; None if its background cannot be used."""
        try:
            sample, subject = self.training[index]
        except ImageReadError:
            return None  # the photo's own augmentations are rejected with its name
        if sample.digest == scene.source:
            return None
        if not sample.record.has_subject:
            return sample.image, np.zeros(sample.image.shape[:2], np.bool_)
        # If no subject was found, it is still somewhere in the photo.
        if subject is None or not subject.mask.any():
            return None
        hole = widen(subject.visible, self.margin)
        return (sample.image, hole) if hole.mean() <= self.max_hole else None


def widen(mask: Mask, margin: float) -> Mask:
    """Let a mask grow on all sides by a share of the diagonal of its box, and by 2 pixels at least.

    Args:
        mask: (height, width), not empty.
        margin: Growth in diagonals of the mask's box.

    Returns:
        (height, width).
    """
    _, _, width, height = cv2.boundingRect(mask.astype(np.uint8))
    reach = max(2.0, margin * float(np.hypot(width, height)))
    # The distance transform grows a disc of any radius in linear time.
    return np.asarray(cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5) <= reach)


def hole_around(mask: Mask, margin: float) -> Mask:
    """The hole that removes a subject: its widened mask, or the bare mask if the widened one covers the whole photo."""
    wide = widen(mask, margin)
    return mask if wide.all() else wide


def fill_hole(image: Image, hole: Mask, rng: np.random.Generator, size: int = 96) -> Image:
    """Paint over a hole: smooth colours from around it, and the grain of the rest of the picture on top.

    Inpainting (Telea 2004) runs on a reduced picture, because it draws streaks across large holes. The grain, which
    the reduced picture cannot show, is copied from a shifted, perhaps mirrored place of the same picture.

    Args:
        image: (height, width, 3) RGB.
        hole: (height, width); the pixels to paint over.
        rng: Chooses the place of the grain.
        size: Longest side in pixels of the reduced picture.

    Returns:
        (height, width, 3) RGB, equal to `image` outside the hole but for a soft seam.
    """
    if not hole.any() or hole.all():
        return image
    height, width = image.shape[:2]
    factor = min(1.0, size / max(height, width))
    small_size = max(1, round(width * factor)), max(1, round(height * factor))
    known = (~hole).astype(np.float32)
    # Averaging known pixels alone keeps the subject's colours from bleeding over the edge of the hole.
    weight = _resized(known, small_size)
    colours = _resized(image.astype(np.float32) * known[..., None], small_size) / np.maximum(weight, 1e-3)[..., None]
    missing = (weight < 0.25).astype(np.uint8)
    known_colours = np.clip(colours, 0, 255).astype(np.uint8)
    small = np.asarray(cv2.inpaint(known_colours, missing, 3, cv2.INPAINT_TELEA), np.float32)
    calm = cv2.GaussianBlur(small, (0, 0), 2.0)
    softness = np.clip(cv2.GaussianBlur(missing.astype(np.float32), (0, 0), 2.0), 0, 1)[..., None]
    small = small * (1 - softness) + calm * softness
    filled = _resized(np.asarray(small, np.float32), (width, height)) + _grain(image.astype(np.float32), hole, rng)
    edge = max(1.0, 0.004 * max(height, width))
    alpha = np.maximum(cv2.GaussianBlur(hole.astype(np.float32), (0, 0), edge), hole)[..., None]
    return np.asarray(np.clip(np.round(image * (1 - alpha) + filled * alpha), 0, 255), np.uint8)


def _grain(image: npt.NDArray[np.float32], hole: Mask, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Fine texture for the hole; shifted copies of the picture fill it one after the other."""
    height, width = hole.shape
    known = (~hole).astype(np.float32)
    spread = max(1.0, 0.02 * max(height, width))
    weight = np.maximum(cv2.GaussianBlur(known, (0, 0), spread), 1e-3)[..., None]
    # Blurred over known pixels only, so that the grain holds no trace of the subject.
    smooth = cv2.GaussianBlur(image * known[..., None], (0, 0), spread) / weight
    fine = (image - smooth) * known[..., None]
    # Parts of the subject that the mask missed lie near the hole, and must not be copied as grain.
    unfit = widen(hole, 0.1)
    grain, empty = np.zeros_like(image), hole.copy()
    for _ in range(12):
        # Mostly sideways: pixels at one height have one distance, hence one scale of texture.
        step = int(height * rng.uniform(-0.12, 0.12)), int(rng.integers(width))
        way = -1 if rng.integers(2) else 1
        new = empty & ~np.roll(unfit[:, ::way], step, (0, 1))
        grain[new] = np.roll(fine[:, ::way], step, (0, 1))[new]
        empty &= ~new
    return grain


def random_crop(image: Image, size: tuple[int, int], smallest: float, rng: np.random.Generator) -> Image:
    """A random part of an image in the shape of `size` (width, height), perhaps mirrored, resized to it."""
    height, width = image.shape[:2]
    largest = min(width / size[0], height / size[1])
    scale = largest * rng.uniform(smallest, 1)
    across, down = (max(1, min(limit, round(side * scale))) for limit, side in zip((width, height), size, strict=True))
    left, top = int(rng.integers(width - across + 1)), int(rng.integers(height - down + 1))
    part = image[top : top + down, left : left + across]
    if rng.random() < 0.5:
        part = np.ascontiguousarray(part[:, ::-1])
    interpolation = cv2.INTER_AREA if size[0] < across else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(part, size, interpolation=interpolation), np.uint8)


def _resized(pixels: npt.NDArray[np.float32], size: tuple[int, int]) -> npt.NDArray[np.float32]:
    interpolation = cv2.INTER_AREA if size[0] < pixels.shape[1] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, size, interpolation=interpolation), np.float32)
