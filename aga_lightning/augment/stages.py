"""AGA in stages: each goes through all requests before the next one starts, so that one model is in memory at a time.

A stage does nothing that the recipe would not do for a single request. It fills the cache under the same keys, in
batches, and the recipe then finds everything there.
"""

from collections.abc import Sequence

from aga_lightning.augment.augmenter import ModelStage, Stage, StageCache, Unit
from aga_lightning.augment.base import Draft, Part, Request, Sample, accelerated, parts_in
from aga_lightning.augment.isolation import unreadable
from aga_lightning.augment.pretrained import Pretrained
from aga_lightning.augment.recipe import Recipe
from aga_lightning.data.base import ImageRecord
from aga_lightning.data.images import ImageReadError

_SORTING = 4  # batches of images handed to a detector at once, so that it finds enough of one size to fill its own
_LOOK = 16  # drafts handed to gates without a model at once


def model_stages(recipe: Recipe, cache: StageCache) -> list[ModelStage]:
    """The stages of a recipe, in order; none where no part needs an accelerator."""
    isolation, scenery, jury = recipe.isolation, recipe.scenery, recipe.jury
    if not jury.remembers:
        return []
    stages: list[ModelStage] = []
    if accelerated(isolation.detector):
        stages.append(Boxes(recipe, cache, "boxes", [isolation.detector], _SORTING))
    if accelerated(isolation.segmenter):
        stages.append(Subjects(recipe, cache, "subjects", [isolation.segmenter], 1))
    if jury.of("subject") or not accelerated(isolation.segmenter):
        stages.append(SubjectVerdicts(recipe, cache, "verdicts", jury.of("subject"), 1))
    if accelerated(scenery.captioner):
        stages.append(Captions(recipe, cache, "captions", [scenery.captioner], 1))
    for attempt in range(recipe.attempts):
        if accelerated(scenery.painter):
            stages.append(Backgrounds(recipe, cache, "backgrounds", [scenery.painter], 1, attempt))
        gates = jury.of("background")
        # What follows needs to know which backgrounds to paint anew.
        if accelerated(gates) or (gates and attempt + 1 < recipe.attempts):
            stages.append(BackgroundVerdicts(recipe, cache, "verdicts", gates, 1, attempt))
    if accelerated(jury.of("image")):
        stages.append(ImageVerdicts(recipe, cache, "verdicts", jury.of("image"), 1))
    return stages


class AGAStage(ModelStage):
    """A stage that knows the recipe.

    Args:
        recipe: What is cooked.
        cache: Where it is kept.
        name: The shelf of the cache that is filled.
        parts: The parts that are called.
        batches: How many batches of those parts make one of this stage.
        attempt: Which painting of a background, from 0.
    """

    def __init__(
        self, recipe: Recipe, cache: StageCache, name: Stage, parts: Sequence[Part], batches: int, attempt: int = 0
    ) -> None:
        sizes = [part.batch_size for part in parts_in(list(parts)) if isinstance(part, Pretrained)]
        super().__init__(name, parts, batches * max(sizes, default=_LOOK))
        self.recipe = recipe
        self.cache = cache
        self.attempt = attempt
        self._instances: dict[ImageRecord, int | None] = {}
        self._usable: dict[tuple[ImageRecord, int], bool] = {}

    def usable(self, request: Request) -> bool:
        """Whether the request has a subject that no gate has objected to, as far as anyone has looked."""
        record = request.record
        if record not in self._instances:
            self._instances[record] = self.recipe.isolation.instances(record, self.cache)
        instances = self._instances[record]
        if instances == 0:
            return False
        pasted = record, request.variant % (instances or 1)
        if pasted not in self._usable:
            draft = self.recipe.subject_draft(request, self.cache)
            self._usable[pasted] = self.recipe.jury.verdict("subject", draft, self.cache) is None
        return self._usable[pasted]

    def read(self, unit: Unit) -> Sample | ImageReadError:
        """The image of a unit, or why it cannot be read."""
        try:
            return self.recipe.isolation.sample(unit.request.record, self.cache)
        except ImageReadError as error:
            return error

    def readable(self, units: Sequence[Unit], loaded: Sequence[object]) -> list[Sample]:
        """The images that could be read; of the others the cache keeps that they cannot."""
        for unit, sample in zip(units, loaded, strict=True):
            if isinstance(sample, ImageReadError):
                self.cache.save(self.name, unit.key, *unreadable(str(sample)))
        return [sample for sample in loaded if isinstance(sample, Sample)]


class Boxes(AGAStage):
    """Step 1a with a model: the detector's boxes."""

    def key(self, request: Request) -> str:
        """The boxes of the request's image."""
        return self.recipe.isolation.boxes_key(request.record, self.cache)

    def load(self, unit: Unit) -> object:
        """The image."""
        return self.read(unit)

    def run(self, units: Sequence[Unit], loaded: Sequence[object]) -> None:
        """Detect."""
        self.recipe.isolation.detect(self.readable(units, loaded), self.cache)


class Subjects(AGAStage):
    """Step 1b with a model: the segmenter's masks."""

    def key(self, request: Request) -> str:
        """The subject of the request's image."""
        return self.recipe.isolation.subject_key(request.record, self.cache)

    def load(self, unit: Unit) -> object:
        """The image."""
        return self.read(unit)

    def run(self, units: Sequence[Unit], loaded: Sequence[object]) -> None:
        """Segment."""
        self.recipe.isolation.isolate(self.readable(units, loaded), self.cache)


class SubjectVerdicts(AGAStage):
    """The gates' word on the subjects, which may take longer than to find them."""

    def key(self, request: Request) -> str | None:
        """The verdict on what the request pastes."""
        if self.recipe.isolation.instances(request.record, self.cache) == 0:
            return None
        return self.recipe.jury.key("subject", self.recipe.subject_draft(request, self.cache))

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
        self.recipe.jury.objections("subject", [draft for _, draft in pairs], keys, self.cache)


class Captions(AGAStage):
    """Step 2 with a model: the captions."""

    loads = False

    def key(self, request: Request) -> str | None:
        """The caption of the request's background."""
        return self.recipe.scenery.caption_key(request, self.cache) if self.usable(request) else None

    def load(self, unit: Unit) -> object:
        """Nothing: words are short."""
        return None

    def run(self, units: Sequence[Unit], loaded: Sequence[object]) -> None:
        """Write."""
        self.recipe.scenery.captions([unit.request for unit in units], self.cache)


class Backgrounds(AGAStage):
    """Step 3a with a model: the backgrounds, and in later attempts those that a gate has objected to."""

    loads = False

    def key(self, request: Request) -> str | None:
        """The request's background."""
        if not self.usable(request):
            return None
        if self.attempt > 0 and not self._objected(request, self.attempt - 1):
            return None
        scene = self.recipe.scenery.scenes([request], self.cache, self.attempt)[0]
        return self.recipe.scenery.background_key(scene)

    def load(self, unit: Unit) -> object:
        """Nothing: a scene is a few words."""
        return None

    def run(self, units: Sequence[Unit], loaded: Sequence[object]) -> None:
        """Paint."""
        scenes = self.recipe.scenery.scenes([unit.request for unit in units], self.cache, self.attempt)
        self.recipe.scenery.paint(scenes, self.cache)

    def _objected(self, request: Request, attempt: int) -> bool:
        scene = self.recipe.scenery.scenes([request], self.cache, attempt)[0]
        draft = self.recipe.background_draft(request, scene)
        return self.recipe.jury.verdict("background", draft, self.cache) is not None


class BackgroundVerdicts(Backgrounds):
    """The gates' word on the backgrounds of one attempt."""

    loads = True

    def key(self, request: Request) -> str | None:
        """The verdict on the request's background."""
        return None if super().key(request) is None else self.recipe.jury.key("background", self._draft(request))

    def load(self, unit: Unit) -> object:
        """The background; a painter without a model does its work here, in a thread of the loader."""
        sample = self.read(unit)
        if isinstance(sample, ImageReadError):
            return sample
        scene = self.recipe.scenery.scenes([unit.request], self.cache, self.attempt)[0]
        background = self.recipe.scenery.paint([scene], self.cache)[0]
        return Draft(sample, None, scene.caption, background)

    def run(self, units: Sequence[Unit], loaded: Sequence[object]) -> None:
        """Judge."""
        pairs = [(u.request, draft) for u, draft in zip(units, loaded, strict=True) if isinstance(draft, Draft)]
        keys = [self._draft(request) for request, _ in pairs]
        self.recipe.jury.objections("background", [draft for _, draft in pairs], keys, self.cache)

    def _draft(self, request: Request) -> str:
        return self.recipe.background_draft(request, self.recipe.scenery.scenes([request], self.cache, self.attempt)[0])


class ImageVerdicts(AGAStage):
    """The word of gates with a model on the merged images, which are merged once more when all is judged."""

    def key(self, request: Request) -> str | None:
        """The verdict on the request's image."""
        if not self.usable(request):
            return None
        return self.recipe.jury.key("image", self.recipe.image_draft(request, self.cache))

    def load(self, unit: Unit) -> object:
        """The merged image, or why there is none."""
        try:
            sample, subject = self.recipe.subject(unit.request.record, self.cache)
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
        self.recipe.jury.objections("image", [made for _, made in pairs], keys, self.cache)
