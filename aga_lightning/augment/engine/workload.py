"""What is left to make, step by step, counted without making anything.

Keys are known before anything is made. What a gate will reject is not: until it has been asked, it counts as accepted.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil

from aga_lightning.augment.augmenter import Augmenter, ModelStage, denoiser_calls
from aga_lightning.augment.engine.collection import Collection


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
    tasks: list[Task] = []
    exact = True
    for stage in collection.augmenter.stages(collection.store):
        units = len(stage.pending(collection.requests, collection.store))
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
    return Task(stage.title, units, exact, calls, units * stage.denoiser_calls_per_unit, stage.attempt)


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
