"""What is left to make, stage by stage, counted without making anything.

The stages themselves say what they would make. Where that depends on what an earlier stage has not made yet, a stand-in
takes its place: a caption that no other is equal to, and subjects and backgrounds that no gate objects to.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path

from aga_lightning.augment.augmenter import Augmenter, Finished, ModelStage, StageCache, denoiser_calls
from aga_lightning.augment.engine.collection import Collection


class StandIns(StageCache):
    """A cache that keeps nothing, and hands out a stand-in for what it lacks.

    Args:
        cache: The real one, which is read.
    """

    def __init__(self, cache: StageCache) -> None:
        self._cache = cache
        self._digests: dict[Path, str] = {}

    def load(self, stage: str, key: str) -> Finished | None:
        """What the real cache holds."""
        return self._cache.load(stage, key)

    def facts(self, stage: str, key: str) -> Mapping[str, object] | None:
        """What the real cache holds."""
        return self._cache.facts(stage, key)

    def save(self, stage: str, key: str, facts: Mapping[str, object], data: bytes | None = None) -> None:
        """Keep nothing."""

    def finished(self, stage: str) -> Set[str]:
        """What the real cache holds."""
        return self._cache.finished(stage)

    @contextmanager
    def claim(self, stage: str, keys: Sequence[str]) -> Iterator[Set[str]]:
        """Nothing, so that nothing is made."""
        yield frozenset()

    def recall(
        self, stage: str, keys: Sequence[str], make: Callable[[list[int]], Sequence[Finished]]
    ) -> list[Finished]:
        """What the real cache holds; else the facts of a caption that is its own key."""
        return [self.load(stage, key) or ({"caption": key, "tries": 1, "fallback": False}, None) for key in keys]

    def digest(self, path: Path) -> str:
        """Hexadecimal SHA-256 of a file's bytes; each file is looked at once, since every request asks for its own."""
        if path not in self._digests:
            self._digests[path] = self._cache.digest(path)
        return self._digests[path]


@dataclass(frozen=True, slots=True)
class Task:
    """What one stage has left to make.

    Args:
        name: The stage; last come the finished images, "Merging", or "Images" where there are no stages.
        units: How many things.
        exact: Whether that is their number; else it is the most that a first pass takes.
        calls: Calls of each part's model, if all batches are full.
        denoiser_calls: Evaluations of a diffusion model's denoiser.
        attempt: Which painting of a background, from 0.
    """

    name: str
    units: int
    exact: bool
    calls: Mapping[str, int] = field(default_factory=dict)
    denoiser_calls: int = 0
    attempt: int = 0


def workload(collection: Collection) -> list[Task]:
    """What is left to make of a collection: a task for each stage, in order, and one for the finished images."""
    cache = StandIns(collection.store)
    tasks: list[Task] = []
    exact = True
    for stage in collection.augmenter.stages(cache):
        units = len(stage.pending(collection.requests, cache))
        tasks.append(stage_task(stage, units, exact))
        exact = exact and units == 0
    images = sum(len(group) for group in collection.pending())
    return [*tasks, images_task(collection.augmenter, images, staged=bool(tasks))]


def stage_task(stage: ModelStage, units: int, exact: bool = True) -> Task:
    """What some units of a stage take.

    Args:
        stage: The stage.
        units: How many.
        exact: Whether that is their number.
    """
    calls = {type(model).__name__: ceil(units / model.batch_size) for model in stage.models}
    attempt = getattr(stage, "attempt", 0)
    name = type(stage).__name__ + (f" {attempt + 1}" if attempt else "")
    return Task(name, units, exact, calls, units * stage.denoiser_calls_per_unit, attempt)


def images_task(augmenter: Augmenter, images: int, staged: bool) -> Task:
    """What it takes to finish some images.

    Args:
        augmenter: Who makes them.
        images: How many.
        staged: Whether stages have made what needs a device.
    """
    # Without stages, a painter with a model works where the images are finished.
    painting = 0 if staged else images * denoiser_calls([augmenter])
    return Task("Merging" if staged else "Images", images, True, {}, painting)
