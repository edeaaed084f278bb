"""Arms compared with their reference: paired differences, McNemar's tests, and sentences on them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from aga_lightning.intervals import Interval
from aga_lightning.study.plan import levels_in_words
from aga_lightning.study.report.blocks import Cell, Table
from aga_lightning.study.report.paired import aligned
from aga_lightning.study.report.wording import NO_INTERVAL, NOT_RUN, listed
from aga_lightning.study.statistics import McNemar, holm, mcnemar, paired_difference

SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Compared:
    """An arm compared with the reference on one set.

    Args:
        arm: The level of `arm`.
        group: The levels of the other axes, which the arm shares with the reference.
        set: The evaluation set.
        difference: Arm minus reference, in 0..1.
        tests: McNemar's test of each seed.
    """

    arm: str
    group: tuple[str, ...]
    set: str
    difference: Interval
    tests: Mapping[str, McNemar]


def compare(
    arm: str, group: tuple[str, ...], set_name: str, first: pd.DataFrame | None, second: pd.DataFrame | None
) -> Compared | None:
    """Compare the right answers of an arm and of its reference; None if they have no seed and image in common."""
    if first is None or second is None:
        return None
    ours, others = aligned(first, second)
    if not ours.size:
        return None
    seeds = [seed for seed in first.index if seed in second.index]
    tests = {seed: mcnemar(a, b) for seed, a, b in zip(seeds, ours, others, strict=True)}
    return Compared(arm, group, set_name, paired_difference(ours, others), tests)


def corrected(compared: Sequence[Compared]) -> list[dict[str, float]]:
    """The p-values of each comparison by seed, with Holm's correction over the arms of its group, set and seed."""
    found: list[dict[str, float]] = [{} for _ in compared]
    families: dict[tuple[tuple[str, ...], str, str], list[int]] = {}
    for place, one in enumerate(compared):
        for seed in one.tests:
            families.setdefault((one.group, one.set, seed), []).append(place)
    for (_, _, seed), places in families.items():
        values = holm([compared[place].tests[seed].p_value for place in places])
        for place, value in zip(places, values, strict=True):
            found[place][seed] = float(value)
    return found


def mcnemar_table(
    name: str, axes: Sequence[str], compared: Sequence[Compared], sets: Sequence[str], reference: str
) -> Table:
    """The number of seeds with a significant difference, by arm and set.

    Args:
        name: The name of the table's file.
        axes: The axes of a comparison's group.
        compared: All comparisons.
        sets: The evaluation sets, which make the columns.
        reference: The level of `arm` that the others are compared with.
    """
    p_values = corrected(compared)
    by_place = {
        (one.group, one.arm, one.set): _cell(one, p) for one, p in zip(compared, p_values, strict=True)
    }  # fmt: skip
    rows: list[list[Cell | str]] = [
        [*group, arm, *(by_place.get((group, arm, set_name), NOT_RUN) for set_name in sets)]
        for group, arm in dict.fromkeys((one.group, one.arm) for one in compared)
    ]
    caption = (
        f"McNemar's exact test against {reference}: in how many seeds p < {SIGNIFICANT}, after Holm's correction over "
        "the arms. Below it, for each seed: images that only the arm classifies correctly, images that "
        f"only {reference} classifies correctly, and the corrected p."
    )
    notes = ["Seeds are not pooled: they are tested on the same images, and a pool would count each several times."]
    return Table(name, caption, [*axes, "arm", *sets], rows, labels=len(axes) + 1, notes=notes)


def _cell(one: Compared, p_values: Mapping[str, float]) -> Cell:
    significant = [test for seed, test in one.tests.items() if p_values[seed] < SIGNIFICANT]
    detail = "; ".join(
        f"{test.gained} : {test.lost}, p {_p_value(p_values[seed])}" for seed, test in one.tests.items()
    )  # fmt: skip
    tone = "plain"
    if len(significant) == len(one.tests):
        better = [test.gained > test.lost for test in significant]
        tone = "good" if all(better) else "plain" if any(better) else "bad"
    return Cell(f"{len(significant)} of {len(one.tests)}", detail, tone if significant else "open")


def _p_value(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def in_sentences(compared: Sequence[Compared], axes: Sequence[str], reference: str) -> list[str]:
    """What the intervals of the differences show; comparisons with the same result share a sentence.

    Args:
        compared: All comparisons.
        axes: The axes of a comparison's group.
        reference: The level of `arm` that the others are compared with.
    """
    by_sentence: dict[str, list[tuple[str, ...]]] = {}
    for group in dict.fromkeys(one.group for one in compared):
        for sentence in _of_group([one for one in compared if one.group == group], reference):
            by_sentence.setdefault(sentence, []).append(group)
    everywhere = {one.group for one in compared}
    return [
        sentence
        if len(groups) == len(everywhere)
        else f"{'; '.join(levels_in_words(dict(zip(axes, group, strict=True))) for group in groups)}: {sentence}"
        for sentence, groups in by_sentence.items()
    ]


def _of_group(compared: Sequence[Compared], reference: str) -> list[str]:
    sets_by_finding: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for set_name in dict.fromkeys(one.set for one in compared):
        finding = tuple((one.arm, _finding(one)) for one in compared if one.set == set_name)
        sets_by_finding.setdefault(finding, []).append(set_name)
    return [f"On {listed(sets)}, {_clauses(finding, reference)}." for finding, sets in sets_by_finding.items()]


def _finding(one: Compared) -> str:
    return one.difference.verdict if one.difference.is_known else "unknown"


def _clauses(finding: Sequence[tuple[str, str]], reference: str) -> str:
    arms = {
        kind: [arm for arm, found in finding if found == kind]
        for kind in ("above", "below", "open", "unknown")
    }  # fmt: skip
    if len(arms["open"]) == len(finding) > 1:
        return f"no arm differs from {reference} beyond its interval"
    clauses = [
        f"{listed(arms[kind])} {'lie' if arms[kind][1:] else 'lies'} {kind} {reference} beyond the interval"
        for kind in ("above", "below")
        if arms[kind]
    ]
    if arms["open"]:
        clauses.append(f"no difference between {reference} and {listed(arms['open'], 'or')} is shown")
    if arms["unknown"]:
        clauses.append(f"{listed(arms['unknown'])} cannot be distinguished from {reference} ({NO_INTERVAL})")
    return "; ".join(clauses)
