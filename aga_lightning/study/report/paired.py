"""The cells that a section compares, read as numbers of the same seeds on the same images."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aga_lightning.callbacks.faithfulness_summary import BASELINE, THIS_MODEL
from aga_lightning.study.outcomes import Explained, Outcome, Outcomes
from aga_lightning.study.plan import ARM, Plan
from aga_lightning.study.settings import StudyError

SEED = "seed"
DEGREE = "degree"
"""The axis that arms without augmentations do not depend on."""

Image = tuple[str, int]
"""An image's name, and how many of this name stand before it in the set."""


@dataclass(frozen=True)
class Matrix:
    """A number for each seed and image of one set.

    Args:
        seeds: Their levels, in the order of the rows.
        images: In the order of the columns.
        values: (seeds, images); NaN where there is none.
    """

    seeds: tuple[str, ...]
    images: tuple[Image, ...]
    values: NDArray[np.float64]


def right_answers(outcomes: Iterable[Outcome], set_name: str) -> Matrix | None:
    """Whether each cell, one for each seed, was right on each image of a set; None where no cell tells.

    Images are matched by name. One that a seed did not judge is NaN there.

    Raises:
        StudyError: If two cells have one seed, so that more than the seed tells them apart.
    """
    found: dict[str, dict[Image, float]] = {}
    for outcome in outcomes:
        if set_name in outcome.judged:
            judged = outcome.judged[set_name]
            _add(found, outcome.cell.levels, judged.images, judged.right.astype(float))
    return _matrix(found)


def faithfulness(explained: Iterable[Explained], set_name: str, measure: str) -> tuple[Matrix, Matrix] | None:
    """A measure of each image of a set, of the comparisons' arm and of their reference; None where none is told.

    Args:
        explained: One for each seed.
        set_name: As in `faithfulness_per_image.csv`.
        measure: A column of it.
    """
    arm: dict[str, dict[Image, float]] = {}
    reference: dict[str, dict[Image, float]] = {}
    for comparison in explained:
        rows = [row for row in comparison.rows("faithfulness_per_image.csv") if row["set"] == set_name]
        for model, found in ((THIS_MODEL, arm), (BASELINE, reference)):
            of_model = [row for row in rows if row["model"] == model and measure in row]
            if of_model:
                values = [float(row[measure] or "nan") for row in of_model]
                _add(found, comparison.comparison.cell.levels, [row["file"] for row in of_model], values)
    first, second = _matrix(arm), _matrix(reference)
    return None if first is None or second is None else (first, second)


def aligned(*matrices: Matrix) -> tuple[NDArray[np.float64], ...]:
    """The values of the seeds and images that all matrices have, in one order; (0, 0) each where there are none."""
    seeds = [seed for seed in matrices[0].seeds if all(seed in matrix.seeds for matrix in matrices)]
    if all(matrix.images == matrices[0].images for matrix in matrices):
        images: Sequence[Image] = matrices[0].images
    else:
        known = set(matrices[0].images).intersection(*(matrix.images for matrix in matrices))
        images = [image for image in matrices[0].images if image in known]
    return tuple(_part(matrix, seeds, images) for matrix in matrices)


def fixed_levels(plan: Plan, where: Mapping[str, Any], free: Sequence[str]) -> dict[str, str]:
    """The levels that a section stays with, once it is sure that nothing else tells its cells apart.

    Args:
        plan: The study.
        where: As its settings have them.
        free: The axes that it shows or averages over.

    Raises:
        StudyError: If an axis or a level is not there, or if an axis with several levels is neither free nor fixed.
    """
    axes = plan.axes
    if unknown := [axis for axis in (*where, *free) if axis not in axes]:
        raise StudyError(f"the report names the axis {', '.join(unknown)}; the study's axes are {', '.join(axes)}")
    fixed = {axis: str(level) for axis, level in where.items()}
    for axis, level in fixed.items():
        if level not in axes.get(axis, ()):
            raise StudyError(f"the report asks for {axis} {level}; its levels are {', '.join(axes.get(axis, ()))}")
    for axis, levels in axes.items():
        if len(levels) > 1 and axis not in fixed and axis not in free and axis != SEED:
            raise StudyError(
                f"the study has several levels of {axis}, which a section of the report neither shows nor fixes: give "
                f"it one of them, such as where: {{{axis}: {levels[0]}}}"
            )
    return fixed


def along(outcomes: Outcomes, levels: Mapping[str, str], axis: str, start: str | None) -> dict[float, list[Outcome]]:
    """The finished cells at each planned point of an axis of numbers, in its order; a point may have none.

    Args:
        outcomes: All that is finished.
        levels: Of all cells.
        axis: Whose levels are numbers.
        start: The level of `arm` whose cells are the point at 0, unless the axis has one; they do not depend on the
            axis, and are taken at the first of its levels that was planned for them.

    Raises:
        StudyError: If a level is no number.
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
    """The levels of the reference arm's cells that stand beside those of an arm.

    They agree in all axes but `arm`. Where the reference was planned at one degree only, that degree stands beside all
    of an arm's, because nothing is augmented without an augmenter.

    Args:
        plan: The study.
        levels: Of the arm's cells.
        reference: A level of `arm`.
        loose: The axes that the reference need not agree in.
    """
    found = {**levels, ARM: reference}
    for axis in loose:
        others = {name: level for name, level in found.items() if name != axis}
        planned = {
            cell.levels[axis]
            for cell in plan.cells
            if axis in cell.levels and all(cell.levels.get(name) == level for name, level in others.items())
        }
        if axis in found and len(planned) == 1:
            found[axis] = planned.pop()
    return found


def _planned(outcomes: Outcomes, levels: Mapping[str, str], axis: str) -> list[str]:
    """The levels of an axis that were planned beside other levels, in the axis's order."""
    fitting = [
        cell.levels
        for cell in outcomes.plan.cells
        if all(cell.levels.get(name) == level for name, level in levels.items())
    ]
    planned = {of_cell[axis] for of_cell in fitting if axis in of_cell}
    return [level for level in outcomes.plan.axes[axis] if level in planned]


def _as_number(axis: str, level: str) -> float:
    try:
        return float(level)
    except ValueError:
        raise StudyError(f"the report follows {axis} as numbers, but its level {level} is none") from None


def _add(
    found: dict[str, dict[Image, float]], levels: Mapping[str, str], images: Iterable[str], values: Iterable[float]
) -> None:
    seed = levels.get(SEED, "")
    if seed in found:
        raise StudyError(
            f"two cells have seed {seed or '(none)'}, one of them {dict(levels)}; fix the axis that tells them apart"
        )
    seen: Counter[str] = Counter()
    found[seed] = {}
    for image, value in zip(images, values, strict=True):
        found[seed][image, seen[image]] = value
        seen[image] += 1


def _matrix(found: Mapping[str, Mapping[Image, float]]) -> Matrix | None:
    if not found:
        return None
    images = tuple(dict.fromkeys(image for of_seed in found.values() for image in of_seed))
    values = [[of_seed.get(image, np.nan) for image in images] for of_seed in found.values()]
    return Matrix(tuple(found), images, np.array(values, dtype=float))


def _part(matrix: Matrix, seeds: Sequence[str], images: Sequence[Image]) -> NDArray[np.float64]:
    rows = [matrix.seeds.index(seed) for seed in seeds]
    if tuple(images) == matrix.images:
        return matrix.values[rows]
    places = {image: place for place, image in enumerate(matrix.images)}
    return matrix.values[np.ix_(rows, [places[image] for image in images])]
