"""AGA in stages: each goes through all requests before the next one starts, so that one model is in memory."""

from collections.abc import Sequence
from typing import ClassVar

from aga_lightning.augment.augmenter import ModelStage, StageCache, Unit
from aga_lightning.augment.base import Draft, Part, Request, accelerated
from aga_lightning.augment.engine.recipe import Recipe
from aga_lightning.augment.engine.subject_stages import RecipeStage, image_stages, subject_stages
from aga_lightning.augment.painters.donors import NoDonorError
from aga_lightning.images.reading import ImageReadError


def model_stages(recipe: Recipe, cache: StageCache) -> list[ModelStage]:
    """The stages of a recipe, in order; none where no part needs an accelerator."""
    scenery, gating = recipe.scenery, recipe.gating
    if not gating.remembers:
        return []
    stages = subject_stages(recipe, cache)
    if accelerated(scenery.captioner):
        stages.append(Captions(recipe, cache, "captions", [scenery.captioner]))
    for attempt in range(recipe.attempts):
        if accelerated(scenery.painter):
            stages.append(Backgrounds(recipe, cache, [scenery.painter], attempt))
        gates = gating.of("background")
        # What follows needs to know which backgrounds to paint anew.
        if accelerated(gates) or (gates and attempt + 1 < recipe.attempts):
            stages.append(BackgroundVerdicts(recipe, cache, gates, attempt))
    return stages + image_stages(recipe, cache)


class Captions(RecipeStage[Recipe]):
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


class Backgrounds(RecipeStage[Recipe]):
    """Step 3a with a model: the backgrounds, and in later attempts those that a gate has objected to.

    Args:
        recipe: What is made.
        cache: Where it is kept.
        parts: The painter.
        attempt: Which painting of a background, from 0.
    """

    loads = False
    shelf: ClassVar[str] = "backgrounds"

    def __init__(self, recipe: Recipe, cache: StageCache, parts: Sequence[Part], attempt: int) -> None:
        super().__init__(recipe, cache, self.shelf, parts)
        self.attempt = attempt

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
        return self.recipe.gating.verdict("background", draft, self.cache) is not None


class BackgroundVerdicts(Backgrounds):
    """The gates' word on the backgrounds of one attempt; `parts` are the gates."""

    loads = True
    shelf = "verdicts"

    def key(self, request: Request) -> str | None:
        """The verdict on the request's background."""
        return None if super().key(request) is None else self.recipe.gating.key("background", self._draft(request))

    def load(self, unit: Unit) -> object:
        """The background; a painter without a model does its work here, in a thread of the loader."""
        sample = self.read(unit)
        if isinstance(sample, ImageReadError):
            return sample
        scene = self.recipe.scenery.scenes([unit.request], self.cache, self.attempt)[0]
        try:
            background = self.recipe.scenery.paint([scene], self.cache)[0]
        except NoDonorError as error:
            return str(error)
        return Draft(sample, None, scene.caption, background)

    def run(self, units: Sequence[Unit], loaded: Sequence[object]) -> None:
        """Judge."""
        pairs = [(u.request, draft) for u, draft in zip(units, loaded, strict=True) if isinstance(draft, Draft)]
        keys = [self._draft(request) for request, _ in pairs]
        self.recipe.gating.objections("background", [draft for _, draft in pairs], keys, self.cache)

    def _draft(self, request: Request) -> str:
        return self.recipe.background_draft(request, self.recipe.scenery.scenes([request], self.cache, self.attempt)[0])
