import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny.study_runs import cell, finished, outcomes

from aga_lightning.study.report.arms import arms_of, middle
from aga_lightning.study.settings import StudyError


@pytest.fixture
def study(tmp_path):
    cells = [
        cell(tmp_path, arm=arm, backbone=net, seed=seed)
        for arm in ("baseline", "aga")
        for net in ("small", "large")
        for seed in ("0", "1")
    ]
    return outcomes(tmp_path, cells, [finished(one) for one in cells[:6]])


def counted(arms):
    return {arm.name: arm.count for arm in arms}


def test_arms_come_in_the_order_of_the_plan_with_what_is_missing(study):
    assert counted(arms_of(study)) == {"baseline": "4", "aga": "2 of 4"}
    assert counted(arms_of(study, ["aga"])) == {"aga": "2 of 4"}
    assert list(counted(arms_of(study, ["aga", "baseline"]))) == ["baseline", "aga"]


def test_other_axes_can_be_held(study):
    assert counted(arms_of(study, where={"backbone": "large"})) == {"baseline": "2", "aga": "0 of 2"}
    assert counted(arms_of(study, where={"backbone": "small", "seed": [1]})) == {"baseline": "1", "aga": "1"}
    (arm,) = arms_of(study, ["aga"], {"seed": 1})
    assert [outcome.cell.levels["backbone"] for outcome in arm.cells] == ["small"]


def test_a_study_without_arms_is_one_of_them(tmp_path):
    cells = [cell(tmp_path, seed=seed) for seed in "01"]
    assert counted(arms_of(outcomes(tmp_path, cells, [finished(cells[0])]))) == {"all cells": "1 of 2"}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"names": ["agha"]}, "arm agha; its levels are baseline, aga"),
        ({"where": {"depth": 3}}, "depth; the study's axes are arm, backbone, seed"),
        ({"where": {"seed": [0, 7]}}, "seed 7; its levels are 0, 1"),
    ],
)
def test_what_the_study_does_not_have_is_named(study, settings, words):
    with pytest.raises(StudyError, match=words):
        arms_of(study, **settings)


def test_a_number_over_cells():
    assert (middle([]).text, middle([None]).text) == ("-", "-")
    assert (middle([1234.4]).text, middle([3, None, 3]).detail) == ("1,234", "")
    assert (middle([1, 2, 1000]).text, middle([1, 2, 1000]).detail) == ("2", "1 to 1,000")
    assert (middle([0, 1]).text, middle([0.0, 0.9]).text) == ("0.5", "0")  # half a count is no rounding error
    assert middle([0.25, 0.5], digits=3).text == "0.375"


@given(st.lists(st.integers(-(10**6), 10**6), min_size=1))
def test_the_middle_is_the_median_and_the_range_holds_it(values):
    found = middle(values, digits=1)
    assert float(found.text.replace(",", "")) == statistics.median(values)
    if found.detail:
        low, high = (float(end.replace(",", "")) for end in found.detail.split(" to "))
        assert (low, high) == (min(values), max(values))
    else:
        assert len(set(values)) == 1
