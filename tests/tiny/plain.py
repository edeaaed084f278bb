"""The smallest method with gates: it hands on the photo itself, if the gates accept its subject and the photo."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from aga_lightning.augment.base import Detection, Detector, Draft, Gate, Segmenter, Subject
from aga_lightning.augment.detectors.embedded import CentrePrior
from aga_lightning.augment.engine.accepting import Accept
from aga_lightning.augment.engine.isolation import Boxes, Photo, Subjects
from aga_lightning.augment.engine.method import Method
from aga_lightning.augment.engine.step import Step
from aga_lightning.images.samples import Sample


class Corners(Segmenter):
    """The top left corner and the bottom right one, kept in turn."""

    def segment(self, samples: Sequence[Sample], detections: Sequence[Sequence[Detection]]) -> list[Subject | None]:
        """Two instances a sample."""
        pairs = zip(samples, detections, strict=True)
        return [self._corners(sample.image.shape[:2], found[0]) for sample, found in pairs]

    def _corners(self, shape: tuple[int, ...], detection: Detection) -> Subject:
        first, second = np.zeros(shape, bool), np.zeros(shape, bool)
        first[:9, :9], second[-9:, -9:] = True, True
        parts = (Subject(first, detection, 0.9), Subject(second, detection, 0.8))
        return Subject(first | second, detection, 0.9, parts)


class Itself(Step[Draft]):
    """The photo, and the subject where there is one."""

    def make(self, plans: Sequence[Any], *inputs: Sequence[Any]) -> list[Draft]:
        """Hand on."""
        return [Draft(sample, *subject, image=sample.image) for sample, *subject in zip(*inputs, strict=True)]


class Plain(Method):
    """The method."""

    gates: Sequence[Gate] = ()
    detector: Detector = CentrePrior()
    segmenter: Segmenter = Corners()
    isolates: bool = True
    max_side: int | None = None

    def steps(self) -> Step[Draft]:
        """The photo, and its subject if it is isolated."""
        photo = Photo(self.max_side)
        if not self.isolates:
            return Accept("image", self.gates, Itself(photo))
        subjects = Subjects(self.segmenter, photo, Boxes(self.detector, photo))
        return Accept("image", self.gates, Itself(photo, Accept("subject", self.gates, subjects, photo)))
