"""Augmentations of a single photo, without a data set or a store."""

import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image as PillowImage

from aga_lightning.augment.base import Draft
from aga_lightning.images.boxes import clamp
from aga_lightning.images.codec import encode_mask
from aga_lightning.images.colours import decode
from aga_lightning.images.pixels import Image, Mask
from aga_lightning.images.reading import image_size, upright
from aga_lightning.images.records import Box, ImageRecord

Photo = str | Path | PillowImage.Image | Image
"""A file's path, a PIL image, or an array (height, width, 3) of RGB values, uint8."""


@dataclass(frozen=True, eq=False, slots=True)
class AugmentedPhoto:
    """One augmentation of a photo, or the reason why it was rejected. A notebook shows it as a picture.

    Args:
        image: (height, width, 3) RGB, uint8; None for a reject.
        mask: (height, width) bool, the subject in `image`; None if the method does not know it.
        background: (height, width, 3) RGB, uint8, the picture behind the subject; None for rejects, and for methods
            that make the image as a whole.
        caption: The background in words; empty for methods without captions.
        original: (height, width, 3) RGB, uint8, the photo at the working size; None for a reject.
        rejected: The reason of a reject; None if there is an image.
    """

    image: Image | None
    mask: Mask | None = None
    background: Image | None = None
    caption: str = ""
    original: Image | None = None
    rejected: str | None = None

    @property
    def box(self) -> tuple[int, int, int, int] | None:
        """Left, top, right and bottom of the subject in `image`, right and bottom exclusive; None without a mask."""
        if self.mask is None:
            return None
        left, top, width, height = cv2.boundingRect(self.mask.astype(np.uint8))
        return left, top, left + width, top + height

    def save(self, path: str | Path) -> None:
        """Write the image to a file; its ending names the format.

        Raises:
            ValueError: If there is no image.
        """
        if self.image is None:
            raise ValueError(f"there is no image to save: {self.rejected}")
        PillowImage.fromarray(self.image).save(path)

    def _repr_png_(self) -> bytes | None:
        if self.image is None:
            return None
        file = io.BytesIO()
        PillowImage.fromarray(self.image).save(file, format="PNG")
        return file.getvalue()

    def __repr__(self) -> str:
        if self.image is None:
            return f"AugmentedPhoto(rejected={self.rejected!r})"
        height, width = self.image.shape[:2]
        return f"AugmentedPhoto({width} x {height} pixels, caption={self.caption!r})"


@contextmanager
def photo_record(
    photo: Photo, superclass: str, class_name: str | None, box: Box | None, mask: Mask | None
) -> Iterator[tuple[ImageRecord, Path]]:
    """The record of one photo, as of a data set, and a temporary folder for the time of the block.

    Args:
        photo: The photo; a PIL image or an array is written to the folder.
        superclass: The word for which a detector is asked.
        class_name: The class; None for the superclass.
        box: The box of the subject, if known.
        mask: (height, width) bool, the pixels of the subject, if known.

    Raises:
        ImageReadError: If the photo cannot be read.
        ValueError: If superclass is empty, photo or mask have another type or shape than described, or the box has no
            part in the photo.
    """
    if not (isinstance(superclass, str) and superclass.strip()):
        raise ValueError("superclass is empty: give the kind of thing that the photo shows, such as 'bird'")
    with tempfile.TemporaryDirectory(prefix="aga-photo-") as folder:
        path = Path(photo) if isinstance(photo, str | Path) else _written(photo, Path(folder) / "photo.png")
        width, height = image_size(path)
        mask_path = None
        if box is not None:
            box = _box_in(box, width, height)
        if mask is not None:
            if mask.dtype != np.bool_ or mask.shape != (height, width):
                raise ValueError(
                    f"the mask is {mask.dtype} of shape {mask.shape}: give bool of shape {(height, width)}, the photo's"
                )
            mask_path = Path(folder) / "mask.png"
            mask_path.write_bytes(encode_mask(mask))
        yield ImageRecord(path, 0, class_name or superclass, superclass, box=box, mask_path=mask_path), Path(folder)


def augmented_photo(made: Draft | str) -> AugmentedPhoto:
    """An augmentation of a photo as a result for the user; a text is the reason of a reject."""
    if isinstance(made, str):
        return AugmentedPhoto(None, rejected=made)
    caption = "" if made.caption is None else made.caption.text
    return AugmentedPhoto(made.image, made.landed, made.background, caption, made.sample.image)


def _box_in(box: Box, width: int, height: int) -> Box:
    """A box that has a part in a photo of this size, with plain numbers."""
    edges = tuple(map(float, box))
    if len(edges) != 4 or clamp(edges, width, height) is None:
        raise ValueError(
            f"the box {edges} has no part in the photo, which has {width} x {height} pixels when upright: give left, "
            "top, right and bottom in pixels"
        )
    return edges


def _written(photo: PillowImage.Image | Image, path: Path) -> Path:
    if isinstance(photo, np.ndarray):
        if photo.dtype != np.uint8 or photo.ndim != 3 or photo.shape[2] != 3 or 0 in photo.shape:
            raise ValueError(
                f"the photo is {photo.dtype} of shape {photo.shape}: give uint8 of shape (height, width, 3), RGB"
            )
        photo = PillowImage.fromarray(photo)
    if not isinstance(photo, PillowImage.Image):
        kind = type(photo).__name__
        raise ValueError(f"the photo is a {kind}: give the path of a file, a PIL image or an array of NumPy")
    pixels, _ = decode(photo)
    PillowImage.fromarray(np.asarray(upright(pixels, photo))).save(
        path
    )  # pixels alone, without profile and orientation
    return path
