import numpy as np
import pandas as pd
import pytest

from aga_lightning.intervals import Interval
from aga_lightning.study.report.comparison import Compared, compare, corrected, in_sentences, mcnemar_table
from aga_lightning.study.statistics import McNemar, paired_difference

nan = float("nan")
ABOVE, BELOW, OPEN, FEW = (
    Interval(0.1, 0.05, 0.15),
    Interval(-0.1, -0.2, -0.05),
    Interval(0, -1, 1),
    Interval(0, nan, nan),
)


def matrix(values, seeds="01"):
    return pd.DataFrame(np.array(values, dtype=float), index=list(seeds[: len(values)]))


def one(arm, set_name, difference, p=(1.0,), group=(), gained=3, lost=1):
    tests = {str(seed): McNemar(gained, lost, value) for seed, value in enumerate(p)}
    return Compared(arm, group, set_name, difference, tests)


def test_a_comparison_is_of_common_seeds_and_images():
    arm = matrix([[1] * 12, [1] * 6 + [0] * 6])
    reference = matrix([[0] * 3 + [1] * 9], seeds="0")
    found = compare("aga", ("r18",), "test", arm, reference)
    assert (found.arm, found.group, found.set) == ("aga", ("r18",), "test")
    assert found.difference == paired_difference([[1] * 3 + [0] * 9], [[0] * 12])
    assert {seed: (test.gained, test.lost) for seed, test in found.tests.items()} == {"0": (3, 0)}
    assert compare("aga", (), "test", arm, matrix([[1] * 12], seeds="7")) is None


def test_holm_is_over_the_arms_of_a_group_set_and_seed():
    compared = [
        one("aga", "test", OPEN, (0.01, 0.2)),
        one("mixup", "test", OPEN, (0.04, 0.01)),
        one("aga", "ood", OPEN, (0.04, 0.03)),
        one("aga", "test", OPEN, (0.04,), group=("r50",)),
    ]
    found = corrected(compared)
    assert found[0] == pytest.approx({"0": 0.02, "1": 0.2})
    assert found[1] == pytest.approx({"0": 0.04, "1": 0.02})
    assert found[2] == pytest.approx({"0": 0.04, "1": 0.03})
    assert found[3] == pytest.approx({"0": 0.04})


def test_the_table_counts_significant_seeds():
    compared = [
        one("aga", "test", ABOVE, (0.0001, 0.01), gained=9, lost=0),
        one("mixup", "test", OPEN, (0.04, 0.6)),
        one("cutmix", "ood", BELOW, (0.04, 0.03), gained=1, lost=9),
    ]
    table = mcnemar_table("name", [], compared, ["test", "ood"], "baseline")
    assert table.header == ["arm", "test", "ood"] and table.labels == 1
    (_, aga, gap), (_, mixup, _), (_, _, cutmix) = table.rows
    assert (aga.text, aga.tone, aga.detail) == ("2 of 2", "good", "9 : 0, p < 0.001; 9 : 0, p 0.020")
    assert (mixup.text, mixup.tone) == ("1 of 2", "plain")
    assert (cutmix.text, cutmix.tone) == ("2 of 2", "bad")
    assert gap.detail == "not run"
    assert mcnemar_table("name", [], [one("aga", "test", OPEN)], ["test"], "baseline").rows[0][1].tone == "open"
    with_group = mcnemar_table("n", ["backbone"], [one("aga", "test", OPEN, group=("r50",))], ["test"], "baseline")
    assert with_group.header == ["backbone", "arm", "test"] and with_group.rows[0][:2] == ["r50", "aga"]


def test_few_sentences_tell_all_differences():
    compared = [one(arm, name, OPEN) for arm in ("aga", "mixup") for name in ("test", "a", "b")]
    assert in_sentences(compared, [], "baseline") == [
        "On test, a and b, no arm differs from baseline beyond its interval."
    ]
    compared = [
        *[one("aga", "test", ABOVE), one("mixup", "test", ABOVE), one("cutmix", "test", BELOW), one("x", "test", OPEN)],
        *[one("aga", "few", FEW)],
    ]
    first, second = in_sentences(compared, [], "baseline")
    assert first == (
        "On test, aga and mixup lie above baseline beyond the interval; cutmix lies below baseline beyond the "
        "interval; no difference between baseline and x is shown."
    )
    assert "aga cannot be distinguished from baseline (fewer than" in second


def test_groups_are_named_only_where_they_differ():
    same = [one("aga", "test", ABOVE, group=(backbone,)) for backbone in ("r18", "r50")]
    assert in_sentences(same, ["backbone"], "baseline") == ["On test, aga lies above baseline beyond the interval."]
    other = [*same, one("aga", "test", OPEN, group=("r101",))]
    assert in_sentences(other, ["backbone"], "baseline") == [
        "r18; r50: On test, aga lies above baseline beyond the interval.",
        "r101: On test, no difference between baseline and aga is shown.",
    ]
    degrees = [one("aga", "test", ABOVE, group=("1",)), one("aga", "test", OPEN, group=("4",))]
    assert [said.split(":")[0] for said in in_sentences(degrees, ["degree"], "baseline")] == ["degree 1", "degree 4"]
