"""The pictures of "Noise or Signal" (Xiao et al. 2020): subjects or backgrounds alone, and in front of others."""

import math

import cv2
import numpy as np

from aga_lightning.augment.compositing import cover
from aga_lightning.images.pixels import Image, Mask
from aga_lightning.images.records import Box

Rectangle = tuple[int, int, int, int]
"""Left, top, right, bottom in whole pixels; right and bottom are exclusive."""


def around(mask: Mask, box: Box | None) -> Rectangle:
    """The smallest rectangle of whole pixels that holds a mask, and a data set's own box where there is one.

    Args:
        mask: (height, width), not empty.
        box: In pixels of the mask; it is clipped to the frame.
    """
    left, top, width, height = cv2.boundingRect(mask.astype(np.uint8))
    right, bottom = left + width, top + height
    if box is not None:
        left, top = max(0, min(left, math.floor(box[0]))), max(0, min(top, math.floor(box[1])))
        right = min(mask.shape[1], max(right, math.ceil(box[2])))
        bottom = min(mask.shape[0], max(bottom, math.ceil(box[3])))
    return left, top, right, bottom


def only_fg(image: Image, mask: Mask) -> Image:
    """Only-FG: the subject alone, on black.

    Args:
        image: (height, width, 3).
        mask: (height, width), the subject.
    """
    return np.where(mask[..., None], image, np.uint8(0))


def no_fg(image: Image, mask: Mask) -> Image:
    """No-FG: the background, with the subject's shape blacked out.

    Args:
        image: (height, width, 3).
        mask: (height, width), the subject.
    """
    return only_fg(image, ~mask)


def only_bg_b(image: Image, box: Rectangle) -> Image:
    """Only-BG-B: the background, with the subject's box blacked out.

    Args:
        image: (height, width, 3).
        box: Around the subject.
    """
    left, top, right, bottom = box
    blacked = image.copy()
    blacked[top:bottom, left:right] = 0
    return blacked


def only_bg_t(image: Image, box: Rectangle) -> Image:
    """Only-BG-T: the background, with tiles of itself in place of the subject's box.

    The tile is the largest strip beside the box that is as wide or as high as the image (appendix A); it is repeated
    from the image's upper left corner on, and shown only inside the box.

    Args:
        image: (height, width, 3).
        box: Around the subject, smaller than the image.

    Raises:
        ValueError: If the box leaves nothing of the image.
    """
    left, top, right, bottom = box
    height, width = image.shape[:2]
    strips = {(0, 0, top): top * width, (0, bottom, height): (height - bottom) * width,
              (1, 0, left): left * height, (1, right, width): (width - right) * height}  # fmt: skip
    (axis, start, stop), area = max(strips.items(), key=lambda item: item[1])
    if area == 0:
        raise ValueError(f"the box {box} leaves nothing of an image of {width} x {height} pixels")
    tiled = image.take(start + np.arange(image.shape[axis]) % (stop - start), axis)
    filled = image.copy()
    filled[top:bottom, left:right] = tiled[top:bottom, left:right]
    return filled


def mixed(image: Image, mask: Mask, background: Image) -> Image:
    """Mixed-...: the subject, where it stood, in front of a background that is scaled until it covers the image.

    Args:
        image: (height, width, 3).
        mask: (height, width), the subject.
        background: Of any size.

    Returns:
        (height, width, 3), equal to `image` in the mask.
    """
    return np.where(mask[..., None], image, cover(background, (image.shape[1], image.shape[0])))
