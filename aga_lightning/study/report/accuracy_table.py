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
from aga_lightning.study.report.arms import NONE_FINISHED, steps_in_words, steps_of
from aga_lightning.study.report.blocks import Block, Cell, Paragraph, Table
from aga_lightning.study.report.comparison import Compared, compare, in_sentences, mcnemar_table
from aga_lightning.study.report.paired import fixed_levels, reference_levels, right_answers
from aga_lightning.study.report.section import Section
from aga_lightning.study.report.wording import NOT_RUN, difference, ends, file_name, listed, number
from aga_lightning.study.statistics import accuracy

TITLES = {"acc": "Accuracy", "recall": "Mean recall over classes", "f1": "Mean F1 over classes"}
FEW_SEEDS = "Intervals resample seeds and images together; with two or three seeds they understate the spread of seeds."
ONE_SEED = (
    "With one seed an interval is over images alone (Wilson's, for an accuracy) and says nothing about other seeds."
)

_MARKS = {"above": "\N{BLACK UP-POINTING TRIANGLE}", "below": "\N{BLACK DOWN-POINTING TRIANGLE}", "open": "="}
_TONES = {"above": "good", "below": "bad", "open": "open"}


@dataclass(frozen=True)
class _Line:
    """A row of the table: cells that differ in nothing but the seed.

    Args:
        names: The levels that the row is named by.
        arm: The level of `arm`; "" in a study without that axis.
        group: The names without the arm's; arms are compared within their group.
        cells: The finished cells.
        planned: The number of planned cells.
        right: By set, (seeds, images) whether each image is classified correctly; None if no cell has predictions.
        compared: By set, the comparison with the reference.
    """

    names: tuple[str, ...]
    arm: str
    group: tuple[str, ...]
    cells: Sequence[Outcome]
    planned: int
    right: Mapping[str, pd.DataFrame | None]
    compared: Mapping[str, Compared]

    @property
    def title(self) -> str:
        return ", ".join(self.names)

    @property
    def lacks_predictions(self) -> bool:
        """Whether a cell was tested on a set but its predictions of single images are missing."""
        return any(
            sum(name in cell.results for cell in self.cells) > (0 if right is None else len(right))
            for name, right in self.right.items()
        )


@dataclass(kw_only=True)
class AccuracyTable(Section):
    """Accuracy by arm and evaluation set, each with its interval and its paired difference from a reference.

    Args:
        rows: The axes whose levels make the rows, in order.
        where: By axis, the level that is fixed, such as {backbone: resnet18}; for an axis in `rows`, the levels to
            show, such as {arm: [baseline, AGA]}.
        sets: The evaluation sets; null for all.
        metric: "acc" has intervals over seeds and images, and paired tests; "recall" and "f1" are not means over
            images and are shown with the standard deviation over seeds only.
        reference: The level of `arm` that the other arms are compared with; null for none.
        published: Published numbers to print beside ours, in per cent: by the levels of a row, joined by ", ", and then
            by set, such as {"resnet18, baseline": {test: 88.8}}.
        gaps: Further columns, by title: two sets whose difference is shown in points, with its standard deviation over
            seeds, such as {gap: [ood/mixed_same, ood/mixed_rand]}.
    """

    heading: str = "Accuracy"
    rows: list[str] = field(default_factory=lambda: [ARM])
    where: dict[str, Any] = field(default_factory=dict)
    sets: list[str] | None = None
    metric: Literal["acc", "recall", "f1"] = "acc"
    reference: str | None = "baseline"
    published: dict[str, dict[str, float]] = field(default_factory=dict)
    gaps: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for title, sets in self.gaps.items():
            if len(sets) != 2:
                raise ValueError(f"gaps.{title} names {listed(sets) or 'no set'}; give two evaluation sets")

    def blocks(self, outcomes: Outcomes) -> Sequence[Block]:
        """The table, followed by McNemar's tests.

        Raises:
            StudyError: If an axis with several levels is neither a row nor fixed.
        """
        sets = outcomes.sets if self.sets is None else self.sets
        lines = self._lines(outcomes, sets)
        if not any(line.cells for line in lines):
            return [Paragraph(NONE_FINISHED, "note")]
        compared = [one for line in lines for one in line.compared.values()]
        columns = [self._column(lines, name) for name in sets]
        columns += [[self._gap(line, *pair) for line in lines] for pair in self.gaps.values()]
        rows: list[list[Cell | str]] = [
            [*line.names, str(len(line.cells)), steps_in_words(line.cells), *cells]
            for line, *cells in zip(lines, *columns, strict=True)
        ]
        others = [axis for axis in self.rows if axis != ARM]
        notes = [
            *(in_sentences(compared, others, str(self.reference)) if compared else ()),
            *self._missing(outcomes, lines, sets),
            *_unequal_steps(lines),
            *self._on_method(lines, compared),
            *(
                f"{title}: {one} minus {other}, with the standard deviation over seeds."
                for title, (one, other) in self.gaps.items()
            ),
        ]
        name = file_name(self.heading)
        header = [*self.rows, "seeds", "optimiser steps", *sets, *self.gaps]
        blocks: list[Block] = [Table(name, self._caption(bool(compared)), header, rows, len(self.rows), notes)]
        if compared:
            blocks.append(mcnemar_table(f"{name}-mcnemar", others, compared, sets, str(self.reference)))
        return blocks

    def _lines(self, outcomes: Outcomes, sets: Sequence[str]) -> list[_Line]:
        plan = outcomes.plan
        fixed = fixed_levels(
            plan, {axis: level for axis, level in self.where.items() if axis not in self.rows}, self.rows
        )
        lines = []
        for names in itertools.product(*(plan.levels_of(axis, self.where.get(axis)) for axis in self.rows)):
            levels = {**fixed, **dict(zip(self.rows, names, strict=True))}
            planned, cells = plan.where(levels), outcomes.where(**levels)
            if not planned:
                continue
            arm = levels.get(ARM, "")
            group = tuple(name for axis, name in zip(self.rows, names, strict=True) if axis != ARM)
            right = {name: right_answers(cells, name) if self.metric == "acc" else None for name in sets}
            compared = {}
            if self.reference not in (None, arm) and ARM in self.rows:
                beside = outcomes.where(**reference_levels(plan, levels, str(self.reference)))
                found = (compare(arm, group, name, right[name], right_answers(beside, name)) for name in sets)
                compared = {one.set: one for one in found if one is not None}
            lines.append(_Line(names, arm, group, cells, len(planned), right, compared))
        return lines

    def _column(self, lines: Sequence[_Line], name: str) -> list[Cell]:
        """The cells of one set; the best of each group is emphasised if its values differ."""
        values = [self._value(line, name) for line in lines]
        cells = []
        for line, value in zip(lines, values, strict=True):
            if value is None:
                text, details = NOT_RUN.text, [NOT_RUN.detail]
            else:
                text, details = number(100 * value[0]), [value[1]]
            tone = "plain"
            if (one := line.compared.get(name)) is not None:
                mark = _MARKS[one.difference.verdict] if one.difference.is_known else ""
                details.append(f"{difference(one.difference)} {mark}".rstrip())
                tone = _TONES[one.difference.verdict]
            peers = [other[0] for peer, other in zip(lines, values, strict=True) if peer.group == line.group and other]
            if value is not None and value[0] == max(peers) > min(peers):
                tone = "best"
            if (paper := self.published.get(line.title, {}).get(name)) is not None:
                details.append(f"paper {number(paper)}")
            cells.append(Cell(text, " \N{MIDDLE DOT} ".join(details), tone))
        return cells

    def _value(self, line: _Line, name: str) -> tuple[float, str] | None:
        """The mean in 0..1, and its interval or standard deviation in words; None if no cell has results."""
        right = line.right[name]
        if right is not None:
            found: Interval = accuracy(right)
            return found.value, ends(found)
        values = [cell.results[name][self.metric] for cell in line.cells if self.metric in cell.results.get(name, {})]
        return (statistics.fmean(values), _spread(values)) if values else None

    def _gap(self, line: _Line, first: str, second: str) -> Cell:
        """The mean over seeds of the difference of two sets, in points."""
        found = [[cell.results.get(name, {}).get(self.metric) for name in (first, second)] for cell in line.cells]
        gaps = [one - other for one, other in found if one is not None and other is not None]
        return Cell(number(100 * statistics.fmean(gaps), sign=True), _spread(gaps)) if gaps else NOT_RUN

    def _caption(self, compared: bool) -> str:
        caption = f"{TITLES[self.metric]} in %, mean over seeds; the best of each column and group is emphasised."
        if self.metric != "acc":
            return f"{caption} \N{PLUS-MINUS SIGN} precedes the standard deviation over seeds."
        caption += " Below it the 95% interval"
        if compared:
            caption += (
                f", and the difference from {self.reference} in points on the same seeds and images, with its 95% "
                f"interval: {_MARKS['above']} above zero, {_MARKS['below']} below zero, {_MARKS['open']} zero is inside"
            )
        return f"{caption}."

    def _missing(self, outcomes: Outcomes, lines: Sequence[_Line], sets: Sequence[str]) -> list[str]:
        notes = []
        if waiting := [
            f"{line.title} ({len(line.cells)} of {line.planned})" for line in lines if line.planned > len(line.cells)
        ]:
            notes.append(f"Not all seeds are finished: {listed(waiting)}.")
        if absent := [name for name in sets if name not in outcomes.sets]:
            notes.append(f"No finished cell was evaluated on {listed(absent, 'or')}.")
        if self.metric == "acc" and (silent := [line.title for line in lines if line.lacks_predictions]):
            notes.append(
                f"Predictions of single images are missing for {listed(silent)}: if no seed has them, the mean is "
                "shown with the standard deviation over seeds and is not compared; if some have them, only those count."
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


def _spread(values: Sequence[float]) -> str:
    """The standard deviation over seeds in words."""
    return f"\N{PLUS-MINUS SIGN} {number(100 * statistics.stdev(values))}" if len(values) > 1 else "one seed"


def _unequal_steps(lines: Sequence[_Line]) -> list[str]:
    """A sentence on each group whose rows took different numbers of optimiser steps."""
    groups: dict[tuple[str, ...], list[_Line]] = {}
    for line in lines:
        if steps_of(line.cells):
            groups.setdefault(line.group, []).append(line)
    notes = []
    for group, members in groups.items():
        if len({step for line in members for step in steps_of(line.cells)}) > 1:
            said = listed([f"{line.arm or line.title} {steps_in_words(line.cells)}" for line in members])
            prefix = f"{', '.join(group)}: o" if group else "O"
            notes.append(f"{prefix}ptimiser steps differ ({said}): part of a difference may be due to longer training.")
    return notes
