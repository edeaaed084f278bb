"""What all recipes that may keep a subject share: the subject, the gates' word on it, and on the finished image."""

from abc import ABC, abstractmethod

from aga_lightning.augment.augmenter import StageCache
from aga_lightning.augment.base import Draft, Request, Subject
from aga_lightning.augment.engine.gating import Gating
from aga_lightning.augment.engine.isolation import Isolation
from aga_lightning.augment.fingerprint import fingerprint
from aga_lightning.images.records import ImageRecord
from aga_lightning.images.samples import Sample


class IsolatingRecipe(ABC):
    """How a method makes one image, with the gates at each step.

    Args:
        isolation: How a record becomes a sample, and where its subject is.
        gating: The gates.
        isolates: Whether the method needs to know where the subject is; otherwise none is looked for.
    """

    def __init__(self, isolation: Isolation, gating: Gating, isolates: bool = True) -> None:
        self.isolation = isolation
        self.gating = gating
        self.isolates = isolates

    @abstractmethod
    def compose(self, request: Request, sample: Sample, whole: Subject | None, cache: StageCache) -> Draft | str:
        """The image of a request, from its sample and subject; or why there is none, such as a gate's objection."""

    @abstractmethod
    def image_draft(self, request: Request, cache: StageCache) -> str:
        """A key of the finished image."""

    @abstractmethod
    def kept(self, request: Request, cache: StageCache) -> Draft:
        """A request's image, and of its ingredients what is kept; nothing is made."""

    def source(self, request: Request, cache: StageCache) -> ImageRecord:
        """The image that gives a request its subject: its own, but for methods that paint the subject too."""
        return request.record

    def subject(self, record: ImageRecord, cache: StageCache) -> tuple[Sample, Subject | None]:
        """A record's image at the working size, and its subject; none is looked for where there is none."""
        sample = self.isolation.sample(record, cache)
        if not (self.isolates and record.has_subject):
            return sample, None
        return sample, self.isolation.isolate([sample], cache)[0]

    def accepted_subject(
        self, request: Request, sample: Sample, whole: Subject | None, cache: StageCache
    ) -> Subject | str:
        """The instance that a request keeps, or the objection to it."""
        if whole is None:
            record = sample.record
            return f"no {record.superclass} could be isolated" if record.has_subject else "the class has no subject"
        subject = whole.for_variant(request.variant)
        key = self.subject_draft(request, cache)
        return self.gating.objections("subject", [Draft(sample, subject)], [key], cache)[0] or subject

    def subject_draft(self, request: Request, cache: StageCache) -> str:
        """A key of the instance that a request keeps, where verdicts on it are kept."""
        return self.instance_key(request, cache) if self.gating.remembers else ""

    def instance_key(self, request: Request, cache: StageCache) -> str:
        """What tells the instance that a request keeps from all others."""
        source = self.source(request, cache)
        instances = self.isolation.instances(source, cache) or 1
        return fingerprint(self.isolation.subject_key(source, cache), request.variant % instances)

    def objection_to_image(self, request: Request, made: Draft, cache: StageCache) -> str | None:
        """What the gates say of the finished image."""
        if not self.gating.of("image"):
            return None
        return self.gating.objections("image", [made], [self.image_draft(request, cache)], cache)[0]
