"""The costs of each arm: seconds, optimiser steps, requested images and model calls."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from aga_lightning.run_folder import TRAINING
from aga_lightning.study.outcomes import Outcome, Outcomes
from aga_lightning.study.report.arms import NONE_FINISHED, Arm, arms_of, middle
from aga_lightning.study.report.blocks import Block, Cell, Paragraph, Table
from aga_lightning.study.report.section import Section
from aga_lightning.study.state import read_state

_MEASURED = ["seconds", "training", "augmenting", "optimiser steps", "asked", "accepted", "rejected"]


@dataclass(kw_only=True)
class Costs(Section):
    """The costs of a cell of each arm, and what the cells of each arm have added to the store that all arms share.

    Args:
        where: By axis, the levels to restrict the cells to, such as {backbone: resnet18}; empty for all.
    """

    heading: str = "Costs"
    where: dict[str, Any] = field(default_factory=dict)

    def blocks(self, outcomes: Outcomes) -> Sequence[Block]:
        """A table with a row for each arm, then one with a row for each stage that has made something."""
        arms = arms_of(outcomes, where=self.where)
        if not any(arm.cells for arm in arms):
            return [Paragraph(NONE_FINISHED, "note")]
        augmented = any(outcome.augmentation is not None for arm in arms for outcome in arm.cells)
        return [_cells_table(arms), *([_stages_table(arms)] if augmented else [])]


def _cells_table(arms: Sequence[Arm]) -> Table:
    measured = {arm.name: [_measured(outcome) for outcome in arm.cells] for arm in arms}
    notes = []
    if any(arm.planned > len(arm.cells) for arm in arms):
        notes.append("Cells that are not finished are not counted.")
    if any(found["training"] is None for of_arm in measured.values() for found in of_arm):
        notes.append("Some runs did not record the seconds of training; '-' if no run of the arm did.")
    return Table(
        "costs",
        "Costs of a cell: the median over an arm's cells, with their range below it if they differ. Seconds are "
        "those of the machine that ran the cell, with whatever else it was doing; the whole cell also loads, validates "
        "and tests. An accepted image is one augmentation to train with; of those that are asked for, the gates "
        "reject some.",
        ["arm", "cells", *_MEASURED],
        [
            [arm.name, arm.count, *(middle(found[name] for found in measured[arm.name]) for name in _MEASURED)]
            for arm in arms
        ],
        notes=notes,
    )


def _measured(outcome: Outcome) -> dict[str, Any]:
    """The numbers of a cell, by the names of their columns; None for those that the run did not record."""
    augmentation = outcome.augmentation or {}
    rejected = augmentation.get("rejected")
    numbers = [
        outcome.seconds,
        (read_state(outcome.cell.folder / TRAINING) or {}).get("seconds"),
        augmentation.get("seconds"),
        outcome.optimiser_steps,
        augmentation.get("asked"),
        augmentation.get("accepted"),
        None if rejected is None else sum(rejected.values()),
    ]
    return dict(zip(_MEASURED, numbers, strict=True))


def _stages_table(arms: Sequence[Arm]) -> Table:
    told = [
        (arm.name, outcome.augmentation.get("stages"))
        for arm in arms
        for outcome in arm.cells
        if outcome.augmentation is not None
    ]
    stages = pd.DataFrame(
        [{"arm": arm, **stage} for arm, of_cell in told for stage in of_cell or ()],
        columns=["arm", "name", "units", "seconds", "model_calls", "denoiser_calls"],
    )
    rows = [row for (arm, name), found in stages.groupby(["arm", "name"], sort=False) for row in _row(arm, name, found)]
    notes = [
        "Arms share a store: a cell finds what earlier cells have made. Each thing is counted for the cell that made "
        "it, so that this table shows what was made, not what an arm alone would cost.",
        "Calls of models are those of full batches.",
    ]
    lazy = list(dict.fromkeys(arm for arm, of_cell in told if of_cell is None))
    if lazy:
        notes.append(f"Not everything is counted for {', '.join(lazy)}: the mode lazy makes images while it trains.")
    idle = [arm for arm in dict.fromkeys(arm for arm, _ in told) if arm not in {*lazy, *(row[0] for row in rows)}]
    if idle:
        notes.append(f"Everything was in the store already for {', '.join(idle)}.")
    return Table(
        "costs-by-stage",
        "What the cells of each arm have added to the store, in total: things made, seconds, calls of models, and "
        "evaluations of the denoisers of diffusion models.",
        ["arm", "stage", "made", "seconds", "model calls", "denoiser calls"],
        rows,
        labels=2,
        notes=notes,
    )


def _row(arm: str, stage: str, found: pd.DataFrame) -> list[list[Cell | str]]:
    """The row of a stage, from the records of an arm's cells; none if nothing was made."""
    made = int(found["units"].sum())
    if not made:
        return []
    calls: Counter[str] = Counter()
    for by_model in found["model_calls"].dropna():
        calls.update(by_model)
    detail = ", ".join(f"{model} {count:,}" for model, count in calls.items() if count)
    seconds, denoiser_calls = found["seconds"].sum(), int(found["denoiser_calls"].sum())
    return [[arm, stage, f"{made:,}", f"{seconds:,.0f}", Cell(f"{calls.total():,}", detail), f"{denoiser_calls:,}"]]
