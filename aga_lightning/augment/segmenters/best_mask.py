"""Step 1b by the best way that each photo allows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from aga_lightning.augment.base import Detection, Subject
from aga_lightning.augment.detectors.embedded import SaliencyBox
from aga_lightning.augment.saliency import BY_SALIENCY
from aga_lightning.augment.segmenters.embedded import DatasetMasks, GrabCut
from aga_lightning.augment.segmenters.salient_object import SalientObject
from aga_lightning.images.boxes import bounding_box, box_overlap, clamp
from aga_lightning.images.pixels import Image
from aga_lightning.images.records import ImageRecord
from aga_lightning.images.samples import Sample

FILLS = 0.8
"""Overlap of a box and of the box around what the network finds in it, from which on these are one subject."""


@dataclass(kw_only=True, eq=False)
class BestMask(SalientObject):
    """Isolates each photo's subject by the best way that there is for it, and keeps with the subject which one it was.

    In this order: the mask that the data set ships; in a box (the data set's own, unless a detector is set) what a
    network of 4.6 MB for salient objects finds there, if it fills the box, else GrabCut; without a box what the network
    finds. Where the network is neither here nor to be downloaded, a line says so; GrabCut then cuts subjects out of
    their boxes, and saliency and GrabCut look for those without a box, many of which SaliencyAgreement refuses.

    Args:
        weights: The network, as in SalientObject; it is downloaded only if a photo has no mask.
        size: Longest side in pixels at which GrabCut works.
    """

    does_without = frozenset({"weights"})

    size: int = 256

    def fetch(self, records: Sequence[ImageRecord]) -> None:
        """Download the network if a photo needs it; where that fails, say what is used in its place."""
        bare = [record for record in records if record.has_subject and record.mask_path is None]
        if any(record.box is None for record in bare):
            self.fetch_if_possible("saliency and GrabCut look for the subjects, with worse masks and more rejects")
        elif bare:
            self.fetch_if_possible("GrabCut alone cuts the subjects out of their boxes, with worse masks")

    def segment(self, samples: Sequence[Sample], detections: Sequence[Sequence[Detection]]) -> list[Subject | None]:
        """The subject of each sample; None where the way that was chosen finds none.

        Raises:
            WeightsError: If the network is damaged, or a path does not exist.
        """
        return [self._best(sample, boxes) for sample, boxes in zip(samples, detections, strict=True)]

    def _best(self, sample: Sample, boxes: Sequence[Detection]) -> Subject | None:
        if sample.mask is not None:
            way, [found] = "the data set's mask", DatasetMasks().segment([sample], [boxes])
        elif boxes and (fitting := self._filling(sample.image, boxes[0])) is not None:
            way, found = f"box and network {Path(self.weights).name}", fitting
        elif boxes:
            way, [found] = "box and GrabCut", GrabCut(size=self.size).segment([sample], [boxes])
        elif not self.lacking:
            height, width = sample.image.shape[:2]
            outside = sample.box is not None and clamp(sample.box, width, height) is None
            way = f"network {Path(self.weights).name}" + ", the box is outside of the photo" * outside
            found = self.cut_out(sample.image)
        else:
            way, [found] = BY_SALIENCY, GrabCut(size=self.size).segment([sample], SaliencyBox().detect([sample]))
        return None if found is None else replace(found, by=way)

    def _filling(self, image: Image, detection: Detection) -> Subject | None:
        """What the network finds in a box; None if it does not fill the box, and so is something else."""
        found = None if self.lacking else self.cut_out(image)
        if found is None:
            return None
        left, top, right, bottom = (round(edge) for edge in detection.box)
        inside = np.zeros(image.shape[:2], np.bool_)
        inside[max(0, top) : max(0, bottom), max(0, left) : max(0, right)] = True
        mask = found.mask & inside
        box = bounding_box(mask)
        if box is None or box_overlap(box, detection.box) < FILLS:
            return None
        alpha = None if found.alpha is None else np.where(inside, found.alpha, np.uint8(0))
        score = float(np.sqrt(detection.score * found.score))
        return replace(found, mask=mask, detection=detection, score=score, alpha=alpha)
