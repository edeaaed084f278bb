"""Tables of seeds x images for the cells that a section compares."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aga_lightning.callbacks.attributing import BASELINE, THIS_MODEL
from aga_lightning.run_folder import FAITHFULNESS_PER_IMAGE
from aga_lightning.study.outcomes import Explained, Outcome, Outcomes
from aga_lightning.study.plan import ARM, Plan
from aga_lightning.study.settings import StudyError

SEED = "seed"
DEGREE = "degree"
"""The axis that does not affect arms without augmentations."""


def right_answers(outcomes: Iterable[Outcome], set_name: str) -> pd.DataFrame | None:
    """Whether each cell, one for each seed, classifies each image of a set correctly; None without predictions.

    Returns:
        (seeds, images) of 0 and 1, NaN if a seed has no prediction of an image. Images are matched by name; images
        with equal names are numbered in the order of the file.

    Raises:
        StudyError: If two cells have the same seed, so that another axis distinguishes them.
    """
    found: dict[str, pd.Series] = {}
    for outcome in outcomes:
        judged = outcome.predictions
        judged = judged[judged["set"] == set_name]
        if len(judged):
            _add(found, outcome.cell.levels, judged["image"], judged["right"])
    return _by_seed(found)


def faithfulness(
    explained: Iterable[Explained], set_name: str, measure: str
) -> tuple[pd.DataFrame, pd.DataFrame] | None:
    """A measure of each image of a set, for the comparisons' arm and for their reference; None if it is missing.

    Args:
        explained: The comparisons, one for each seed.
        set_name: An evaluation set of `faithfulness_per_image.csv`.
        measure: A column of `faithfulness_per_image.csv`.

    Returns:
        Two tables (seeds, images), as those of `right_answers`.
    """
    found: dict[str, dict[str, pd.Series]] = {THIS_MODEL: {}, BASELINE: {}}
    for comparison in explained:
        table = comparison.table(FAITHFULNESS_PER_IMAGE)
        table = table[table["set"] == set_name]
        if measure in table:
            for model, of_model in table.groupby("model"):
                values = of_model[measure].replace("", np.nan).astype(float)
                _add(found[str(model)], comparison.comparison.cell.levels, of_model["file"], values)
    arm, reference = (_by_seed(of_model) for of_model in found.values())
    return None if arm is None or reference is None else (arm, reference)


def aligned(*tables: pd.DataFrame) -> tuple[NDArray[np.float64], ...]:
    """The values of the seeds and images that all tables have in common, in the order of the first."""
    seeds, images = tables[0].index, tables[0].columns
    for table in tables[1:]:
        seeds = seeds.intersection(table.index, sort=False)
        images = images.intersection(table.columns, sort=False)
    return tuple(table.loc[seeds, images].to_numpy(dtype=float) for table in tables)


def fixed_levels(plan: Plan, where: Mapping[str, Any], free: Sequence[str]) -> dict[str, str]:
    """The fixed levels of a section's cells, which may differ in the free axes and the seed only.

    Args:
        plan: The study's plan.
        where: The setting `where` of the section.
        free: The axes that the section shows or averages over.

    Raises:
        StudyError: If an axis or a level does not exist, or if an axis with several levels is neither free nor fixed.
    """
    for axis in free:
        plan.levels_of(axis, None)
    fixed = {axis: plan.levels_of(axis, level)[0] for axis, level in where.items()}
    for axis, levels in plan.axes.items():
        if len(levels) > 1 and axis not in fixed and axis not in free and axis != SEED:
            raise StudyError(
                f"the study has several levels of {axis}, which a section of the report neither shows nor fixes: give "
                f"it one of them, such as where: {{{axis}: {levels[0]}}}"
            )
    return fixed


def along(outcomes: Outcomes, levels: Mapping[str, str], axis: str, start: str | None) -> dict[float, list[Outcome]]:
    """The finished cells at each planned point of an axis of numbers, in ascending order; a point may have none.

    Args:
        outcomes: The study's results.
        levels: The levels of all cells.
        axis: An axis whose levels are numbers.
        start: The level of `arm` whose cells make the point at 0, unless the axis has that point. These cells do not
            depend on the axis and are taken at its first level that was planned for them.

    Raises:
        StudyError: If a level is not a number.
    """
    found = {
        _as_number(axis, level): outcomes.where(**levels, **{axis: level}) for level in _planned(outcomes, levels, axis)
    }
    if start is not None and 0.0 not in found:
        at_start = {**levels, ARM: start}
        for level in _planned(outcomes, at_start, axis)[:1]:
            found[0.0] = outcomes.where(**at_start, **{axis: level})
    return dict(sorted(found.items()))


def reference_levels(
    plan: Plan, levels: Mapping[str, str], reference: str, loose: Sequence[str] = (DEGREE,)
) -> dict[str, str]:
    """The levels of the reference arm's cells that an arm's cells are compared with.

    They agree in all axes but `arm`. If the reference was planned at one degree only, all degrees of the arm are
    compared with it, because the degree does not affect cells without an augmenter.

    Args:
        plan: The study's plan.
        levels: The levels of the arm's cells.
        reference: A level of `arm`.
        loose: The axes in which the reference need not agree.
    """
    found = {**levels, ARM: reference}
    for axis in loose:
        others = {name: level for name, level in found.items() if name != axis}
        planned = {cell.levels[axis] for cell in plan.where(others) if axis in cell.levels}
        if axis in found and len(planned) == 1:
            found[axis] = planned.pop()
    return found


def _planned(outcomes: Outcomes, levels: Mapping[str, str], axis: str) -> list[str]:
    """The levels of an axis that were planned together with other levels, in the axis's order."""
    planned = {cell.levels[axis] for cell in outcomes.plan.where(levels) if axis in cell.levels}
    return [level for level in outcomes.plan.axes[axis] if level in planned]


def _as_number(axis: str, level: str) -> float:
    try:
        return float(level)
    except ValueError:
        raise StudyError(f"the report follows {axis} as numbers, but its level {level} is not a number") from None


def _add(found: dict[str, pd.Series], levels: Mapping[str, str], images: pd.Series, values: pd.Series) -> None:
    seed = levels.get(SEED, "")
    if seed in found:
        raise StudyError(
            f"two cells have seed {seed or '(none)'}, one of them {dict(levels)}; fix the axis in which they differ"
        )
    names = pd.MultiIndex.from_arrays([images, images.groupby(images).cumcount()])
    found[seed] = pd.Series(values.to_numpy(dtype=float), index=names)


def _by_seed(found: Mapping[str, pd.Series]) -> pd.DataFrame | None:
    return pd.concat(found, axis=1, sort=False).T if found else None
