"""The common form of a detector's boxes: inside the picture, rounded, best first."""

from typing import Literal

import numpy as np
import numpy.typing as npt

from aga_lightning.augment.base import Detection
from aga_lightning.images.boxes import clamp

Boxes = Literal["best", "all"]
"""Whether a detector gives its best box alone, or all of them (20 at most)."""

MOST = 20


def best_first(
    boxes: npt.ArrayLike, scores: npt.ArrayLike, size: tuple[int, int], threshold: float, keep: Boxes
) -> list[Detection]:
    """Bring the boxes of one image into the form that all detectors give.

    Kernels round differently for batches of another size. Edges are rounded to a quarter of a pixel and scores to four
    decimals, and equal scores are ordered by their boxes, so that later steps hardly ever see the difference.

    Args:
        boxes: (n, 4) left, top, right, bottom in pixels; may leave the image, be empty or not a number.
        scores: (n,) in 0..1; may be not a number.
        size: Height and width of the image in pixels.
        threshold: Boxes with a greater score are kept.
        keep: The best box alone, or up to 20.

    Returns:
        The boxes clamped to the image, without boxes that are thinner than a pixel.
    """
    height, width = size
    edges = np.round(np.asarray(boxes, np.float64).reshape(-1, 4) * 4) / 4 + 0.0  # + 0.0: no minus zero in a key
    found = []
    for (left, top, right, bottom), score in zip(edges.tolist(), np.asarray(scores, np.float64).tolist(), strict=True):
        box = clamp((left, top, right, bottom), width, height)
        if box is not None and score > threshold:
            found.append(Detection(box, round(min(score, 1.0), 4)))
    found.sort(key=lambda detection: (-detection.score, detection.box))
    return found[: 1 if keep == "best" else MOST]
