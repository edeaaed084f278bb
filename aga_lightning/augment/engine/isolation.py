"""Step 1 of AGA: read a photo, put a box around its superclass, and find the subject in the box."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np

from aga_lightning.augment.augmenter import Finished
from aga_lightning.augment.base import Detection, Detector, Request, Segmenter, Subject, accelerated
from aga_lightning.augment.detectors.embedded import CentrePrior, DatasetBoxes
from aga_lightning.augment.engine.runner import Runner
from aga_lightning.augment.engine.step import Digest, Rejection, Step
from aga_lightning.images.codec import decode_alpha, encode_alpha
from aga_lightning.images.pixels import Alpha
from aga_lightning.images.reading import ImageReadError
from aga_lightning.images.records import ImageRecord
from aga_lightning.images.samples import Sample, load_sample


class Photo(Step[Sample]):
    """The request's own image at the working size. Of one that cannot be read, the cache keeps that it cannot.

    Args:
        max_side: Longer side in pixels at most; None for the images' own.
    """

    name = "photos"
    fills = "sample"
    of_record = True

    def __init__(self, max_side: int | None) -> None:
        super().__init__()
        self.max_side = max_side

    @property
    def kept(self) -> bool:
        """No: the file is there already."""
        return False

    def read(self, record: ImageRecord, digest: Digest) -> Sample:
        """The image of a record.

        Raises:
            ImageReadError: If the image or its mask cannot be read.
        """
        return load_sample(record, digest(record.path), self.max_side)

    def plan(self, request: Request, digest: Digest) -> list[Any]:
        """The file, the size, what a detector is asked for, and what the data set itself tells of the subject."""
        record = request.record
        return [digest(record.path), self.max_side, record.superclass, record.box, mask_digest(record, digest)]

    def make(self, plans: Sequence[Any], *inputs: Sequence[Any]) -> list[Sample]:
        """Nothing: a plan tells an image from others, and not where it lies."""
        raise NotImplementedError

    def value(self, request: Request, runner: Runner) -> Sample | Rejection:
        """The image, read now; or why it cannot be read."""
        try:
            return self.read(request.record, runner.digest)
        except ImageReadError as error:
            runner.cache.save(self.name, runner.place(self, request), {"rejected": str(error)})
            return Rejection(str(error))

    def peek(self, request: Request, runner: Runner) -> Sample | None:
        """The image, if it can be read."""
        found = runner.value(self, request)
        return None if isinstance(found, Rejection) else found


class Boxes(Step[list[Detection]]):
    """Step 1a: the detector's boxes around what a photo shows of its superclass, best first.

    They are kept where the detector has a model.

    Args:
        detector: The detector.
        photo: The photo.
    """

    name = "boxes"
    of_record = True
    batches = 4  # so that a detector finds enough images of one size to fill its own batches

    def __init__(self, detector: Detector, photo: Step[Sample]) -> None:
        super().__init__(photo, parts=[detector])
        self.detector = detector

    @property
    def kept(self) -> bool:
        """Whether the detector has a model."""
        return accelerated(self.detector)

    def make(self, plans: Sequence[None], *inputs: Sequence[Sample]) -> list[list[Detection]]:
        """Detect; an empty list where nothing is found."""
        return self.detector.detect(list(inputs[0]))

    def encode(self, made: list[Detection], plan: None, *inputs: object) -> Finished:
        """Edges and scores."""
        return {"detector": type(self.detector).__name__, "boxes": _rows(made)}, None

    def decode(self, facts: Mapping[str, object], data: bytes | None, plan: None) -> list[Detection]:
        """The boxes."""
        rows = cast("list[list[float]]", facts["boxes"])
        return [Detection((left, top, right, bottom), score) for left, top, right, bottom, score in rows]


class Subjects(Step[Subject]):
    """Step 1b: the subject of a photo, grown from its boxes; a rejection where there is none.

    Args:
        segmenter: The segmenter.
        photo: The photo.
        boxes: The boxes.
    """

    name = "subjects"
    fills = "subject"
    of_record = True

    def __init__(self, segmenter: Segmenter, photo: Step[Sample], boxes: Step[list[Detection]]) -> None:
        super().__init__(photo, boxes, parts=[segmenter])
        self.segmenter = segmenter

    def make(self, plans: Sequence[None], *inputs: Sequence[Any]) -> list[Subject | Rejection]:
        """Segment where there is a box, or where the segmenter needs none."""
        samples, boxes = inputs
        seen = [index for index, found in enumerate(boxes) if found or not self.segmenter.needs_box]
        found = self.segmenter.segment([samples[i] for i in seen], [boxes[i] for i in seen]) if seen else []
        subjects = dict(zip(seen, found, strict=True))
        return [subjects.get(index) or Rejection(self.complaint(sample)) for index, sample in enumerate(samples)]

    def complaint(self, sample: Sample) -> str:
        """Why there is no subject."""
        return f"no subject was found: no {sample.record.superclass} could be isolated"

    def encode(self, made: Subject, plan: None, *inputs: object) -> Finished:
        """Boxes, scores, and which parts have alpha.

        One picture holds the masks or alphas, one below the other: the whole subject, then its instances.
        """
        parts: list[Subject] = [made, *made.instances]
        rows = [[*_rows([part.detection])[0], round(part.score, 4)] for part in parts]
        facts: dict[str, object] = {"segmenter": type(self.segmenter).__name__, "subjects": rows}
        soft = [part.alpha is not None for part in parts]
        facts |= {"alpha": soft} if any(soft) else {}
        facts |= {"by": made.by} if made.by else {}
        masks = [part.mask * np.uint8(255) if part.alpha is None else part.alpha for part in parts]
        return facts, encode_alpha(np.concatenate(masks))

    def decode(self, facts: Mapping[str, object], data: bytes | None, plan: None) -> Subject:
        """The subject with its instances."""
        rows = cast("list[list[float]]", facts["subjects"])
        soft = cast("list[bool]", facts.get("alpha", [False] * len(rows)))
        levels = np.split(decode_alpha(data or b""), len(rows))
        whole, *instances = (_part(*values) for values in zip(levels, rows, soft, strict=True))
        return replace(whole, instances=tuple(instances), by=str(facts.get("by", "")))


def detector_for(detector: Detector | None, segmenter: Segmenter) -> Detector:
    """The detector that a method asks.

    Args:
        detector: The method's setting; None for the data set's own boxes and, with a segmenter that needs a box, the
            middle of a photo that has none.
        segmenter: What is given the boxes.
    """
    return detector or DatasetBoxes(fallback=CentrePrior() if segmenter.needs_box else None)


def _part(levels: Alpha, row: Sequence[float], soft: bool) -> Subject:
    left, top, right, bottom, detection_score, score = row
    detection = Detection((left, top, right, bottom), detection_score)
    return Subject(np.asarray(levels >= 128), detection, score, alpha=levels if soft else None)


def mask_digest(record: ImageRecord, digest: Digest) -> str | None:
    """What tells the mask that the data set ships for a record from others; None where it ships none."""
    return None if record.mask_path is None else f"{digest(record.mask_path)}>{record.mask_above}"


def _rows(detections: Sequence[Detection]) -> list[list[float]]:
    return [[*(round(edge, 2) for edge in found.box), round(found.score, 4)] for found in detections]
