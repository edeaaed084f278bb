"""The finished cells of each arm, and what a number is over them."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aga_lightning.study.outcomes import Outcome, Outcomes
from aga_lightning.study.plan import ARM
from aga_lightning.study.report.blocks import Cell

NONE_FINISHED = "None of these cells is finished."


@dataclass(frozen=True)
class Arm:
    """An arm, as far as it is finished.

    Args:
        name: Its level; "all cells" where the study has no axis of arms.
        cells: Finished ones, in the order of the plan.
        planned: How many were asked for.
    """

    name: str
    cells: Sequence[Outcome]
    planned: int

    @property
    def count(self) -> str:
        """How many cells are finished, and of how many where some are not."""
        return str(len(self.cells)) if len(self.cells) == self.planned else f"{len(self.cells)} of {self.planned}"


def arms_of(
    outcomes: Outcomes, names: Sequence[str] | None = None, where: Mapping[str, Any] | None = None
) -> list[Arm]:
    """The arms that were asked for, in the order of the plan, also those of which nothing is finished.

    Args:
        outcomes: The study's.
        names: Which arms; None for all.
        where: The levels of other axes to stay with, one or a list for each.

    Raises:
        StudyError: If the study has no such arm or axis.
    """
    plan = outcomes.plan
    asked = {**(where or {}), **({} if names is None else {ARM: names})}
    levels = {axis: plan.levels_of(axis, level) for axis, level in asked.items()}
    arms = levels.pop(ARM, plan.axes.get(ARM, ()))
    found = []
    for arm in [arm for arm in plan.axes[ARM] if arm in arms] if ARM in plan.axes else [None]:
        fixed = {**levels, ARM: arm}
        if planned := plan.where(fixed):
            found.append(Arm(arm or "all cells", outcomes.where(**fixed), len(planned)))
    return found


def middle(values: Iterable[float | None], digits: int = 0) -> Cell:
    """The median of what is known, with the range below it where not all are equal; "-" where nothing is known.

    Args:
        values: One for each cell; None where a cell does not tell.
        digits: Behind the point.
    """
    known = [value for value in values if value is not None]
    if not known:
        return Cell("-")
    low, high = f"{min(known):,.{digits}f}", f"{max(known):,.{digits}f}"
    found = statistics.median(known)
    halved = all(isinstance(value, int) for value in known) and found % 1 != 0  # the middle of two counts
    text = f"{found:,.{max(1, digits)}f}" if halved else f"{found:,.{digits}f}"
    return Cell(text, "" if low == high else f"{low} to {high}")
