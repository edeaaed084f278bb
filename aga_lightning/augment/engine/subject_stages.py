"""The stages that any recipe may need: boxes, masks, and the gates' word on the subjects and on the finished images.

A stage does nothing that the recipe would not do for a single request. It fills the cache under the same keys, in
batches, and the recipe then finds everything there.
"""

from collections.abc import Sequence
from typing import Generic, TypeVar

from aga_lightning.augment.augmenter import ModelStage, StageCache, Unit
from aga_lightning.augment.base import Draft, Part, Request, accelerated, parts_in
from aga_lightning.augment.engine.isolating import IsolatingRecipe
from aga_lightning.augment.engine.isolation import unreadable
from aga_lightning.augment.pretrained import Pretrained
from aga_lightning.images.reading import ImageReadError
from aga_lightning.images.records import ImageRecord
from aga_lightning.images.samples import Sample

AnyRecipe = TypeVar("AnyRecipe", bound=IsolatingRecipe)

_SORTING = 4  # batches of images handed to a detector at once, so that it finds enough of one size to fill its own
_LOOK = 16  # drafts handed to gates without a model at once


def subject_stages(recipe: IsolatingRecipe, cache: StageCache) -> list[ModelStage]:
    """The stages up to the gates' word on the subjects; none for a recipe that needs no subject."""
    isolation, gating = recipe.isolation, recipe.gating
    if not (gating.remembers and recipe.isolates):
        return []
    stages: list[ModelStage] = []
    if accelerated(isolation.detector):
        stages.append(Boxes(recipe, cache, "boxes", [isolation.detector], _SORTING))
    if accelerated(isolation.segmenter):
        stages.append(Subjects(recipe, cache, "subjects", [isolation.segmenter]))
    if gating.of("subject") or not accelerated(isolation.segmenter):
        stages.append(SubjectVerdicts(recipe, cache, "verdicts", gating.of("subject")))
    return stages


def image_stages(recipe: IsolatingRecipe, cache: StageCache) -> list[ModelStage]:
    """The gates' word on the finished images, where a gate has a model."""
    gates = recipe.gating.of("image")
    return [ImageVerdicts(recipe, cache, "verdicts", gates)] if accelerated(gates) else []


class RecipeStage(ModelStage, Generic[AnyRecipe]):
    """A stage that knows the recipe.

    Args:
        recipe: What is made.
        cache: Where it is kept.
        name: The shelf of the cache that is filled.
        parts: The parts that are called.
        batches: How many batches of those parts make one of this stage.
    """

    def __init__(
        self, recipe: AnyRecipe, cache: StageCache, name: str, parts: Sequence[Part], batches: int = 1
    ) -> None:
        sizes = [part.batch_size for part in parts_in(list(parts)) if isinstance(part, Pretrained)]
        super().__init__(name, parts, batches * max(sizes, default=_LOOK))
        self.recipe = recipe
        self.cache = cache
        self._instances: dict[ImageRecord, int | None] = {}
        self._usable: dict[tuple[ImageRecord, int], bool] = {}

    def usable(self, request: Request) -> bool:
        """Whether the request has a subject that no gate has objected to, as far as anyone has looked."""
        if not self.recipe.isolates:
            return True
        record = self.recipe.source(request, self.cache)
        if record not in self._instances:
            self._instances[record] = self.recipe.isolation.instances(record, self.cache)
        instances = self._instances[record]
        if instances == 0:
            return False
        pasted = record, request.variant % (instances or 1)
        if pasted not in self._usable:
            draft = self.recipe.subject_draft(request, self.cache)
            self._usable[pasted] = self.recipe.gating.verdict("subject", draft, self.cache) is None
        return self._usable[pasted]

    def read(self, unit: Unit) -> Sample | ImageReadError:
        """The image of a unit, or why it cannot be read."""
        try:
            return self.recipe.isolation.sample(self.recipe.source(unit.request, self.cache), self.cache)
        except ImageReadError as error:
            return error

    def readable(self, units: Sequence[Unit], loaded: Sequence[object]) -> list[Sample]:
        """The images that could be read; of the others the cache keeps that they cannot."""
        for unit, sample in zip(units, loaded, strict=True):
            if isinstance(sample, ImageReadError):
                self.cache.save(self.name, unit.key, *unreadable(str(sample)))
        return [sample for sample in loaded if isinstance(sample, Sample)]


class Boxes(RecipeStage[IsolatingRecipe]):
    """Step 1a with a model: the detector's boxes."""

    def key(self, request: Request) -> str:
        """The boxes of the request's image."""
        return self.recipe.isolation.boxes_key(self.recipe.source(request, self.cache), self.cache)

    def load(self, unit: Unit) -> object:
        """The image."""
        return self.read(unit)

    def run(self, units: Sequence[Unit], loaded: Sequence[object]) -> None:
        """Detect."""
        self.recipe.isolation.detect(self.readable(units, loaded), self.cache)


class Subjects(RecipeStage[IsolatingRecipe]):
    """Step 1b with a model: the segmenter's masks."""

    def key(self, request: Request) -> str:
        """The subject of the request's image."""
        return self.recipe.isolation.subject_key(self.recipe.source(request, self.cache), self.cache)

    def load(self, unit: Unit) -> object:
        """The image."""
        return self.read(unit)

    def run(self, units: Sequence[Unit], loaded: Sequence[object]) -> None:
        """Segment."""
        self.recipe.isolation.isolate(self.readable(units, loaded), self.cache)


class SubjectVerdicts(RecipeStage[IsolatingRecipe]):
    """The gates' word on the subjects, which may take longer than to find them."""

    def key(self, request: Request) -> str | None:
        """The verdict on what the request pastes."""
        if self.recipe.isolation.instances(self.recipe.source(request, self.cache), self.cache) == 0:
            return None
        return self.recipe.gating.key("subject", self.recipe.subject_draft(request, self.cache))

    def load(self, unit: Unit) -> object:
        """Image and subject; a segmenter without a model does its work here, in a thread of the loader."""
        sample = self.read(unit)
        if isinstance(sample, ImageReadError):
            return sample
        subject = self.recipe.isolation.isolate([sample], self.cache)[0]
        return Draft(sample, None if subject is None else subject.for_variant(unit.request.variant))

    def run(self, units: Sequence[Unit], loaded: Sequence[object]) -> None:
        """Judge."""
        for unit, draft in zip(units, loaded, strict=True):
            if isinstance(draft, ImageReadError) or (isinstance(draft, Draft) and draft.subject is None):
                self.cache.save("verdicts", unit.key, {"objection": "nothing was isolated"})
        pairs = [
            (unit.request, draft)
            for unit, draft in zip(units, loaded, strict=True)
            if isinstance(draft, Draft) and draft.subject is not None
        ]
        keys = [self.recipe.subject_draft(request, self.cache) for request, _ in pairs]
        self.recipe.gating.objections("subject", [draft for _, draft in pairs], keys, self.cache)


class ImageVerdicts(RecipeStage[IsolatingRecipe]):
    """The word of gates with a model on the merged images, which are merged once more when all is judged."""

    def key(self, request: Request) -> str | None:
        """The verdict on the request's image."""
        if not self.usable(request):
            return None
        return self.recipe.gating.key("image", self.recipe.image_draft(request, self.cache))

    def load(self, unit: Unit) -> object:
        """The merged image, or why there is none."""
        try:
            sample, subject = self.recipe.subject(self.recipe.source(unit.request, self.cache), self.cache)
        except ImageReadError as error:
            return str(error)
        return self.recipe.compose(unit.request, sample, subject, self.cache)

    def run(self, units: Sequence[Unit], loaded: Sequence[object]) -> None:
        """Judge."""
        for unit, made in zip(units, loaded, strict=True):
            if isinstance(made, str):
                self.cache.save("verdicts", unit.key, {"objection": made})
        pairs = [(unit.request, made) for unit, made in zip(units, loaded, strict=True) if isinstance(made, Draft)]
        keys = [self.recipe.image_draft(request, self.cache) for request, _ in pairs]
        self.recipe.gating.objections("image", [made for _, made in pairs], keys, self.cache)
