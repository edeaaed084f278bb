"""Step 1b without weights: GrabCut inside the box, or the data set's own masks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from aga_lightning.augment.base import Detection, Segmenter, Subject
from aga_lightning.images.boxes import bounding_box, box_overlap, clamp, components
from aga_lightning.images.pixels import Image, Mask
from aga_lightning.images.records import Box
from aga_lightning.images.samples import Sample


@dataclass(kw_only=True, eq=False)
class DatasetMasks(Segmenter):
    """Gives the mask that the data set ships; for samples without one, another segmenter is asked.

    Args:
        fallback: The segmenter for samples without a mask; null gives them no subject.
    """

    fallback: Segmenter | None = None

    def segment(self, samples: Sequence[Sample], detections: Sequence[Sequence[Detection]]) -> list[Subject | None]:
        """The mask of each sample with score 1."""
        found = [self._shipped(sample) for sample in samples]
        if self.fallback is not None:
            missing = [index for index, sample in enumerate(samples) if sample.mask is None]
            subjects = self.fallback.segment([samples[i] for i in missing], [detections[i] for i in missing])
            for index, subject in zip(missing, subjects, strict=True):
                found[index] = subject
        return found

    def _shipped(self, sample: Sample) -> Subject | None:
        box = bounding_box(sample.mask) if sample.mask is not None else None
        return Subject(sample.mask, Detection(box, 1.0), 1.0) if sample.mask is not None and box is not None else None


@dataclass(kw_only=True, eq=False)
class GrabCut(Segmenter):
    """Cuts the subject out of its box by colour (GrabCut, Rother, Kolmogorov and Blake 2004).

    The ellipse in the box starts as probable subject, a small core of it as certain subject, and all pixels outside the
    box as background. The cut is made on the box and its surroundings alone, resized to one size, so that small
    subjects are cut as finely as large ones. The score is the geometric mean of the detection's score and of the
    difference between the colours on the two sides of the cut.

    Args:
        size: Longest side in pixels of the resized surroundings; 192 is enough for drawings of 64 px, photos need 256.
        iterations: Rounds of colour modelling and cutting.
        context: Width of the surroundings, in longer sides of the box.
        core: Diameter of the core, in sides of the box.
    """

    size: int = 256
    iterations: int = 2
    context: float = 0.3
    core: float = 0.1

    def segment(self, samples: Sequence[Sample], detections: Sequence[Sequence[Detection]]) -> list[Subject | None]:
        """The subject of each sample, cut out of its best detection."""
        pairs = zip(samples, detections, strict=True)
        return [self._cut_out(sample.image, boxes[0]) if boxes else None for sample, boxes in pairs]

    def _cut_out(self, image: Image, detection: Detection) -> Subject | None:
        height, width = image.shape[:2]
        box = clamp(detection.box, width, height)
        if box is None:
            return None
        view = _View.around(image, box, self.context, self.size)
        mask = self._cut(view, self.core)
        # A subject that looks like its surroundings is cut down to its core; a larger core then keeps most of it.
        if _collapsed(mask, view.box):
            mask = self._cut(view, max(self.core, 0.35))
        score = float(np.sqrt(detection.score * separability(view.image, mask)))
        mask = view.in_place(mask, (height, width))
        return Subject(mask, detection, score) if mask.any() else None

    def _cut(self, view: "_View", core: float) -> Mask:
        seeds = _seeds(view, core)
        if not ((seeds == cv2.GC_FGD).any() and (seeds == cv2.GC_BGD).any()):
            return np.zeros(seeds.shape, bool)
        # OpenCV draws the first colour clusters from its own global generator.
        cv2.setRNGSeed(0)
        background, foreground = np.zeros((1, 65)), np.zeros((1, 65))
        whole = (0, 0, 0, 0)  # not read in this mode
        cv2.grabCut(view.image, seeds, whole, background, foreground, self.iterations, cv2.GC_INIT_WITH_MASK)
        return clean((seeds == cv2.GC_FGD) | (seeds == cv2.GC_PR_FGD))


class _View(NamedTuple):
    """A box and its surroundings, cut out of the picture and resized."""

    image: Image
    box: Box
    left: int
    top: int
    width: int
    height: int

    @classmethod
    def around(cls, image: Image, box: Box, context: float, size: int) -> "_View":
        reach = context * max(box[2] - box[0], box[3] - box[1])
        left, top = max(0, int(box[0] - reach)), max(0, int(box[1] - reach))
        right, bottom = int(np.ceil(box[2] + reach)), int(np.ceil(box[3] + reach))
        cutout = image[top:bottom, left:right]
        height, width = cutout.shape[:2]
        factor = size / max(height, width)
        shape = (max(3, round(width * factor)), max(3, round(height * factor)))
        resized = cv2.resize(cutout, shape, interpolation=cv2.INTER_CUBIC if factor > 1 else cv2.INTER_AREA)
        x, y = shape[0] / width, shape[1] / height
        inside = ((box[0] - left) * x, (box[1] - top) * y, (box[2] - left) * x, (box[3] - top) * y)
        return cls(np.asarray(resized, np.uint8), inside, left, top, width, height)

    def in_place(self, mask: Mask, shape: tuple[int, int]) -> Mask:
        """Lay a mask of this view over the whole picture of the given shape."""
        shrunk = mask.shape[1] > self.width
        interpolation = cv2.INTER_AREA if shrunk else cv2.INTER_LINEAR
        resized = cv2.resize(mask.astype(np.float32), (self.width, self.height), interpolation=interpolation)
        whole = np.zeros(shape, bool)
        whole[self.top : self.top + self.height, self.left : self.left + self.width] = resized >= 0.5
        return whole


def _seeds(view: _View, core: float) -> npt.NDArray[np.uint8]:
    """GrabCut's labels before the first cut."""
    height, width = view.image.shape[:2]
    left, top, right, bottom = view.box
    y, x = np.mgrid[:height, :width] + 0.5
    # Distance from the centre of the box: 1 on the ellipse that touches its sides.
    across, down = 2 * x - left - right, 2 * y - top - bottom
    radius = np.hypot(across / (right - left), down / (bottom - top))
    # Boxes are drawn a little too tight as often as too wide, hence the 2%.
    inside = np.maximum(np.abs(across) / (right - left), np.abs(down) / (bottom - top)) <= 1.04
    inside[[0, -1]] = False
    inside[:, [0, -1]] = False
    seeds = np.full((height, width), cv2.GC_BGD, np.uint8)
    seeds[inside] = cv2.GC_PR_BGD
    seeds[inside & (radius <= 1)] = cv2.GC_PR_FGD
    seeds[inside & (radius <= max(core, float(radius.min())))] = cv2.GC_FGD
    return seeds


def _collapsed(mask: Mask, box: Box) -> bool:
    found = bounding_box(mask)
    return found is None or box_overlap(found, box) < 0.2


def clean(mask: Mask) -> Mask:
    """Keep the largest part of a mask, with parts behind a thin gap, and fill its holes.

    There is no morphological opening: it would erase the tails, beaks and legs that tell species apart.
    """
    height, width = mask.shape
    gap = np.ones((3, 3), np.uint8) if min(height, width) >= 64 else np.ones((1, 1), np.uint8)
    labels, areas = components(cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, gap) > 0)
    if not areas:
        return np.zeros_like(mask)
    kept = (mask & (labels == 1 + int(np.argmax(areas)))).astype(np.uint8)
    outlines, _ = cv2.findContours(kept, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return np.asarray(cv2.drawContours(kept, outlines, -1, 1, cv2.FILLED) > 0)


def separability(image: Image, mask: Mask) -> float:
    """Difference between the colours inside and outside a mask.

    Args:
        image: (height, width, 3) RGB.
        mask: (height, width).

    Returns:
        One minus the Bhattacharyya coefficient of two CIELAB histograms: 0 for the same colours, 1 for no colour in
        common; 0 where the mask is empty or full.
    """
    if not mask.any() or mask.all():
        return 0.0
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.int64)
    # 8 steps of lightness, 16 of each colour axis: light and shade differ within one thing, hue does less.
    bins = (lab[..., 0] // 32 * 16 + lab[..., 1] // 16) * 16 + lab[..., 2] // 16
    inside, outside = (np.bincount(bins[side], minlength=2048) / side.sum() for side in (mask, ~mask))
    return float(np.clip(1 - np.sqrt(inside * outside).sum(), 0, 1))
