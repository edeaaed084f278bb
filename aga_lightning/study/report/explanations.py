"""The comparisons that a section on explanations shows, in groups that differ in nothing but their seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aga_lightning.study.outcomes import Explained, Outcomes
from aga_lightning.study.plan import ARM, Comparison
from aga_lightning.study.report.paired import SEED, fixed_levels
from aga_lightning.study.report.wording import listed
from aga_lightning.study.settings import StudyError

MEASURES = {
    "aic": "AIC",
    "sic": "SIC",
    "insertion": "insertion",
    "deletion": "deletion",
    "energy_inside_mask": "energy inside the mask",
    "pointing_game": "pointing game",
}
"""What is measured, and what it is called."""

LOWER_IS_BETTER = frozenset({"deletion"})

NOTHING_PLANNED = "No comparison is planned here: the study's setting `explain` says which arms are explained."

_METHODS = {
    "grad_cam": "Grad-CAM",
    "integrated_gradients": "Integrated gradients",
    "gradient_x_input": "Gradient times input",
    "rise": "RISE",
}
_TARGETS = {"label": "the true class", "predicted": "the class that is predicted"}


@dataclass(frozen=True)
class Compared:
    """An arm beside the reference, over seeds.

    Args:
        arm: Its level.
        reference: The reference arm's level.
        levels: Of the axes that tell this group from the others, but for the arm; empty where there are none.
        planned: The seeds that were asked for.
        finished: The comparisons that are finished, one for each seed.
    """

    arm: str
    reference: str
    levels: Mapping[str, str]
    planned: tuple[str, ...]
    finished: tuple[Explained, ...]

    @property
    def title(self) -> str:
        """What is compared, in words."""
        return ", ".join([f"{self.arm} beside {self.reference}", *self.levels.values()])

    @property
    def missing(self) -> str:
        """A sentence on the seeds that are not finished; "" where all are."""
        finished = {seed_of(explained.comparison) for explained in self.finished}
        missing = [seed for seed in self.planned if seed not in finished]
        if not missing:
            return ""
        if len(missing) == len(self.planned):
            return f"{self.title}: not finished."
        return f"{self.title}: not finished for seed {listed(missing)} of {len(self.planned)} seeds."


def compared(
    outcomes: Outcomes, arms: Sequence[str] | None, where: Mapping[str, Any], rows: Sequence[str] = ()
) -> list[Compared]:
    """The groups that a section shows, in the order of the axes' levels.

    Axes that its comparisons differ in always make groups: only seeds are ever averaged over.

    Args:
        outcomes: All that is finished.
        arms: Which arms; None for all that are explained.
        where: Levels of axes to stay with, by axis: one, or a list.
        rows: Axes to name even where the comparisons have one level of them.

    Raises:
        StudyError: If there is no such arm, axis or level.
    """
    axes = outcomes.plan.axes
    wanted = {
        axis: [str(each) for each in ([level] if isinstance(level, str | int | float) else level)]
        for axis, level in where.items()
    }
    for one in ({}, *({axis: level} for axis, levels in wanted.items() for level in levels)):
        fixed_levels(outcomes.plan, one, [*axes, *rows])  # refuses what there is not
    if unknown := [arm for arm in arms or () if arm not in axes.get(ARM, ())]:
        raise StudyError(f"the report names the arm {listed(unknown)}; the study's are {listed(axes.get(ARM, ()))}")
    planned = [
        comparison
        for comparison in outcomes.plan.comparisons
        if (arms is None or comparison.cell.levels[ARM] in arms)
        and all(comparison.cell.levels[axis] in levels for axis, levels in wanted.items())
    ]
    differing = [
        axis
        for axis in axes
        if axis not in (ARM, SEED) and (axis in rows or len({each.cell.levels[axis] for each in planned}) > 1)
    ]
    finished = {explained.comparison.folder: explained for explained in outcomes.explained}
    groups: dict[tuple[str, ...], list[Comparison]] = {}
    for comparison in planned:
        key = tuple(comparison.cell.levels[axis] for axis in (*differing, ARM))
        groups.setdefault(key, []).append(comparison)
    order = sorted(
        groups, key=lambda key: [axes[axis].index(level) for axis, level in zip((*differing, ARM), key, strict=True)]
    )
    return [
        Compared(
            arm=key[-1],
            reference=groups[key][0].reference.levels[ARM],
            levels=dict(zip(differing, key[:-1], strict=True)),
            planned=tuple(map(seed_of, groups[key])),
            finished=tuple(finished[each.folder] for each in groups[key] if each.folder in finished),
        )
        for key in order
    ]


def seed_of(comparison: Comparison) -> str:
    """A comparison's seed; "" in a study without that axis."""
    return comparison.cell.levels.get(SEED, "")


def sets_of(groups: Sequence[Compared], table: str) -> list[str]:
    """The evaluation sets that a table of the callbacks tells of, in order."""
    return list(dict.fromkeys(row["set"] for group in groups for each in group.finished for row in each.rows(table)))


def protocol_of(groups: Sequence[Compared]) -> str:
    """A sentence on what was explained and how, from `faithfulness.csv`; "" where nothing is finished."""
    found = {
        (row["method"], row["layer"], row["target"])
        for group in groups
        for each in group.finished
        for row in each.rows("faithfulness.csv")
    }
    words = [
        _METHODS.get(method, method) + (f" of {layer}" if layer else "") + f" for {_TARGETS.get(target, target)}"
        for method, layer, target in sorted(found)
    ]
    return f"Attributions: {listed(words)}." if words else ""


def aggregation_of(groups: Sequence[Compared]) -> str:
    """How AIC and SIC made one curve of many, from `faithfulness.csv`: "median" or "mean"; "" where nothing tells."""
    found = {
        row["aggregate"]
        for group in groups
        for each in group.finished
        for row in each.rows("faithfulness.csv")
        if row["measure"] in ("aic", "sic")
    }
    return listed(sorted(found), "or")


def check_measures(measures: Sequence[str]) -> None:
    """Refuse measures that there are not.

    Raises:
        ValueError: If that is so.
    """
    if unknown := [measure for measure in measures if measure not in MEASURES]:
        raise ValueError(f"measures names {listed(unknown)}; there are {', '.join(MEASURES)}")
