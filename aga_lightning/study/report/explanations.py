"""The comparisons that a section on explanations shows, in groups that differ in nothing but their seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from aga_lightning.study.outcomes import Explained, Outcomes
from aga_lightning.study.plan import ARM, Comparison
from aga_lightning.study.report.paired import SEED
from aga_lightning.study.report.wording import listed

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
    asked = {**where, **({} if arms is None else {ARM: arms}), **dict.fromkeys(set(rows) - set(where))}
    wanted = {axis: outcomes.plan.levels_of(axis, levels) for axis, levels in asked.items()}
    planned = [comparison for comparison in outcomes.plan.comparisons if comparison.cell.fits(wanted)]
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
    return list(pd.unique(_tables(groups, table)["set"]))


def protocol_of(groups: Sequence[Compared]) -> str:
    """A sentence on what was explained and how, from `faithfulness.csv`; "" where nothing is finished."""
    found = _tables(groups, "faithfulness.csv")
    found = found[["method", "layer", "target"]].drop_duplicates() if len(found) else found
    words = [
        _METHODS.get(method, method) + (f" of {layer}" if layer else "") + f" for {_TARGETS.get(target, target)}"
        for method, layer, target in sorted(found.itertuples(index=False))
    ]
    return f"Attributions: {listed(words)}." if words else ""


def aggregation_of(groups: Sequence[Compared]) -> str:
    """How AIC and SIC made one curve of many, from `faithfulness.csv`: "median" or "mean"; "" where nothing tells."""
    found = _tables(groups, "faithfulness.csv")
    return (
        listed(sorted(found[found["measure"].isin(["aic", "sic"])]["aggregate"].unique()), "or") if len(found) else ""
    )


def _tables(groups: Sequence[Compared], name: str) -> pd.DataFrame:
    """One of the callbacks' tables of all finished comparisons, below each other."""
    tables = [each.table(name) for group in groups for each in group.finished]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame({"set": []})


def check_measures(measures: Sequence[str]) -> None:
    """Refuse measures that there are not.

    Raises:
        ValueError: If that is so.
    """
    if unknown := [measure for measure in measures if measure not in MEASURES]:
        raise ValueError(f"measures names {listed(unknown)}; there are {', '.join(MEASURES)}")
