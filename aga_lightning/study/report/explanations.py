"""The comparisons that a section on attributions shows, in groups that differ in nothing but the seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from aga_lightning.run_folder import FAITHFULNESS
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
"""The measures of faithfulness and their names in the report."""

LOWER_IS_BETTER = frozenset({"deletion"})

NOTHING_PLANNED = "No comparison is planned here: the study's setting `explain` says which arms are explained."

_METHODS = {
    "grad_cam": "Grad-CAM",
    "integrated_gradients": "Integrated gradients",
    "gradient_x_input": "Gradient times input",
    "rise": "RISE",
}
_TARGETS = {"label": "the true class", "predicted": "the predicted class"}


@dataclass(frozen=True)
class Compared:
    """An arm compared with the reference in several seeds.

    Args:
        arm: The arm's level.
        reference: The reference arm's level.
        levels: The levels, other than the arm, that distinguish this group from the others; may be empty.
        planned: The planned seeds.
        finished: The finished comparisons, one for each seed.
    """

    arm: str
    reference: str
    levels: Mapping[str, str]
    planned: tuple[str, ...]
    finished: tuple[Explained, ...]

    @property
    def title(self) -> str:
        """The compared arms and levels in words."""
        return ", ".join([f"{self.arm} beside {self.reference}", *self.levels.values()])

    @property
    def missing(self) -> str:
        """A sentence on the seeds that are not finished; "" if all are."""
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

    Axes in which the comparisons differ always make groups: only seeds are averaged over.

    Args:
        outcomes: The study's results.
        arms: The arms; None for all that are explained.
        where: By axis, a level or a list of levels to restrict the comparisons to.
        rows: Axes to name even if the comparisons have one level of them.

    Raises:
        StudyError: If the study has no such arm, axis or level.
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
    """The seed of a comparison; "" in a study without that axis."""
    return comparison.cell.levels.get(SEED, "")


def sets_of(groups: Sequence[Compared], table: str) -> list[str]:
    """The evaluation sets in a table of the callbacks, in order."""
    return list(pd.unique(_tables(groups, table)["set"]))


def protocol_of(groups: Sequence[Compared]) -> str:
    """A sentence on the methods and targets of attribution, from `faithfulness.csv`; "" if nothing is finished."""
    found = _tables(groups, FAITHFULNESS)
    found = found[["method", "layer", "target"]].drop_duplicates() if len(found) else found
    words = [
        _METHODS.get(method, method) + (f" of {layer}" if layer else "") + f" for {_TARGETS.get(target, target)}"
        for method, layer, target in sorted(found.itertuples(index=False))
    ]
    return f"Attributions: {listed(words)}." if words else ""


def aggregation_of(groups: Sequence[Compared]) -> str:
    """The aggregation of the curves of AIC and SIC, from `faithfulness.csv`: "median" or "mean"; "" if unknown."""
    found = _tables(groups, FAITHFULNESS)
    return (
        listed(sorted(found[found["measure"].isin(["aic", "sic"])]["aggregate"].unique()), "or") if len(found) else ""
    )


def _tables(groups: Sequence[Compared], name: str) -> pd.DataFrame:
    """The rows of one of the callbacks' tables from all finished comparisons."""
    tables = [each.table(name) for group in groups for each in group.finished]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame({"set": []})


def check_measures(measures: Sequence[str]) -> None:
    """Check the names of measures.

    Raises:
        ValueError: If a measure is unknown.
    """
    if unknown := [measure for measure in measures if measure not in MEASURES]:
        raise ValueError(f"measures names {listed(unknown)}; the measures are {', '.join(MEASURES)}")
