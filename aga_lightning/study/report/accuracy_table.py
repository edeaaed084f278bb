"""Accuracy by arm and evaluation set, with intervals, paired differences and tests."""

import itertools
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd

from aga_lightning.intervals import Interval
from aga_lightning.study.outcomes import Outcome, Outcomes
from aga_lightning.study.plan import ARM
from aga_lightning.study.report.blocks import Block, Cell, Paragraph, Table
from aga_lightning.study.report.comparison import Compared, compare, in_sentences, mcnemar_table
from aga_lightning.study.report.paired import fixed_levels, reference_levels, right_answers
from aga_lightning.study.report.section import Section
from aga_lightning.study.report.wording import NOT_RUN, difference, ends, file_name, listed, number
from aga_lightning.study.statistics import accuracy

TITLES = {"acc": "Accuracy", "recall": "Mean recall over classes", "f1": "Mean F1 over classes"}
FEW_SEEDS = "Intervals resample seeds and images together; with two or three seeds they understate the spread of seeds."
ONE_SEED = (
    "With one seed an interval is over images alone (Wilson's, for an accuracy) and tells nothing of other seeds."
)

_MARKS = {"above": "\N{BLACK UP-POINTING TRIANGLE}", "below": "\N{BLACK DOWN-POINTING TRIANGLE}", "open": "="}
_Rights = Mapping[tuple[tuple[str, ...], str], pd.DataFrame | None]  # by the names of a row, and by set
_TONES = {"above": "good", "below": "bad", "open": "open"}


@dataclass(frozen=True)
class _Line:
    """A row: the cells that only the seed tells apart."""

    levels: Mapping[str, str]
    names: tuple[str, ...]
    group: tuple[str, ...]
    cells: Sequence[Outcome]
    planned: int

    @property
    def title(self) -> str:
        return ", ".join(self.names)

    @property
    def steps(self) -> list[int]:
        return sorted({outcome.optimiser_steps for outcome in self.cells if outcome.optimiser_steps is not None})


@dataclass(kw_only=True)
class AccuracyTable(Section):
    """Accuracy by arm and evaluation set, each with its interval and its paired difference from a reference.

    Args:
        rows: The axes whose levels make the rows, in order.
        where: The levels of the axes that are fixed, such as {backbone: resnet18}; of an axis in `rows`, which of its
            levels are shown, such as {arm: [baseline, AGA]}.
        sets: Which evaluation sets; null for all.
        metric: "acc" has intervals over seeds and images, and paired tests; "recall" and "f1" are not means over
            images, so that they have the standard deviation over seeds only.
        reference: The level of `arm` that the others are compared with; null for none.
        published: Numbers of others to stand beside ours, in per cent: by the levels of a row, joined by ", ", and then
            by set, such as {"resnet18, baseline": {test: 88.8}}.
    """

    heading: str = "Accuracy"
    rows: list[str] = field(default_factory=lambda: [ARM])
    where: dict[str, Any] = field(default_factory=dict)
    sets: list[str] | None = None
    metric: Literal["acc", "recall", "f1"] = "acc"
    reference: str | None = "baseline"
    published: dict[str, dict[str, float]] = field(default_factory=dict)

    def blocks(self, outcomes: Outcomes) -> Sequence[Block]:
        """The table, and McNemar's tests below it.

        Raises:
            StudyError: If an axis with several levels is neither a row nor fixed.
        """
        lines = self._lines(outcomes)
        sets = outcomes.sets if self.sets is None else self.sets
        if not any(line.cells for line in lines):
            return [Paragraph("None of these cells is finished.", "note")]
        rights = {
            (line.names, name): right_answers(line.cells, name) if self.metric == "acc" else None
            for line in lines
            for name in sets
        }
        compared = self._compared(outcomes, lines, sets, rights)
        by_place = {((*one.group, one.arm), one.set): one for one in compared}
        columns = [
            self._column(lines, name, rights, [by_place.get(((*line.group, self._arm(line)), name)) for line in lines])
            for name in sets
        ]
        rows: list[list[Cell | str]] = [
            [*line.names, str(len(line.cells)), _steps(line), *(column[place] for column in columns)]
            for place, line in enumerate(lines)
        ]
        notes = [*self._missing(outcomes, lines, sets, rights), *_unequal_steps(lines)]
        others = [axis for axis in self.rows if axis != ARM]
        if compared:
            assert self.reference is not None
            notes = [*in_sentences(compared, others, self.reference), *notes]
        notes += self._on_method(lines, compared)
        name = file_name(self.heading)
        header = [*self.rows, "seeds", "optimiser steps", *sets]
        blocks: list[Block] = [Table(name, self._caption(compared), header, rows, len(self.rows), notes)]
        if compared:
            assert self.reference is not None
            blocks.append(mcnemar_table(f"{name}-mcnemar", others, compared, sets, self.reference))
        return blocks

    def _lines(self, outcomes: Outcomes) -> list[_Line]:
        plan = outcomes.plan
        fixed = fixed_levels(
            plan, {axis: level for axis, level in self.where.items() if axis not in self.rows}, self.rows
        )
        lines = []
        for names in itertools.product(*(plan.levels_of(axis, self.where.get(axis)) for axis in self.rows)):
            levels = {**fixed, **dict(zip(self.rows, names, strict=True))}
            planned = plan.where(levels)
            group = tuple(name for axis, name in zip(self.rows, names, strict=True) if axis != ARM)
            if planned:
                lines.append(_Line(levels, names, group, outcomes.where(**levels), len(planned)))
        return lines

    def _arm(self, line: _Line) -> str:
        return line.levels.get(ARM, "")

    def _compared(
        self,
        outcomes: Outcomes,
        lines: Sequence[_Line],
        sets: Sequence[str],
        rights: _Rights,
    ) -> list[Compared]:
        if self.reference is None or ARM not in self.rows:
            return []
        found = []
        for line in lines:
            if self._arm(line) == self.reference:
                continue
            beside = outcomes.where(**reference_levels(outcomes.plan, line.levels, self.reference))
            for name in sets:
                first, second = rights[line.names, name], right_answers(beside, name)
                if first is not None and second is not None:
                    found.append(compare(self._arm(line), line.group, name, first, second))
        return [one for one in found if one is not None]

    def _column(
        self,
        lines: Sequence[_Line],
        name: str,
        rights: _Rights,
        compared: Sequence[Compared | None],
    ) -> list[Cell]:
        """The cells of one set, the best of each group marked where there is something to be better than."""
        values = [self._value(line, name, rights[line.names, name]) for line in lines]
        cells = []
        for line, value, one in zip(lines, values, compared, strict=True):
            rivals = [
                other[0] for peer, other in zip(lines, values, strict=True) if peer.group == line.group and other
            ]  # fmt: skip
            details = []
            tone = "plain"
            if one is not None:
                mark = _MARKS[one.difference.verdict] if one.difference.is_known else ""
                details.append(f"{difference(one.difference)} {mark}".rstrip())
                tone = _TONES[one.difference.verdict]
            if value is not None and value[0] == max(rivals) > min(rivals):
                tone = "best"
            if (paper := self.published.get(line.title, {}).get(name)) is not None:
                details.append(f"paper {number(paper)}")
            text, detail = (NOT_RUN.text, NOT_RUN.detail) if value is None else (number(100 * value[0]), value[1])
            cells.append(Cell(text, " \N{MIDDLE DOT} ".join([detail, *details]), tone))
        return cells

    def _value(self, line: _Line, name: str, right: pd.DataFrame | None) -> tuple[float, str] | None:
        """The mean in 0..1, and how far it can be trusted in words; None where no cell tells."""
        if right is not None:
            found: Interval = accuracy(right)
            return found.value, ends(found)
        values = [cell.results[name][self.metric] for cell in line.cells if self.metric in cell.results.get(name, {})]
        if not values:
            return None
        spread = f"\N{PLUS-MINUS SIGN} {number(100 * statistics.stdev(values))}" if len(values) > 1 else "one seed"
        return statistics.fmean(values), spread

    def _caption(self, compared: Sequence[Compared]) -> str:
        caption = f"{TITLES[self.metric]} in %, mean over seeds; the best of each column and group is emphasised."
        if self.metric != "acc":
            return f"{caption} Behind \N{PLUS-MINUS SIGN} stands the standard deviation over seeds."
        caption += " Below it the 95% interval"
        if compared:
            caption += (
                f", and the difference from {self.reference} in points on the same seeds and images, with its 95% "
                f"interval: {_MARKS['above']} above zero, {_MARKS['below']} below zero, {_MARKS['open']} zero is inside"
            )
        return f"{caption}."

    def _missing(self, outcomes: Outcomes, lines: Sequence[_Line], sets: Sequence[str], rights: _Rights) -> list[str]:
        notes = []
        if waiting := [
            f"{line.title} ({len(line.cells)} of {line.planned})" for line in lines if line.planned > len(line.cells)
        ]:
            notes.append(f"Not all seeds are finished: {listed(waiting)}.")
        if absent := [name for name in sets if name not in outcomes.sets]:
            notes.append(f"No finished cell was evaluated on {listed(absent, 'or')}.")
        if self.metric == "acc" and (
            silent := [line.title for line in lines if _lacks_predictions(line, sets, rights)]
        ):
            notes.append(
                f"Predictions of single images are missing for {listed(silent)}: where no seed has them, the mean "
                "stands with the standard deviation over seeds and is not compared; where some have, only those count."
            )
        if self.reference is not None and ARM in self.rows and self.reference not in outcomes.plan.axes[ARM]:
            notes.append(f"The study has no arm {self.reference}, so that no differences are shown.")
        if strangers := sorted(set(self.published) - {line.title for line in lines}):
            notes.append(
                f"Published numbers of rows that the study does not have are left out: {'; '.join(strangers)}."
            )
        return notes

    def _on_method(self, lines: Sequence[_Line], compared: Sequence[Compared]) -> list[str]:
        if self.metric != "acc":
            return []
        notes = [FEW_SEEDS] if any(1 < len(line.cells) < 4 for line in lines) else []
        notes += [ONE_SEED] if any(len(line.cells) == 1 for line in lines) else []
        if len({one.arm for one in compared}) > 1:
            notes.append("Intervals of differences are not corrected for the number of arms; McNemar's tests are.")
        return notes


def _lacks_predictions(line: _Line, sets: Sequence[str], rights: _Rights) -> bool:
    for name in sets:
        right, tested = rights[line.names, name], [cell for cell in line.cells if name in cell.results]
        if len(tested) > (0 if right is None else len(right)):
            return True
    return False


def _steps(line: _Line) -> str:
    return " to ".join(f"{steps:,}" for steps in dict.fromkeys([line.steps[0], line.steps[-1]])) if line.steps else "-"


def _unequal_steps(lines: Sequence[_Line]) -> list[str]:
    groups: dict[tuple[str, ...], list[_Line]] = {}
    for line in lines:
        if line.steps:
            groups.setdefault(line.group, []).append(line)
    notes = []
    for group, members in groups.items():
        if len({step for line in members for step in line.steps}) > 1:
            said = listed([f"{line.levels.get(ARM, line.title)} {_steps(line)}" for line in members])
            prefix = f"{', '.join(group)}: o" if group else "O"
            notes.append(f"{prefix}ptimiser steps differ ({said}): part of a difference may be due to longer training.")
    return notes
