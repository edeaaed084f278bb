"""The training images with their subjects, isolated when they are looked at."""

from collections.abc import Sequence
from typing import Any

from aga_lightning.augment.augmenter import StageCache
from aga_lightning.augment.base import Request, Subject, SubjectSource
from aga_lightning.augment.engine.accepting import Accept
from aga_lightning.augment.engine.isolation import Photo
from aga_lightning.augment.engine.runner import Runner
from aga_lightning.augment.engine.step import Rejection, Step
from aga_lightning.augment.fingerprint import fingerprint
from aga_lightning.images.records import ImageRecord
from aga_lightning.images.samples import Sample


class TrainingImages(SubjectSource):
    """The training images, and no others.

    Args:
        photo: Reads them.
        subjects: Isolates their subjects, with the gates or without; None where none are looked for.
        records: Which they are.
        cache: Where subjects are kept.
    """

    def __init__(
        self, photo: Photo, subjects: Step[Any] | None, records: Sequence[ImageRecord], cache: StageCache
    ) -> None:
        self._photo, self._subjects, self._records, self._cache = photo, subjects, records, cache

    def __len__(self) -> int:
        """How many training images there are."""
        return len(self._records)

    def digest(self) -> str:
        """One digest over all the images, and over how their subjects are found and which are accepted."""
        runner = Runner(self._cache)
        rows = [(runner.plan(self._photo, Request(record, 0)), record.label, record.group) for record in self._records]
        steps = [] if self._subjects is None else Runner.ordered(self._subjects)
        return fingerprint(rows, [step.parts for step in steps])

    def __getitem__(self, index: int) -> tuple[Sample, Subject | None]:
        """A training image and its subject, None where it could not be isolated, or where the record has none.

        Raises:
            ImageReadError: If it cannot be read.
        """
        runner, request = Runner(self._cache), Request(self._records[index], 0)
        sample = self.sample(index)
        if self._subjects is None or not request.record.has_subject:
            return sample, None
        runner.assume(self._photo, request, sample)
        found = runner.value(self._subjects, request)
        if isinstance(found, Rejection):
            # What a rejected mask leaves behind is the subject itself, and so a wrong label in the background.
            return sample, None
        step = self._subjects.judged if isinstance(self._subjects, Accept) else self._subjects
        return sample, runner.value(step, request)  # with all its instances

    @property
    def records(self) -> Sequence[ImageRecord]:
        """What is known of each training image without looking at it."""
        return self._records

    @property
    def digests(self) -> Sequence[str]:
        """The SHA-256 of each training image's file."""
        return [self._cache.digest(record.path) for record in self._records]

    def sample(self, index: int) -> Sample:
        """A training image alone, in which no subject is looked for."""
        return self._photo.read(self._records[index], self._cache.digest)

    def isolated_by(self, subjects: Step[Any]) -> "TrainingImages":
        """The same images, with the subjects of another step."""
        return TrainingImages(self._photo, subjects, self._records, self._cache)
