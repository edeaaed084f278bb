"""Accuracy against the degree of augmentation, or against any other axis of numbers."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from aga_lightning.intervals import Interval
from aga_lightning.study.outcomes import Outcome, Outcomes
from aga_lightning.study.plan import ARM
from aga_lightning.study.report import figures
from aga_lightning.study.report.arms import NONE_FINISHED, steps_in_words
from aga_lightning.study.report.blocks import Block, Cell, Figure, Paragraph, Table
from aga_lightning.study.report.paired import DEGREE, aligned, along, fixed_levels, right_answers
from aga_lightning.study.report.section import Section
from aga_lightning.study.report.wording import NOT_RUN, difference, ends, file_name, number
from aga_lightning.study.statistics import accuracy, in_words, paired_difference, slope

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_Points = Mapping[str, Mapping[float, Sequence[Outcome]]]  # by line and place, the cells, one for each seed


@dataclass(frozen=True)
class _Line:
    """One line of the figure on one set.

    Args:
        name: The level of the axis `series`; "" without that axis.
        right: By place, (seeds, images) whether each image is classified correctly.
        accuracy: By place, the accuracy in 0..1.
    """

    name: str
    right: Mapping[float, pd.DataFrame]
    accuracy: Mapping[float, Interval]


@dataclass(kw_only=True)
class AccuracyCurve(Section):
    """Accuracy against the degree of augmentation: a panel for each evaluation set, with 95% bands.

    Args:
        axis: The axis of the plot; its levels are numbers.
        arm: The level of `arm` to plot; null for a study with one arm.
        start: The level of `arm` whose cells make the point at 0; null for none.
        where: By axis, the level that is fixed, such as {backbone: resnet50}.
        series: The axis with a line for each level, such as backbone; null for one line.
        sets: The evaluation sets; null for all.
    """

    heading: str = "Accuracy against degree"
    axis: str = DEGREE
    arm: str | None = "aga"
    start: str | None = "baseline"
    where: dict[str, Any] = field(default_factory=dict)
    series: str | None = None
    sets: list[str] | None = None

    def blocks(self, outcomes: Outcomes) -> Sequence[Block]:
        """The figure, sentences on the slopes, and a table of the numbers.

        Raises:
            StudyError: If an axis with several levels is neither shown nor fixed, or if a level is not a number.
        """
        points = self._points(outcomes)
        sets = outcomes.sets if self.sets is None else self.sets
        shown = {name: lines for name in sets if (lines := _lines(points, name))}
        name = file_name(self.heading)
        blocks: list[Block] = []
        if shown:
            blocks.append(self._figure(name, shown))
            blocks += [
                Paragraph(said) for set_name, found in shown.items() for said in self._sentences(set_name, found)
            ]
            blocks.append(self._table(name, points, shown))
        if absent := [set_name for set_name in sets if set_name not in shown]:
            words = f"No finished cell has predictions of single images of {', '.join(absent)}."
            blocks.append(Paragraph(words, "note"))
        if not sets:
            blocks.append(Paragraph(NONE_FINISHED, "note"))
        return blocks

    def _points(self, outcomes: Outcomes) -> _Points:
        """The points of each line, in the order of the axis, including those without finished cells."""
        plan = outcomes.plan
        shown = [self.axis, *([self.series] if self.series else [])]
        fixed = fixed_levels(plan, {**self.where, **({ARM: self.arm} if self.arm else {})}, shown)
        return {
            series: along(outcomes, {**fixed, **({self.series: series} if self.series else {})}, self.axis, self.start)
            for series in (plan.axes[self.series] if self.series else ("",))
        }

    def _figure(self, name: str, shown: Mapping[str, Sequence[_Line]]) -> Figure:
        columns = 2 if len(shown) == 4 else min(3, len(shown))
        rows = math.ceil(len(shown) / columns)
        drawing = figures.new_figure(7.0 if columns > 1 else 4.5, 2.6 * rows + 0.3)
        grid = drawing.subplots(rows, columns, squeeze=False, sharex=True)
        panels = list(grid.flat)
        for panel, (set_name, lines) in zip(panels, shown.items(), strict=False):
            panel.set_title(set_name)
            for place, line in enumerate(lines):
                _draw(panel, line, figures.COLOURS[place % len(figures.COLOURS)])
        for panel in panels[len(shown) :]:
            panel.remove()
        for place in range(len(shown)):
            if place + columns >= len(shown):  # nothing below it
                panels[place].set_xlabel(self.axis)
                panels[place].tick_params(labelbottom=True)
            if place % columns == 0:
                panels[place].set_ylabel("accuracy in %")
        if self.series:
            panels[0].legend(fontsize="small", frameon=False)
        ends_of_lines = [_ends_of(set_name, line) for set_name, lines in shown.items() for line in lines]
        alt = f"Line charts of accuracy in % against {self.axis}. {'; '.join(ends_of_lines)}."
        caption = f"Accuracy in % against {self.axis}; the bands are 95% intervals over seeds and images."
        return Figure(name, drawing, alt, caption)

    def _sentences(self, set_name: str, lines: Sequence[_Line]) -> list[str]:
        """Sentences on the slope, and on the last step along the axis."""
        said = []
        for line in lines:
            place = f"On {set_name}{f' ({line.name})' if line.name else ''}"
            xs = list(line.right)
            values = aligned(*line.right.values())
            if len(xs) < 2:
                said.append(f"{place}, one {self.axis} is finished: there is nothing to compare.")
                continue
            if not values[0].size:
                said.append(f"{place}, no seed has the same images at each {self.axis}: no slope is given.")
                continue
            rise = slope(xs, values)
            shows = {"above": "accuracy rises", "below": "accuracy falls", "open": "no slope is shown"}[rise.verdict]
            said.append(
                f"{place}, {shows}: {difference(rise, digits=2)} points for each step of 1 in {self.axis}, by a "
                f"straight line through {len(xs)} points. {self._end(line, xs)}"
            )
        return said

    def _end(self, line: _Line, xs: Sequence[float]) -> str:
        last, before = xs[-1], xs[-2]
        change: Interval = paired_difference(*aligned(line.right[last], line.right[before]))
        fell = {"above": "rose", "below": "fell", "open": "neither fell nor rose beyond the interval"}[change.verdict]
        return f"From {self.axis} {before:g} to {last:g} it {fell}: {difference(change)} points; {in_words(change)}."

    def _table(self, name: str, points: _Points, shown: Mapping[str, Sequence[_Line]]) -> Table:
        by_place = {
            (line.name, x, set_name): Cell(number(100 * found.value), ends(found))
            for set_name, lines in shown.items()
            for line in lines
            for x, found in line.accuracy.items()
        }
        rows: list[list[Cell | str]] = []
        for series, of_line in points.items():
            for x, point in of_line.items():
                cells = [by_place.get((series, x, set_name), NOT_RUN) for set_name in shown]
                labels = [*([series] if self.series else []), f"{x:g}"]
                rows.append([*labels, str(len(point)), steps_in_words(point), *cells])
        header = [*([self.series] if self.series else []), self.axis, "seeds", "optimiser steps", *shown]
        notes = [
            "Intervals resample seeds and images together; with two or three seeds they understate the spread of "
            "seeds, and with one seed they are over images alone.",
            "A slope uses the seeds and images that all points of its line have in common.",
        ]
        at_zero = [cell for of_line in points.values() for cell in of_line.get(0.0, ())]
        if self.start and any(cell.cell.levels.get(ARM) == self.start for cell in at_zero):
            notes.insert(0, f"The point at 0 is {self.start}.")
        caption = f"Accuracy in % by {self.axis}, mean over seeds; below it the 95% interval."
        return Table(name, caption, header, rows, 2 if self.series else 1, notes)


def _lines(points: _Points, set_name: str) -> list[_Line]:
    found = []
    for series, of_line in points.items():
        tables = {x: right_answers(cells, set_name) for x, cells in of_line.items()}
        right = {x: table for x, table in tables.items() if table is not None}
        if right:
            found.append(_Line(series, right, {x: accuracy(table) for x, table in right.items()}))
    return found


def _draw(panel: "Axes", line: _Line, colour: str) -> None:
    xs, found = list(line.accuracy), line.accuracy.values()
    panel.plot(xs, [100 * at.value for at in found], "o-", color=colour, markersize=4, label=line.name)
    lows, highs = [100 * at.low for at in found], [100 * at.high for at in found]
    panel.fill_between(xs, lows, highs, color=colour, alpha=0.2, linewidth=0)


def _ends_of(set_name: str, line: _Line) -> str:
    found = line.accuracy
    said = [f"{number(100 * found[x].value)} at {x:g}" for x in (min(found), max(found))]
    return f"{set_name}{f', {line.name}' if line.name else ''}: {' to '.join(dict.fromkeys(said))}"
