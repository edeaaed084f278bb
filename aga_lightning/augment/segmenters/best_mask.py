"""Step 1b by the best way that each photo allows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from aga_lightning.augment.base import Detection, Subject
from aga_lightning.augment.detectors.embedded import SaliencyBox
from aga_lightning.augment.saliency import BY_SALIENCY
from aga_lightning.augment.segmenters.embedded import DatasetMasks, GrabCut
from aga_lightning.augment.segmenters.salient_object import SalientObject
from aga_lightning.images.records import ImageRecord
from aga_lightning.images.samples import Sample


@dataclass(kw_only=True, eq=False)
class BestMask(SalientObject):
    """Isolates each photo's subject by the best way that there is for it, and keeps with the subject which one it was.

    The mask that the data set ships; else GrabCut in the detector's box, which is the data set's own box unless another
    detector is set; else a network for salient objects, of 4.6 MB; else, where the network is neither here nor to be
    downloaded, saliency and GrabCut, after a line that says so. The gate SaliencyAgreement refuses many of those.

    Args:
        weights: The network, as in SalientObject; it is downloaded only if a photo has neither mask nor box.
        size: Longest side in pixels at which GrabCut works.
    """

    does_without = frozenset({"weights"})

    size: int = 256

    def fetch(self, records: Sequence[ImageRecord]) -> None:
        """Download the network if a photo needs it; where that fails, say what is used in its place."""
        if all(record.mask_path is not None or record.box is not None for record in records if record.has_subject):
            return
        self.fetch_if_possible("saliency and GrabCut look for the subjects, with worse masks and more rejects")

    def segment(self, samples: Sequence[Sample], detections: Sequence[Sequence[Detection]]) -> list[Subject | None]:
        """The subject of each sample; None where the way that was chosen finds none.

        Raises:
            WeightsError: If the network is damaged, or a path does not exist.
        """
        return [self._best(sample, boxes) for sample, boxes in zip(samples, detections, strict=True)]

    def _best(self, sample: Sample, boxes: Sequence[Detection]) -> Subject | None:
        if sample.mask is not None:
            way, [found] = "the data set's mask", DatasetMasks().segment([sample], [boxes])
        elif boxes:
            way, [found] = "box and GrabCut", GrabCut(size=self.size).segment([sample], [boxes])
        elif not self.lacking:
            way, found = f"network {Path(self.weights).name}", self.cut_out(sample.image)
        else:
            way, [found] = BY_SALIENCY, GrabCut(size=self.size).segment([sample], SaliencyBox().detect([sample]))
        return None if found is None else replace(found, by=way)
