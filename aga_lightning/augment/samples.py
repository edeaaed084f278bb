"""Turn a record into the sample that the parts see."""

import cv2
import numpy as np

from aga_lightning.augment.base import Image, Mask, Sample
from aga_lightning.data.base import ImageRecord
from aga_lightning.data.images import ImageReadError, read_image


def load_sample(record: ImageRecord, digest: str, max_side: int) -> Sample:
    """Read a record's image, box and mask at the working size.

    Args:
        record: What to read.
        digest: SHA-256 of the image file's bytes.
        max_side: An image whose longer side has more pixels is shrunk to this; none is enlarged.

    Raises:
        ImageReadError: If the image or its mask cannot be read, or if they differ in size.
    """
    image = np.asarray(read_image(record.path))
    height, width = image.shape[:2]
    scale = min(1.0, max_side / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    box = record.box
    if box is not None and scale < 1:
        x, y = size[0] / width, size[1] / height
        box = (box[0] * x, box[1] * y, box[2] * x, box[3] * y)
    mask = None if record.mask_path is None else _read_mask(record, (width, height), size)
    return Sample(_resize(image, size), record, digest, box, mask)


def _resize(image: Image, size: tuple[int, int]) -> Image:
    if (image.shape[1], image.shape[0]) == size:
        return image
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _read_mask(record: ImageRecord, source_size: tuple[int, int], size: tuple[int, int]) -> Mask:
    assert record.mask_path is not None
    pixels = np.asarray(read_image(record.mask_path))
    if (pixels.shape[1], pixels.shape[0]) != source_size:
        raise ImageReadError(
            f"{record.mask_path}: the mask has {pixels.shape[1]} x {pixels.shape[0]} pixels but its image "
            f"{record.path} has {source_size[0]} x {source_size[1]}; give them the same size"
        )
    mask = (pixels.max(axis=2) > 0).astype(np.float32)
    if source_size == size:
        return mask > 0
    return np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_AREA) >= 0.5, np.bool_)
