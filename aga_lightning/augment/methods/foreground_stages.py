"""The stages of painted foregrounds: all candidates are painted, then CLIP chooses; one model in memory at a time."""

from collections.abc import Sequence

from aga_lightning.augment.augmenter import ModelStage, StageCache, Unit
from aga_lightning.augment.base import Request, accelerated
from aga_lightning.augment.engine.subject_stages import RecipeStage
from aga_lightning.augment.methods.painted_subjects import PaintedRecipe


def foreground_stages(recipe: PaintedRecipe, cache: StageCache) -> list[ModelStage]:
    """The stages up to the chosen foregrounds; none where no part needs an accelerator."""
    foregrounds = recipe.foregrounds
    stages: list[ModelStage] = []
    if accelerated(foregrounds.painter):
        stages.append(Foregrounds(recipe, cache, "pictures", [foregrounds.painter]))
    if foregrounds.selector is not None:
        stages.append(Selection(recipe, cache, "verdicts", [foregrounds.selector]))
    return stages


class Foregrounds(RecipeStage[PaintedRecipe]):
    """The candidates of all foregrounds; a unit is one candidate."""

    loads = False

    def key(self, request: Request) -> str:
        """The last candidate of the request's foreground."""
        return self._keys(request)[-1]

    def pending(self, requests: Sequence[Request], cache: StageCache) -> list[Unit]:
        """All candidates that the cache lacks, each once, in the order of the requests."""
        finished = cache.finished(self.name)
        units: dict[str, Unit] = {}
        for request in requests:
            for key in self._keys(request):
                if key not in finished:
                    units.setdefault(key, Unit(key, request))
        return list(units.values())

    def load(self, unit: Unit) -> object:
        """Nothing: words are short."""
        return None

    def run(self, units: Sequence[Unit], loaded: Sequence[object]) -> None:
        """Paint."""
        sources = [self.recipe.source(unit.request, self.cache) for unit in units]
        numbers = [self._keys(unit.request).index(unit.key) for unit in units]
        self.recipe.foregrounds.paint(list(zip(sources, numbers, strict=True)), self.cache)

    def _keys(self, request: Request) -> list[str]:
        return self.recipe.foregrounds.keys(self.recipe.source(request, self.cache))


class Selection(RecipeStage[PaintedRecipe]):
    """CLIP's choice among the candidates; a unit is one foreground."""

    def key(self, request: Request) -> str:
        """The choice of the request's foreground."""
        return self.recipe.foregrounds.key(self.recipe.source(request, self.cache))

    def load(self, unit: Unit) -> object:
        """The candidates; a painter without a model does its work here, in a thread of the loader."""
        return self.recipe.foregrounds.all_of(self.recipe.source(unit.request, self.cache), self.cache)

    def run(self, units: Sequence[Unit], loaded: Sequence[object]) -> None:
        """Choose."""
        sources = [self.recipe.source(unit.request, self.cache) for unit in units]
        pictures = [candidates for candidates in loaded if isinstance(candidates, list)]
        self.recipe.foregrounds.choose(sources, self.cache, pictures)
