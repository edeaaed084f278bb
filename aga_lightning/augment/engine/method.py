"""A whole method: a list of steps, whose last one makes the image."""

import copy
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any, dataclass_transform

from aga_lightning.augment.augmenter import Augmenter, ModelStage, StageCache
from aga_lightning.augment.availability import fetch_weights
from aga_lightning.augment.base import Augmented, Draft, Rejected, Request, Subject, accelerated, parts_in
from aga_lightning.augment.engine.accepting import Accept
from aga_lightning.augment.engine.collection import Collection
from aga_lightning.augment.engine.generation import fill
from aga_lightning.augment.engine.isolation import Photo
from aga_lightning.augment.engine.runner import Runner, Snapshot
from aga_lightning.augment.engine.scenery import Merge
from aga_lightning.augment.engine.settings import spell_defaults
from aga_lightning.augment.engine.stage import StepStage
from aga_lightning.augment.engine.step import Rejection, Step
from aga_lightning.augment.engine.store import Store
from aga_lightning.augment.engine.training_images import TrainingImages
from aga_lightning.augment.photo import AugmentedPhoto, augmented_photo, photo_record
from aga_lightning.augment.photo import Photo as AnyPhoto
from aga_lightning.augment.pretrained import Pretrained
from aga_lightning.images.pixels import Mask
from aga_lightning.images.records import Box, ImageRecord
from aga_lightning.images.samples import Sample


@dataclass_transform(kw_only_default=True, eq_default=False)
class Method(Augmenter):
    """Makes what its steps say. A subclass has its parts as fields, and wires them in `steps`.

    Each subclass is a keyword-only dataclass without further words: its fields are its settings. All else follows from
    the steps: what is kept and under which key, which stages load a model, what happens to a reject, and how a killed
    run goes on.
    """

    max_side: int | None = None

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        spell_defaults(dataclass(kw_only=True, eq=False)(cls))

    @abstractmethod
    def steps(self) -> Step[Draft]:
        """The last step, which makes the image; the others are its inputs, and theirs."""

    def facts(self, request: Request, draft: Draft, cache: StageCache) -> Mapping[str, object]:
        """What a reader of the store may want to know of a finished image; plain JSON values."""
        facts: dict[str, object] = {} if draft.caption is None else {"caption": draft.caption.text}
        if draft.subject is not None:
            facts["box"] = [round(edge, 2) for edge in draft.subject.detection.box]
            facts["score"] = round(draft.subject.score, 4)
            facts |= {"isolated_by": draft.subject.by} if draft.subject.by else {}
        return facts

    def partner(self, request: Request, background: Request) -> Request:
        """Whose background a request gets where that of another one is offered (mode `online`)."""
        return background

    @cached_property
    def goal(self) -> Step[Draft]:
        """The last step, wired once."""
        goal = self.steps()
        steps = Runner.ordered(goal)
        remembers = any(accelerated(step.parts) for step in steps)
        for step in steps:
            if isinstance(step, Accept):
                step.remembers = remembers
        return goal

    @property
    def all_steps(self) -> list[Step[Any]]:
        """Every step, inputs first."""
        return Runner.ordered(self.goal)

    @cached_property
    def photo(self) -> Photo:
        """The step that reads a training image; one of its own for a method that uses none."""
        return next((step for step in self.all_steps if type(step) is Photo), None) or Photo(self.max_side)

    @cached_property
    def subjects(self) -> Accept | None:
        """The step that accepts the subjects of training images; None for a method that looks for none."""
        found = (step for step in self.all_steps if isinstance(step, Accept) and step.stage == "subject")
        return next((step for step in found if self.photo in Runner.ordered(step)), None)

    def guard(self, hashes: Sequence[int]) -> None:
        """Let gates and painters compare with the evaluation images; call it before `prepare`."""
        for step in self.all_steps:
            step.guard(hashes)

    def prepare(self, records: Sequence[ImageRecord], cache: StageCache) -> None:
        """Let each step learn from the training images, and from no others."""
        training = TrainingImages(self.photo, self.subjects, records, cache)
        for step in self.all_steps:
            step.prepare(training)

    def learned(self) -> dict[str, object]:
        """What the steps learned that decides the output."""
        return {name: value for step in self.all_steps for name, value in step.learned.items()}

    def stages(self, cache: StageCache) -> list[ModelStage]:
        """The steps with a model, and those that decide what such a step has to make; none where none has a model."""
        steps = self.all_steps
        if not any(accelerated(step.parts) for step in steps):
            return []
        snapshot = Snapshot(cache)
        return [StepStage(step, self.goal, cache, snapshot) for step in steps if step.staged]

    def augment(self, requests: Sequence[Request], cache: StageCache) -> Iterator[Augmented | Rejected]:
        """Make what is asked; a photo is read once for all its variants."""
        for request, made in self.drafts(requests, cache):
            yield self._outcome(request, made, cache)

    def drafts(self, requests: Sequence[Request], cache: StageCache) -> Iterator[tuple[Request, Draft | Rejection]]:
        """Each request with its finished image and all that went into it, or with the reason why there is none."""
        for _, variants in groupby(requests, key=lambda request: request.record):
            runner = Runner(cache)
            for request in variants:
                yield request, runner.value(self.goal, request)

    @property
    def recombines(self) -> bool:
        """Whether a step merges a subject and a background."""
        return self._merge is not None

    @cached_property
    def _merge(self) -> Merge | None:
        return next((step for step in self.all_steps if isinstance(step, Merge)), None)

    def recombine(self, request: Request, background: Request, seed: int, cache: StageCache) -> Augmented | Rejected:
        """Put the subject of one request in front of the background of another, with a fresh placement.

        Gates with a model do not see the merged image: it is made in a loader's worker, and never again.
        """
        if self._merge is None:
            return super().recombine(request, background, seed, cache)
        runner, behind = Runner(cache), self.partner(request, background)
        photo, subject, *scenery = self._merge.inputs
        values: list[Any] = []
        for step, whose in ((photo, request), (subject, request), *((step, behind) for step in scenery)):
            value = runner.value(step, whose)
            if isinstance(value, Rejection):
                return Rejected(request, value.reason)
            if step is photo:  # the gates that look at the background are shown this one, which need not be read again
                runner.assume(photo, behind, value)
            values.append([value])
        made = self._merge.make([seed], *values)[0]
        if isinstance(made, Rejection):
            return Rejected(request, made.reason)
        objection = self.goal.glance(made) if isinstance(self.goal, Accept) else None
        return Rejected(request, objection) if objection else self._outcome(request, made, cache)

    def subject(self, record: ImageRecord, cache: StageCache) -> tuple[Sample, Subject | None]:
        """A record's image at the working size, and its subject; None where the method looks for none."""
        return TrainingImages(self.photo, self.subjects and self.subjects.judged, [record], cache)[0]

    def kept(self, request: Request, cache: StageCache) -> Draft | None:
        """A request's image and, as far as it got, its subject, caption and background; nothing is made."""
        runner = Runner(cache)
        found: dict[str, Any] = {"sample": self.photo.read(request.record, runner.digest)}
        runner.assume(self.photo, request, found["sample"])
        for step in self.all_steps:
            if step.fills and (value := step.peek(request, runner)) is not None:
                found[step.fills] = value.for_variant(request.variant) if isinstance(value, Subject) else value
        return self.goal.peek(request, runner) or Draft(**found)

    def augment_image(
        self,
        photo: AnyPhoto,
        superclass: str,
        *,
        n: int = 1,
        class_name: str | None = None,
        box: Box | None = None,
        mask: Mask | None = None,
        seed: int = 0,
        cache_dir: str | Path | None = None,
    ) -> list[AugmentedPhoto]:
        """Augment one photo, without a data set.

        The augmenter itself stays as it is: what it has learned of a data set is not touched. Methods that borrow from
        other training images have none here, and reject.

        Args:
            photo: A file's path, a PIL image, or an array (height, width, 3) of RGB values, uint8.
            superclass: What a detector is asked for, such as "bird"; no caption may name it.
            n: How many augmentations to make.
            class_name: The class, such as "water ouzel", which no caption may name either; None for the superclass.
            box: Where the subject is, if that is known: left, top, right, bottom in pixels of the upright photo.
            mask: Which pixels are the subject's, if that is known: (height, width), bool.
            seed: All that is random about them; the same seed gives the same augmentations.
            cache_dir: Where masks, captions and backgrounds are kept for the next call; None keeps none.

        Returns:
            n results in the order of their numbers, rejects among them with their reason.

        Raises:
            ImageReadError: If the photo cannot be read.
            ValueError: If n, photo or mask are of another kind than described, or the box has no part in the photo.
        """
        if n < 1:
            raise ValueError(f"n is {n}: ask for at least one augmentation")
        with photo_record(photo, superclass, class_name, box, mask) as (record, folder):
            # A copy learns of this photo alone; the models, which may take gigabytes, are shared.
            shared: dict[int, object] = {id(part): part for part in parts_in(self) if isinstance(part, Pretrained)}
            augmenter = copy.deepcopy(self, shared)
            fetch_weights(augmenter, [record])
            collection = Collection(augmenter, Store(cache_dir or folder / "cache"), [record], n, seed)
            fill(collection, images=False)
            made = augmenter.drafts(collection.requests, collection.store)
            return [augmented_photo(one.reason if isinstance(one, Rejection) else one) for _, one in made]

    def _outcome(self, request: Request, made: Draft | Rejection, cache: StageCache) -> Augmented | Rejected:
        if isinstance(made, Rejection):
            return Rejected(request, made.reason)
        assert made.image is not None  # the last step has made it
        return Augmented(request, made.image, self.facts(request, made, cache))
