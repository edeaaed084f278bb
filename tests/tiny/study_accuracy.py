"""Finished studies made by hand: each cell's answers on each image, and each comparison's numbers of each image."""

import itertools

import numpy as np
from tiny.study_explained import write_predictions, write_scores

from aga_lightning.study.outcomes import Explained, Outcome, Outcomes
from aga_lightning.study.plan import Cell, Comparison, Plan
from aga_lightning.study.settings import Explain, Study


def answers(count, right):
    """`count` images of which the first `right` are answered rightly."""
    return np.arange(count) < right


def finished(folder, axes, judge, planned=lambda levels: True, done=lambda levels: True, explained=None, steps=None):
    """The outcomes of a study whose cells are the combinations of the axes.

    `judge(levels)` gives, by set, whether each image is answered rightly, or None for a cell without predictions;
    `explained(levels)`, by set, (numbers of this model, numbers of the baseline) of AIC for each image.
    """
    cells, outcomes, comparisons, found = [], [], [], []
    for names in itertools.product(*axes.values()):
        levels = dict(zip(axes, names, strict=True))
        if not planned(levels):
            continue
        cell = Cell(levels, (), {}, folder / "_".join(names))
        cells.append(cell)
        if not done(levels):
            continue
        judged = judge(levels)
        if not judged.pop("silent", False):
            write_predictions(cell, judged)
        results = {
            name: {"acc": float(np.mean(right)), "f1": float(np.mean(right)) / 2} for name, right in judged.items()
        }
        outcomes.append(Outcome(cell, results, 1.0, steps(levels) if steps else 600, None))
    for cell in cells if explained else []:
        beside = [one for one in cells if one.levels == {**cell.levels, "arm": "baseline"}]
        if cell.levels["arm"] != "baseline" and beside:
            comparison = Comparison(
                cell, beside[0], Explain([cell.levels["arm"]]), folder / f"{cell.folder.name}-explained"
            )
            comparisons.append(comparison)
            found.append(Explained(comparison, 1.0))
            write_scores(found[-1], {name: {"aic": both} for name, both in explained(cell.levels).items()})
    plan = Plan(
        Study(str(folder)), {axis: tuple(names) for axis, names in axes.items()}, tuple(cells), tuple(comparisons)
    )
    return Outcomes(plan, outcomes, found, [], [])
