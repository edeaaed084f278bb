"""Claims, such as those of the paper, each tested on the study's finished cells."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd

from aga_lightning.intervals import Interval
from aga_lightning.study.outcomes import Outcomes
from aga_lightning.study.plan import ARM
from aga_lightning.study.report.blocks import Block, Cell, Paragraph, Table
from aga_lightning.study.report.paired import (
    DEGREE,
    aligned,
    along,
    faithfulness,
    fixed_levels,
    reference_levels,
    right_answers,
)
from aga_lightning.study.report.section import Section
from aga_lightning.study.report.wording import difference, file_name, listed, number
from aga_lightning.study.statistics import accuracy, paired_difference, slope

Measure = Literal["aic", "sic", "insertion", "deletion", "energy_inside_mask", "pointing_game"]

HOLDS, FAILS, NOT_SHOWN, NOT_RUN = "holds here", "fails here", "not shown", "not run"
_VERDICTS = {"above": HOLDS, "below": FAILS, "open": NOT_SHOWN}
_TONES = {HOLDS: "good", FAILS: "bad", NOT_SHOWN: "open", NOT_RUN: "plain"}


@dataclass(frozen=True)
class Claim:
    """A claim that an arm is better than a reference, or better the more it augments.

    Args:
        says: The claim in words.
        kind: "accuracy" and "measure" compare an arm with a reference; "slope" tests whether accuracy rises along an
            axis.
        arm: A level of `arm`.
        reference: A level of `arm`; not used by "slope".
        sets: Evaluation sets; empty for all.
        where: By axis, the level that is fixed, such as {degree: 4}.
        measure: For "measure": the measure of faithfulness. Lower is better for "deletion" only.
        axis: For "slope": the axis, whose levels are numbers.
        start: For "slope": the level of `arm` whose cells make the point at 0; null for none.
    """

    says: str
    kind: Literal["accuracy", "measure", "slope"] = "accuracy"
    arm: str = "aga"
    reference: str = "baseline"
    sets: list[str] = field(default_factory=list)
    where: dict[str, Any] = field(default_factory=dict)
    measure: Measure = "aic"
    axis: str = DEGREE
    start: str | None = "baseline"


@dataclass(frozen=True)
class _Finding:
    """The result of the test of a claim on one set.

    Args:
        ours: The two numbers that are compared.
        shown: Their difference, or the slope, in words.
        seeds: The number of seeds.
        verdict: One of the four verdicts.
    """

    ours: str = "-"
    shown: str = "-"
    seeds: int = 0
    verdict: str = NOT_RUN


@dataclass(kw_only=True)
class Claims(Section):
    """Each claim with the study's result on each evaluation set.

    Args:
        claims: The claims.
    """

    claims: list[Claim]
    heading: str = "The claims, one by one"

    def blocks(self, outcomes: Outcomes) -> Sequence[Block]:
        """A paragraph that counts the verdicts, and a table of the tests.

        Raises:
            StudyError: If a claim does not fix an axis with several levels.
        """
        rows: list[list[Cell | str]] = []
        verdicts: Counter[str] = Counter()
        for claim in self.claims:
            for set_name in claim.sets or outcomes.sets or ["-"]:
                found = _finding(claim, outcomes, set_name)
                verdicts[found.verdict] += 1
                verdict = Cell(found.verdict, tone=_TONES[found.verdict])
                rows.append([claim.says, set_name, found.ours, found.shown, str(found.seeds or "-"), verdict])
        if not rows:
            return [Paragraph("No claims are listed.", "note")]
        header = ["claim", "set", "ours (reference -> arm)", "difference [95% interval]", "seeds", "verdict"]
        caption = "Accuracies in %, their differences in points, other measures as they are; each row is one test."
        return [
            Paragraph(_summary(verdicts)),
            Table(file_name(self.heading), caption, header, rows, labels=2, notes=_notes(self.claims)),
        ]


def _finding(claim: Claim, outcomes: Outcomes, set_name: str) -> _Finding:
    axes = outcomes.plan.axes
    needed = [claim.arm] if claim.kind == "slope" else [claim.arm, claim.reference]
    asked = [*((ARM, arm) for arm in needed), *((axis, str(level)) for axis, level in claim.where.items())]
    if any(level not in axes.get(axis, ()) for axis, level in asked) or (
        claim.kind == "slope" and claim.axis not in axes
    ):
        return _Finding()  # the study has no such arm or level
    if claim.kind == "slope":
        return _slope(claim, outcomes, set_name)
    levels = {**fixed_levels(outcomes.plan, claim.where, [ARM]), ARM: claim.arm}
    if claim.kind == "accuracy":
        beside = outcomes.where(**reference_levels(outcomes.plan, levels, claim.reference))
        first, second = right_answers(outcomes.where(**levels), set_name), right_answers(beside, set_name)
        return _Finding() if first is None or second is None else _pair(first, second, 100, 1)
    explained = [
        one
        for one in outcomes.explained_where(**levels)
        if one.comparison.reference.levels[ARM] == claim.reference
    ]  # fmt: skip
    both = faithfulness(explained, set_name, claim.measure)
    return _Finding() if both is None else _pair(*both, 1, 3, less_is_better=claim.measure == "deletion")


def _pair(
    arm: pd.DataFrame, reference: pd.DataFrame, scale: float, digits: int, less_is_better: bool = False
) -> _Finding:
    ours, others = aligned(arm, reference)
    both = ours - others
    if not (both == both).any():  # NaN is not itself: nothing that both have a number of
        return _Finding()
    found = paired_difference(ours, others)
    means = [scale * float(values[both == both].mean()) for values in (others, ours)]
    better = Interval(-found.value, -found.high, -found.low) if less_is_better else found
    said = " -> ".join(number(mean, digits) for mean in means)
    return _Finding(said, difference(found, scale, digits), len(ours), _VERDICTS[better.verdict])


def _slope(claim: Claim, outcomes: Outcomes, set_name: str) -> _Finding:
    levels = fixed_levels(outcomes.plan, {**claim.where, ARM: claim.arm}, [claim.axis])
    points = along(outcomes, levels, claim.axis, claim.start)
    judged = {x: right_answers(cells, set_name) for x, cells in points.items()}
    known = {x: table for x, table in judged.items() if table is not None}
    if len(known) < 2:
        return _Finding()
    values = aligned(*known.values())
    if not values[0].size:
        return _Finding()
    rise = slope(list(known), values)
    said = [f"{number(100 * accuracy(part).value)} at {x:g}" for x, part in zip(known, values, strict=True)]
    shown = f"{difference(rise, digits=2)} per {claim.axis}"
    return _Finding(f"{said[0]} -> {said[-1]}", shown, len(values[0]), _VERDICTS[rise.verdict])


def _summary(verdicts: Counter[str]) -> str:
    tested = sum(verdicts.values())
    counts = [f"{verdicts[verdict]} {verdict.replace('holds', 'hold').replace('fails', 'fail')}" for verdict in _TONES]
    return (
        f"Of {tested} tests, each a claim on one evaluation set, {listed(counts)}. A claim holds here where the 95% "
        "interval of the difference lies above zero, fails here where it lies below, and is not shown where it "
        "contains zero."
    )


def _notes(claims: Sequence[Claim]) -> list[str]:
    notes = [
        "Differences are paired: the same seeds, the same images. Intervals resample both; with two or three seeds "
        "they understate the spread of seeds, and with one seed they are over images alone.",
        "The intervals are not corrected for the number of tests.",
    ]
    if any(claim.kind == "measure" for claim in claims):
        notes.append(
            "Measures of faithfulness are means over the images that both models have a number of; a published AIC or "
            "SIC is the area under one curve of all images."
        )
    return notes
