"""The finished cells of each arm, and summaries of their numbers."""

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
    """An arm with its finished cells.

    Args:
        name: The level of `arm`; "all cells" in a study without that axis.
        cells: The finished cells, in the order of the plan.
        planned: The number of planned cells.
    """

    name: str
    cells: Sequence[Outcome]
    planned: int

    @property
    def count(self) -> str:
        """The number of finished cells, such as "3", or "2 of 3" if some are not finished."""
        return str(len(self.cells)) if len(self.cells) == self.planned else f"{len(self.cells)} of {self.planned}"


def arms_of(
    outcomes: Outcomes, names: Sequence[str] | None = None, where: Mapping[str, Any] | None = None
) -> list[Arm]:
    """The arms that a section shows, in the order of the plan, including those without finished cells.

    Args:
        outcomes: The study's results.
        names: The levels of `arm`; None for all.
        where: By axis, a level or a list of levels to restrict the cells to.

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


def steps_of(cells: Iterable[Outcome]) -> list[int]:
    """The numbers of optimiser steps that cells took, in ascending order."""
    return sorted({cell.optimiser_steps for cell in cells if cell.optimiser_steps is not None})


def steps_in_words(cells: Iterable[Outcome]) -> str:
    """The optimiser steps of cells, such as "600" or "600 to 640"; "-" if no cell recorded them."""
    steps = steps_of(cells)
    return " to ".join(f"{step:,}" for step in dict.fromkeys([*steps[:1], *steps[-1:]])) or "-"


def middle(values: Iterable[float | None], digits: int = 0) -> Cell:
    """The median of the known values, with their range below it if they differ; "-" if no value is known.

    Args:
        values: A value for each cell; None if the cell has none.
        digits: Digits after the decimal point.
    """
    known = [value for value in values if value is not None]
    if not known:
        return Cell("-")
    low, high = f"{min(known):,.{digits}f}", f"{max(known):,.{digits}f}"
    found = statistics.median(known)
    halved = all(isinstance(value, int) for value in known) and found % 1 != 0  # the middle of two counts
    text = f"{found:,.{max(1, digits)}f}" if halved else f"{found:,.{digits}f}"
    return Cell(text, "" if low == high else f"{low} to {high}")
