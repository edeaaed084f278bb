"""Reject backgrounds in which the painter has painted the subject a second time."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from aga_lightning.augment.base import Detection, Detector, Draft
from aga_lightning.augment.gates.picture_gate import PictureGate
from aga_lightning.images.boxes import clamp
from aga_lightning.images.pixels import Image
from aga_lightning.images.samples import Sample


@dataclass(kw_only=True, eq=False)
class SubjectLeak(PictureGate):
    """Rejects backgrounds in which a detector finds the superclass that is to be pasted.

    A second subject may belong to another class, which would make the label wrong. This needs a detector that is asked
    in words (GroundingDINO); a detector without weights finds a box in any picture.

    Args:
        detector: Looks for the superclass.
        threshold: Boxes with a lower score do not count, 0..1.
        min_area: Boxes that cover a smaller share of the picture do not count, 0..1.

    Raises:
        ValueError: If `threshold` or `min_area` is out of range.
    """

    stage = "background"

    detector: Detector
    threshold: float = 0.35
    min_area: float = 0.005

    def __post_init__(self) -> None:
        for name, value in (("threshold", self.threshold), ("min_area", self.min_area)):
            if not 0 <= value <= 1:
                raise ValueError(f"{name} is {value}; give a number in 0..1")

    def judge(self, drafts: Sequence[Draft], pictures: Sequence[Image]) -> list[str | None]:
        """That a background shows the superclass; None if it does not. The detector is called once."""
        samples = [_sample(draft, background) for draft, background in zip(drafts, pictures, strict=True)]
        return [self._complaint(*found) for found in zip(samples, self.detector.detect(samples), strict=True)]

    def _complaint(self, sample: Sample, detections: Sequence[Detection]) -> str | None:
        height, width = sample.image.shape[:2]
        leaks = []
        for detection in detections:
            box = clamp(detection.box, width, height)
            area = 0.0 if box is None else (box[2] - box[0]) * (box[3] - box[1]) / (width * height)
            if box is not None and detection.score >= self.threshold and area >= self.min_area:
                leaks.append((detection.score, area))
        if not leaks:
            return None
        score, area = max(leaks)
        return (
            f'the background itself shows a subject: "{sample.record.superclass}" with score {score:.2f} (at least '
            f"{self.threshold:.2f}) on {area:.1%} of the picture"
        )


def _sample(draft: Draft, background: Image) -> Sample:
    """The background as a picture of its own, which has the record's classes but not its boxes."""
    record = replace(draft.sample.record, box=None, mask_path=None)
    return replace(draft.sample, image=background, record=record, box=None, mask=None)
