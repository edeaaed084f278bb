"""The finished cells of each arm, and what a number is over them."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aga_lightning.study.outcomes import Outcome, Outcomes
from aga_lightning.study.plan import ARM
from aga_lightning.study.report.blocks import Cell
from aga_lightning.study.settings import StudyError

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
    axes = outcomes.plan.axes
    levels = {axis: _levels(axis, asked, axes) for axis, asked in {**(where or {}), ARM: names}.items() if asked}
    arms = levels.pop(ARM, list(axes.get(ARM, ())))
    found = []
    for chosen in [{ARM: [arm]} for arm in axes[ARM] if arm in arms] if ARM in axes else [{}]:
        fixed = {**levels, **chosen}
        planned = [cell for cell in outcomes.plan.cells if all(cell.levels[axis] in fixed[axis] for axis in fixed)]
        if planned:
            name = chosen[ARM][0] if chosen else "all cells"
            found.append(Arm(name, outcomes.where(**fixed), len(planned)))
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


def _levels(axis: str, asked: Any, axes: Mapping[str, Sequence[str]]) -> list[str]:  # noqa: ANN401 what a YAML file may hold
    if axis not in axes:
        raise StudyError(f"a section asks for {axis}; the axes are {', '.join(axes)}")
    names = [str(level) for level in (asked if isinstance(asked, list | tuple) else [asked])]
    if unknown := [name for name in names if name not in axes[axis]]:
        raise StudyError(f"a section asks for {axis} {', '.join(unknown)}; its levels are {', '.join(axes[axis])}")
    return names
