"""Step 1a without weights: the data set's own boxes, the centre of the picture, or its most salient region."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from aga_lightning.augment.base import Detection, Detector
from aga_lightning.augment.saliency import saliency
from aga_lightning.images.boxes import bounding_box, clamp
from aga_lightning.images.samples import Sample


@dataclass(kw_only=True, eq=False)
class CentrePrior(Detector):
    """Assumes that the subject fills the middle of the picture, as in most pictures of one object.

    Args:
        margin: Share of the width and of the height that is left free on each side, 0 to less than 0.5.
        score: Score of the box, 0..1.

    Raises:
        ValueError: If `margin` or `score` is out of range.
    """

    margin: float = 0.12
    score: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.margin < 0.5:
            raise ValueError(f"margin is {self.margin}; give a share of at least 0 and less than 0.5")
        if not 0 <= self.score <= 1:
            raise ValueError(f"score is {self.score}; give a number in 0..1")

    def detect(self, samples: Sequence[Sample]) -> list[list[Detection]]:
        """One centred box for each sample."""
        return [[self._centred(sample)] for sample in samples]

    def _centred(self, sample: Sample) -> Detection:
        height, width = sample.image.shape[:2]
        x, y = self.margin * width, self.margin * height
        box = clamp((x, y, width - x, height - y), width, height)
        return Detection(box or (0.0, 0.0, float(width), float(height)), self.score)


@dataclass(kw_only=True, eq=False)
class DatasetBoxes(Detector):
    """Gives the box that the data set ships; for samples without one, another detector is asked.

    Args:
        fallback: The detector for samples without a box of at least one pixel; null gives them no subject.
    """

    fallback: Detector | None = None

    def detect(self, samples: Sequence[Sample]) -> list[list[Detection]]:
        """The box of each sample with score 1."""
        found = [self._shipped(sample) for sample in samples]
        if self.fallback is not None:
            missing = [index for index, detections in enumerate(found) if not detections]
            for index, detections in zip(missing, self.fallback.detect([samples[i] for i in missing]), strict=True):
                found[index] = detections
        return found

    def _shipped(self, sample: Sample) -> list[Detection]:
        height, width = sample.image.shape[:2]
        box = clamp(sample.box, width, height) if sample.box is not None else None
        return [Detection(box, 1.0)] if box is not None else []


@dataclass(kw_only=True, eq=False)
class SaliencyBox(Detector):
    """Finds the region that stands out from the picture's border (robust background detection, Zhu et al. 2014).

    The most salient region, weighted towards the centre, gives the box; the score is the difference between its
    saliency and that of the rest of the picture.

    Args:
        size: Longest side in pixels at which the picture is analysed.
        regions: About how many superpixels to use.
        centre: Standard deviation of the weight around the centre, in sides of the picture.
    """

    size: int = 160
    regions: int = 240
    centre: float = 0.6

    def detect(self, samples: Sequence[Sample]) -> list[list[Detection]]:
        """At most one box for each sample; none if no region stands out."""
        return [self._salient(sample) for sample in samples]

    def _salient(self, sample: Sample) -> list[Detection]:
        weighted = saliency(sample.image, self.size, self.regions)
        height, width = weighted.shape
        y = ((np.arange(height) + 0.5) / height - 0.5)[:, None]
        x = (np.arange(width) + 0.5) / width - 0.5
        weighted = weighted * np.exp(-(x**2 + y**2) / (2 * self.centre**2)).astype(np.float32)
        if weighted.max() == 0:
            return []
        levels = np.round(weighted / weighted.max() * 255).astype(np.uint8)
        threshold, high = cv2.threshold(levels, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
        count, labels = cv2.connectedComponents(high)
        excess = np.bincount(labels.ravel(), np.maximum(levels - threshold, 0).ravel(), count)[1:]
        region = labels == 1 + int(excess.argmax())
        box = bounding_box(region)
        if box is None or region.all():
            return []
        return [Detection(box, float(np.clip(weighted[region].mean() - weighted[~region].mean(), 0, 1)))]
