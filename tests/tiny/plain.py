"""The smallest method with gates: it hands on the photo itself, if the gates accept its subject and the photo."""

from collections.abc import Mapping, Sequence

import numpy as np

from aga_lightning.augment.augmenter import ModelStage, StageCache
from aga_lightning.augment.base import Detection, Detector, Draft, Gate, Request, Segmenter, Subject, accelerated
from aga_lightning.augment.detectors.embedded import CentrePrior
from aga_lightning.augment.engine.gating import Gating
from aga_lightning.augment.engine.isolating import IsolatingRecipe
from aga_lightning.augment.engine.isolation import Isolation
from aga_lightning.augment.engine.judged import JudgedAugmenter, TrainingSubjects
from aga_lightning.augment.engine.subject_stages import image_stages, subject_stages
from aga_lightning.augment.fingerprint import fingerprint
from aga_lightning.images.records import ImageRecord
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


class Photo(IsolatingRecipe):
    """The photo itself."""

    def compose(self, request: Request, sample: Sample, whole: Subject | None, cache: StageCache) -> Draft | str:
        """The photo, or the objection to its subject."""
        if not self.isolates:
            return Draft(sample, image=sample.image)
        subject = self.accepted_subject(request, sample, whole, cache)
        return subject if isinstance(subject, str) else Draft(sample, subject, image=sample.image)

    def image_draft(self, request: Request, cache: StageCache) -> str:
        """A key of photo and instance."""
        return fingerprint(cache.digest(request.record.path), self.subject_draft(request, cache))

    def kept(self, request: Request, cache: StageCache) -> Draft:
        """The photo."""
        return Draft(self.isolation.sample(request.record, cache))


class Plain(JudgedAugmenter):
    """The method."""

    def __init__(
        self,
        gates: Sequence[Gate] = (),
        detector: Detector | None = None,
        segmenter: Segmenter | None = None,
        isolates: bool = True,
        max_side: int | None = None,
    ) -> None:
        self.gates = list(gates)
        self.detector = detector or CentrePrior()
        self.segmenter = segmenter or Corners()
        self.isolates = isolates
        self.max_side = max_side
        gating = Gating(self.gates, accelerated([self.detector, self.segmenter, *self.gates]))
        self._recipe = Photo(Isolation(self.detector, self.segmenter, max_side), gating, isolates)

    def prepare(self, records: Sequence[ImageRecord], cache: StageCache) -> None:
        """Show the gates the training images."""
        self._instruct(TrainingSubjects(self._recipe, records, cache))

    def learned(self) -> object:
        """What the gates know."""
        return self._gating.known

    def stages(self, cache: StageCache) -> list[ModelStage]:
        """Those of every recipe."""
        return [*subject_stages(self._recipe, cache), *image_stages(self._recipe, cache)]

    def _facts(self, request: Request, draft: Draft, cache: StageCache) -> Mapping[str, object]:
        return {"variant": request.variant}
