"""Samples: images with boxes and masks, as the parts of a method get them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import UnidentifiedImageError

from aga_lightning.files import shown
from aga_lightning.images.formats import foreign, open_image
from aga_lightning.images.pixels import Image, Mask
from aga_lightning.images.reading import ImageReadError, image_size, read_image, upright
from aga_lightning.images.records import Box, ImageRecord


@dataclass(frozen=True, eq=False, slots=True)
class Sample:
    """A source image as the parts get it: decoded, upright, at the working size.

    Args:
        image: The pixels.
        record: The record of the image.
        digest: Hexadecimal SHA-256 of the source file's bytes.
        box: The record's own box, scaled to `image`.
        mask: The record's own mask, scaled to `image`.
    """

    image: Image
    record: ImageRecord
    digest: str
    box: Box | None = None
    mask: Mask | None = None


def working_size(path: Path, max_side: int | None) -> tuple[int, int]:
    """Width and height of a sample, from the file's header alone.

    Raises:
        ImageReadError: If there is no such file, or it is no image.
    """
    return _at_most(*image_size(path), max_side)


def _at_most(width: int, height: int, max_side: int | None) -> tuple[int, int]:
    scale = 1.0 if max_side is None else min(1.0, max_side / max(height, width))
    return max(1, round(width * scale)), max(1, round(height * scale))


def load_sample(record: ImageRecord, digest: str, max_side: int | None) -> Sample:
    """Read a record's image, box and mask at the working size.

    Box and mask refer to the upright image, after its EXIF orientation. Mask pixels are subject if their value is
    above the record's `mask_above`: the index in a palette file, the largest channel in a coloured file. Fully
    transparent pixels are not subject.

    Args:
        record: The record of the image.
        digest: SHA-256 of the image file's bytes.
        max_side: Largest length of the longer side in pixels; larger images are shrunk. Null shrinks no image.

    Raises:
        ImageReadError: If the image or its mask cannot be read, or if they differ in size.
    """
    image = np.asarray(read_image(record.path))
    height, width = image.shape[:2]
    size = _at_most(width, height, max_side)
    box = record.box
    if box is not None and size != (width, height):
        x, y = size[0] / width, size[1] / height
        box = (box[0] * x, box[1] * y, box[2] * x, box[3] * y)
    mask = None
    if record.mask_path is not None:
        values = _read_labels(record.mask_path, record.path, (width, height))
        mask = _shrink_mask(values > record.mask_above, size)
    return Sample(_shrink(image, size), record, digest, box, mask)


def _shrink(image: Image, size: tuple[int, int]) -> Image:
    if (image.shape[1], image.shape[0]) == size:
        return image
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _shrink_mask(mask: Mask, size: tuple[int, int]) -> Mask:
    if (mask.shape[1], mask.shape[0]) == size:
        return mask
    return np.asarray(cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA) >= 0.5)


def _read_labels(path: Path, image_path: Path, size: tuple[int, int]) -> npt.NDArray[np.integer[Any]]:
    """The unscaled values of a mask file, since labels may be as small as 1 of 65535; 0 for transparent pixels."""
    mask = f"{shown(path)}, the mask of {shown(image_path)},"
    try:
        with open_image(path) as file:
            file.load()
            labels = upright(file, file)
            values = np.asarray(labels)
            bands = labels.getbands()
    except MemoryError:
        raise
    except FileNotFoundError as error:
        raise ImageReadError(f"{mask} does not exist: copy the masks completely, or name none") from error
    except Exception as error:  # decoders raise nearly anything on damaged bytes
        reason = f"it {foreign(path)}" if isinstance(error, UnidentifiedImageError) else shown(error)
        raise ImageReadError(f"{mask} cannot be read ({reason}): make it again as PNG or TIFF, or name none") from error
    if labels.size != size:
        raise ImageReadError(
            f"{shown(image_path)} and its mask {shown(path)} differ in size: {size[0]} x {size[1]} when upright and "
            f"{labels.width} x {labels.height}; give them the same size"
        )
    channels = np.atleast_3d(values)
    if bands[-1] == "A":
        return np.asarray(np.where(channels[..., -1] > 0, channels[..., :-1].max(axis=2), 0))
    return np.asarray(channels.max(axis=2))
