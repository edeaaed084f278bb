"""The faithfulness of attributions of an arm and of its reference, as in Table 2 of the AGA paper."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aga_lightning.intervals import Interval
from aga_lightning.run_folder import FAITHFULNESS_PER_IMAGE
from aga_lightning.study.outcomes import Outcomes
from aga_lightning.study.report.blocks import Block, Cell, Paragraph, Table
from aga_lightning.study.report.explanations import (
    LOWER_IS_BETTER,
    MEASURES,
    NOTHING_PLANNED,
    Compared,
    aggregation_of,
    check_measures,
    compared,
    protocol_of,
    sets_of,
)
from aga_lightning.study.report.paired import aligned, faithfulness
from aga_lightning.study.report.section import Section
from aga_lightning.study.report.wording import NOT_RUN, difference, file_name, number
from aga_lightning.study.statistics import FEWEST_IMAGES, paired_difference

_DIGITS = 3
_INFORMATION = ("aic", "sic")


@dataclass(kw_only=True)
class FaithfulnessTable(Section):
    """A table of faithfulness: a column for each set, and for each measure the reference's line and each arm's.

    A number is the mean over the images that both models can use, in all seeds; below an arm's number is its
    difference from the reference's, with the interval of a paired bootstrap over seeds and images.

    Args:
        arms: Arms that the study explains; null for all.
        rows: Axes that the lines name besides the measure and the arm; null for backbone, if the study has it. Axes
            in which the comparisons differ are always named: only seeds and images are averaged over.
        where: By axis, the levels to restrict the comparisons to, such as {degree: 4}: a level or a list.
        measures: Any of aic, sic, insertion, deletion, energy_inside_mask and pointing_game; the paper's by default.
        sets: The evaluation sets; null for all that were measured.
        published: A paper's numbers to print beside ours in small print: by the line's levels (resnet18; several
            joined by ", "; "" for none), then by measure and set, those of the reference and of the first arm.
    """

    heading: str = "How faithful the explanations are"
    arms: list[str] | None = None
    rows: list[str] | None = None
    where: dict[str, Any] = field(default_factory=dict)
    measures: list[str] = field(default_factory=lambda: ["aic", "sic", "insertion"])
    sets: list[str] | None = None
    published: dict[str, dict[str, dict[str, list[float]]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_measures(self.measures)
        for level, by_measure in self.published.items():
            check_measures(list(by_measure))
            if any(len(pair) != 2 for by_set in by_measure.values() for pair in by_set.values()):
                raise ValueError(f"published.{level} needs two numbers for each set: the reference's and the arm's")

    def blocks(self, outcomes: Outcomes) -> Sequence[Block]:
        """The table, or a sentence on why there is none.

        Raises:
            StudyError: If the study has no such arm, axis or level.
        """
        rows = self.rows
        if rows is None:
            rows = ["backbone"] if "backbone" in outcomes.plan.axes else []
        groups = compared(outcomes, self.arms, self.where, rows)
        sets = self.sets or sets_of(groups, FAITHFULNESS_PER_IMAGE)
        missing = [group.missing for group in groups if group.missing]
        if not groups or not sets:
            words = " ".join(missing) or "The comparisons hold no faithfulness_per_image.csv."
            return [Paragraph(words if groups else NOTHING_PLANNED)]
        axes = list(groups[0].levels)
        lines = [
            line for measure in self.measures for group in groups for line in self._lines(measure, group, groups, sets)
        ]
        table = Table(
            name=file_name(self.heading),
            caption="Means over the images that both models can use, in 0..1. Below each arm's mean: its difference "
            "from the line above, with its 95% interval, of the same images in the same seeds.",
            header=["measure", *axes, "arm", *sets],
            rows=lines,
            labels=2 + len(axes),
            notes=[*self._notes(groups), *missing],
        )
        return [table]

    def _lines(
        self, measure: str, group: Compared, groups: Sequence[Compared], sets: Sequence[str]
    ) -> Iterator[list[Cell | str]]:
        """The reference's line, and the arm's."""
        title = f"{MEASURES[measure]}\N{NO-BREAK SPACE}{'↓' if measure in LOWER_IS_BETTER else '↑'}"
        several = len({each.arm for each in groups}) > 1
        with_reference = f"{group.reference} (beside {group.arm})" if several else group.reference
        cells = [_pair(group, measure, name, self._published(group, groups, measure, name)) for name in sets]
        yield [title, *group.levels.values(), with_reference, *(reference for reference, _ in cells)]
        yield [title, *group.levels.values(), group.arm, *(arm for _, arm in cells)]

    def _published(self, group: Compared, groups: Sequence[Compared], measure: str, name: str) -> str:
        """The paper's numbers for this cell in words; "" if there are none."""
        levels = ", ".join(group.levels.values())
        pair = self.published.get(levels, {}).get(measure, {}).get(name)
        if pair is None or group.arm != (self.arms or [groups[0].arm])[0]:
            return ""
        return f"paper {pair[0]:.{_DIGITS}f} -> {pair[1]:.{_DIGITS}f}"

    def _notes(self, groups: Sequence[Compared]) -> Iterator[str]:
        if protocol := protocol_of(groups):
            yield protocol
        lower = [MEASURES[measure] for measure in self.measures if measure in LOWER_IS_BETTER]
        yield "↑ higher is better" + (f"; ↓ lower is better ({', '.join(lower)})." if lower else ".")
        yield (
            "Below each reference's mean: how many images both models can use, of how many that were measured, for "
            "each seed; a range where seeds differ. Means weigh all these images alike. Differences that rest on fewer "
            f"than {FEWEST_IMAGES} images have no interval."
        )
        if any(measure in _INFORMATION for measure in self.measures):
            yield (
                "AIC and SIC skip images that a model predicts no better than with everything hidden, or too unsurely: "
                "their numbers are of the images that are left, which are no random sample of the set."
            )
            if "median" in aggregation_of(groups):
                yield (
                    "For AIC and SIC, these are means of the images' areas. faithfulness.csv has the area of the "
                    "median curve, as published, which is another number."
                )
        if self.published:
            yield "In small print, the paper's numbers: reference -> arm, from the paper's own images and training."


def _pair(group: Compared, measure: str, name: str, published: str) -> tuple[Cell, Cell]:
    """The reference's cell and the arm's, of one measure and set."""
    if not group.finished:
        return _reference("-", NOT_RUN.detail, published), NOT_RUN
    found = faithfulness(group.finished, name, measure)
    arm, reference = aligned(*found) if found is not None else (np.empty((0, 0)), np.empty((0, 0)))
    if not arm.size:
        return _reference("-", "not measured", published), Cell("-", "not measured")
    both = ~np.isnan(arm - reference)
    if not both.any():
        return _reference("-", _counts(both), published), Cell("-", "no image that both can use")
    gain = paired_difference(arm, reference)
    detail = difference(gain, 1, _DIGITS) if gain.is_known else number(gain.value, _DIGITS, sign=True)
    return (
        _reference(number(float(reference[both].mean()), _DIGITS), _counts(both), published),
        Cell(number(float(arm[both].mean()), _DIGITS), detail, _tone(measure, gain)),
    )


def _reference(text: str, detail: str, published: str) -> Cell:
    return Cell(text, " \N{MIDDLE DOT} ".join(filter(None, (detail, published))))


def _tone(measure: str, gain: Interval) -> str:
    better = "below" if measure in LOWER_IS_BETTER else "above"
    return "open" if gain.verdict == "open" else "good" if gain.verdict == better else "bad"


def _counts(both: NDArray[np.bool_]) -> str:
    """The number of images of a seed that are used, of all its images."""
    used = both.sum(axis=1)
    range_of_used = f"{used.min()}" if used.min() == used.max() else f"{used.min()} to {used.max()}"
    return f"{range_of_used} of {both.shape[1]}"
