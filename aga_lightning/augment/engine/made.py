"""What a run has made of its augmentations, and what that has taken."""

from dataclasses import dataclass

from aga_lightning.augment.engine.workload import Task


@dataclass(frozen=True, slots=True)
class Made:
    """What one stage has made.

    Args:
        task: The stage, and how much: here of what is done.
        seconds: From start to end, with loading its models.
    """

    task: Task
    seconds: float


@dataclass(frozen=True, slots=True)
class Spent:
    """What one call of `augment` has made and taken.

    Args:
        stages: In order; those that had nothing left to make with 0 units.
        seconds: From start to end, with looking for what is left to make.
    """

    stages: tuple[Made, ...]
    seconds: float
