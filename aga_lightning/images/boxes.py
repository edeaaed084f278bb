"""Geometry of boxes and masks, shared by detectors, segmenters and gates."""

import cv2
import numpy as np
import numpy.typing as npt

from aga_lightning.images.pixels import Mask
from aga_lightning.images.records import Box


def clamp(box: Box, width: int, height: int) -> Box | None:
    """The part of a box inside the image; None if it is thinner than one pixel or not a number."""
    left, right = (min(max(x, 0.0), float(width)) for x in (box[0], box[2]))
    top, bottom = (min(max(y, 0.0), float(height)) for y in (box[1], box[3]))
    return (left, top, right, bottom) if right - left >= 1 and bottom - top >= 1 else None


def bounding_box(mask: Mask) -> Box | None:
    """The smallest box around a mask; None for an empty mask."""
    columns, rows = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
    if not len(rows):
        return None
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def box_overlap(first: Box, second: Box) -> float:
    """Intersection over union of two boxes, 0..1."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    shared = max(0.0, width) * max(0.0, height)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (first, second))
    return shared / (areas - shared) if areas > shared else 0.0


def mask_overlap(first: Mask, second: Mask) -> float:
    """Intersection over union of two masks of one shape, 0..1; 0 if both are empty."""
    union = np.count_nonzero(first | second)
    return np.count_nonzero(first & second) / union if union else 0.0


def components(mask: Mask) -> tuple[npt.NDArray[np.int32], list[int]]:
    """The connected parts of a mask.

    Returns:
        (height, width) labels (0 outside the mask, 1..n inside), and the area of each part in pixels.
    """
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    return np.asarray(labels, np.int32), statistics[1:, cv2.CC_STAT_AREA].tolist()
