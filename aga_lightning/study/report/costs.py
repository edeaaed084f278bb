"""What each arm has taken: seconds, optimiser steps, images asked for, and calls of models."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aga_lightning.run_folder import TRAINING
from aga_lightning.study.outcomes import Outcome, Outcomes
from aga_lightning.study.report.arms import NONE_FINISHED, Arm, arms_of, middle
from aga_lightning.study.report.blocks import Block, Cell, Paragraph, Table
from aga_lightning.study.report.section import Section
from aga_lightning.study.state import read_state


@dataclass(kw_only=True)
class Costs(Section):
    """What a cell of each arm takes, and what the cells of each arm have made for the store that all arms share.

    Args:
        where: The levels of other axes to stay with, such as {backbone: resnet18}; empty for all.
    """

    heading: str = "Costs"
    where: dict[str, Any] = field(default_factory=dict)

    def blocks(self, outcomes: Outcomes) -> Sequence[Block]:
        """A row an arm, then a row for each of its stages that has made something."""
        arms = arms_of(outcomes, where=self.where)
        if not any(arm.cells for arm in arms):
            return [Paragraph(NONE_FINISHED, "note")]
        found: list[Block] = [_cells_table(arms)]
        if any(outcome.augmentation is not None for arm in arms for outcome in arm.cells):
            found.append(_stages_table(arms))
        return found


def _cells_table(arms: Sequence[Arm]) -> Table:
    notes = []
    if any(arm.planned > len(arm.cells) for arm in arms):
        notes.append("Cells that are not finished are not counted.")
    if any(_training(outcome) is None for arm in arms for outcome in arm.cells):
        notes.append("Some runs do not tell how long they have trained; '-' where none does.")
    return Table(
        "costs",
        "What a cell takes: the median over an arm's cells, with their range below it where they differ. Seconds are "
        "those of the machine that ran it, with whatever else it was doing; the whole cell also loads, validates and "
        "tests. An image that is accepted is one augmentation to train with; of those that are asked for, the gates "
        "reject some.",
        ["arm", "cells", "seconds", "training", "augmenting", "optimiser steps", "asked", "accepted", "rejected"],
        [_row(arm) for arm in arms],
        notes=notes,
    )


def _row(arm: Arm) -> list[Cell | str]:
    augmented = [outcome.augmentation for outcome in arm.cells if outcome.augmentation is not None]
    return [
        arm.name,
        arm.count,
        middle(outcome.seconds for outcome in arm.cells),
        middle(_training(outcome) for outcome in arm.cells),
        middle(found.get("seconds") for found in augmented),
        middle(outcome.optimiser_steps for outcome in arm.cells),
        middle(found["asked"] for found in augmented),
        middle(found["accepted"] for found in augmented),
        middle(sum(found["rejected"].values()) for found in augmented),
    ]


def _training(outcome: Outcome) -> float | None:
    """Seconds of the training alone; None where the run does not tell."""
    seconds: float | None = (read_state(outcome.cell.folder / TRAINING) or {}).get("seconds")
    return seconds


def _stages_table(arms: Sequence[Arm]) -> Table:
    rows = [row for arm in arms for row in _stage_rows(arm)]
    notes = [
        "Arms share a store: what one cell has made, others find. It is counted for the cell that made it, so that "
        "this says what was spent, not what an arm would take alone.",
        "Calls of models are those of full batches.",
    ]
    silent = [arm.name for arm in arms if any(_is_silent(outcome.augmentation) for outcome in arm.cells)]
    if silent:
        notes.append(f"Not everything is counted for {', '.join(silent)}: the mode lazy makes images while it trains.")
    idle = [arm.name for arm in arms if not _stage_rows(arm) and any(o.augmentation for o in arm.cells)]
    if found := [name for name in idle if name not in silent]:
        notes.append(f"All was there already for {', '.join(found)}.")
    return Table(
        "costs-by-stage",
        "What the cells of each arm have made for the store, together: things made, the seconds that took, calls of "
        "models, and evaluations of the denoisers of diffusion models.",
        ["arm", "stage", "made", "seconds", "model calls", "denoiser calls"],
        rows,
        labels=2,
        notes=notes,
    )


def _is_silent(augmentation: Mapping[str, Any] | None) -> bool:
    return augmentation is not None and augmentation.get("stages") is None


def _stage_rows(arm: Arm) -> list[list[Cell | str]]:
    sums: dict[str, Counter[str]] = {}
    calls: dict[str, Counter[str]] = {}
    for outcome in arm.cells:
        for stage in (outcome.augmentation or {}).get("stages") or []:
            name = stage["name"]
            numbers = {key: stage.get(key, 0) for key in ("units", "seconds", "denoiser_calls")}
            sums.setdefault(name, Counter()).update(numbers)
            calls.setdefault(name, Counter()).update(stage.get("model_calls") or {})
    return [
        [
            arm.name,
            name,
            f"{of_stage['units']:,}",
            f"{of_stage['seconds']:,.0f}",
            _calls(calls[name]),
            f"{of_stage['denoiser_calls']:,}",
        ]
        for name, of_stage in sums.items()
        if of_stage["units"]
    ]


def _calls(by_model: Counter[str]) -> Cell:
    detail = ", ".join(f"{model} {count:,}" for model, count in by_model.items() if count)
    return Cell(f"{by_model.total():,}", detail)
