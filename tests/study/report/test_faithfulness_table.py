"""The table of faithfulness against hand-computed means, on the images that both models can use."""

import math

import numpy as np
import pytest
from tiny.study_explained import study, write_scores

from aga_lightning.study.report.blocks import Paragraph, Table
from aga_lightning.study.report.faithfulness_table import FaithfulnessTable
from aga_lightning.study.statistics import paired_difference

ARROW = "\N{NO-BREAK SPACE}↑"


def table_of(section, outcomes):
    (table,) = section.blocks(outcomes)
    assert isinstance(table, Table)
    assert all(len(row) == len(table.header) for row in table.rows)
    return table


def test_means_are_of_the_images_that_both_models_can_use_in_each_seed(tmp_path):
    outcomes = study(tmp_path)
    first, second = outcomes.explained
    # Seed 0: images 0 and 3 are used by both; seed 1: image 3 alone.
    write_scores(first, {"test": {"aic": ([0.8, None, 0.1, 0.6], [0.5, 0.9, None, 0.5])}})
    write_scores(second, {"test": {"aic": ([None, None, 0.1, 0.7], [0.5, 0.9, None, 0.2])}})
    table = table_of(FaithfulnessTable(measures=["aic"]), outcomes)
    assert table.header == ["measure", "arm", "test"] and table.labels == 2
    reference, arm = table.rows
    assert reference[:2] == [f"AIC{ARROW}", "baseline"] and arm[:2] == [f"AIC{ARROW}", "aga"]
    assert (reference[2].text, reference[2].detail) == (f"{(0.5 + 0.5 + 0.2) / 3:.3f}", "1 to 2 of 4")
    assert (arm[2].text, arm[2].detail) == (f"{(0.8 + 0.6 + 0.7) / 3:.3f}", "+0.300")
    assert arm[2].tone == "open"  # too few images to tell
    assert any("fewer than 10 images" in note for note in table.notes)


@pytest.mark.parametrize(("measure", "tone"), [("insertion", "good"), ("deletion", "bad")])
def test_differences_have_their_interval_and_say_whether_that_is_good(tmp_path, measure, tone):
    outcomes = study(tmp_path)
    random = np.random.default_rng(0)
    arms, references = random.uniform(0.5, 0.9, (2, 40)), random.uniform(0.1, 0.5, (2, 40))
    for explained, arm, reference in zip(outcomes.explained, arms, references, strict=True):
        same = arm.tolist()
        values = {measure: (arm.tolist(), reference.tolist())}
        write_scores(explained, {"test": values, "ood/dusk": {measure: (same, same)}})
    table = table_of(FaithfulnessTable(measures=[measure]), outcomes)
    expected = paired_difference(arms, references)
    _, row = table.rows
    assert row[2].detail == f"{expected.value:+.3f} [{expected.low:.3f}, {expected.high:.3f}]"
    assert math.isclose(expected.value, float(row[2].text) - float(table.rows[0][2].text), abs_tol=0.0011)
    assert (row[2].tone, row[3].tone) == (tone, "open")
    assert ("↓" in row[0]) == (measure == "deletion")
    assert any("lower is better (deletion)" in note for note in table.notes) == (measure == "deletion")


def test_lines_are_of_all_axes_that_tell_comparisons_apart(tmp_path):
    outcomes = study(tmp_path, arm=("baseline", "mixup", "aga"), backbone=("resnet18", "resnet50"), seed=("0",))
    for explained in outcomes.explained:
        value = {"resnet18": 0.25, "resnet50": 0.5}[explained.comparison.cell.levels["backbone"]]
        write_scores(explained, {"test": {"sic": ([value] * 2, [value / 2] * 2)}})
    table = table_of(FaithfulnessTable(measures=["sic"]), outcomes)
    assert table.header == ["measure", "backbone", "arm", "test"] and table.labels == 3
    assert [(row[1], row[2], row[3].text) for row in table.rows] == [
        ("resnet18", "baseline (beside mixup)", "0.125"),
        ("resnet18", "mixup", "0.250"),
        ("resnet18", "baseline (beside aga)", "0.125"),
        ("resnet18", "aga", "0.250"),
        ("resnet50", "baseline (beside mixup)", "0.250"),
        ("resnet50", "mixup", "0.500"),
        ("resnet50", "baseline (beside aga)", "0.250"),
        ("resnet50", "aga", "0.500"),
    ]
    fixed = FaithfulnessTable(arms=["aga"], where={"backbone": "resnet50"}, rows=[], measures=["sic"])
    assert [row[1] for row in table_of(fixed, outcomes).rows] == ["baseline", "aga"]
    # A backbone is named by default, also where there is but one.
    one = FaithfulnessTable(arms=["aga"], where={"backbone": "resnet50"}, measures=["sic"])
    assert [row[1] for row in table_of(one, outcomes).rows] == ["resnet50"] * 2


def test_published_numbers_stand_in_small_print_beside_the_first_arm_alone(tmp_path):
    outcomes = study(tmp_path, arm=("baseline", "aga", "mixup"), backbone=("resnet18",), seed=("0",))
    for explained in outcomes.explained:
        write_scores(explained, {name: {"aic": ([0.5], [0.5])} for name in ("test", "ood/dusk")})
    published = {"resnet18": {"aic": {"test": [0.717, 0.764]}}}
    table = table_of(FaithfulnessTable(measures=["aic"], published=published), outcomes)
    assert table.rows[0][3].detail == "1 of 1 · paper 0.717 -> 0.764"
    assert sum("paper" in cell.detail for row in table.rows for cell in row[3:]) == 1
    assert any("the paper's numbers" in note for note in table.notes)


def test_what_is_missing_is_told_and_never_made_up(tmp_path):
    outcomes = study(tmp_path, {("aga", "0", "resnet18")}, backbone=("resnet18", "resnet50"), seed=("0", "1"))
    (explained,) = outcomes.explained
    write_scores(explained, {"test": {"aic": ([0.5, None], [None, 0.5])}})
    table = table_of(FaithfulnessTable(measures=["aic", "sic"], sets=["test", "ood/fog"]), outcomes)
    details = {tuple(row[:3]): [(cell.text, cell.detail) for cell in row[3:]] for row in table.rows}
    aic = f"AIC{ARROW}"
    assert details[aic, "resnet18", "baseline"] == [("-", "0 of 2"), ("-", "not measured")]
    assert details[aic, "resnet18", "aga"] == [("-", "no image that both can use"), ("-", "not measured")]
    assert details[f"SIC{ARROW}", "resnet18", "aga"] == [("-", "not measured")] * 2
    assert details[aic, "resnet50", "aga"] == [("-", "not run")] * 2
    assert "aga beside baseline, resnet18: not finished for seed 1 of 2 seeds." in table.notes
    assert "aga beside baseline, resnet50: not finished." in table.notes


def test_without_comparisons_there_is_a_sentence(tmp_path):
    def words(outcomes):
        (paragraph,) = FaithfulnessTable().blocks(outcomes)
        assert isinstance(paragraph, Paragraph)
        return paragraph.text

    assert words(study(tmp_path, set())) == "aga beside baseline: not finished."
    assert "`explain`" in words(study(tmp_path, arm=("baseline",)))
    assert "no faithfulness_per_image.csv" in words(study(tmp_path))


@pytest.mark.parametrize(("aggregate", "told"), [("median", True), ("mean", False)])
def test_that_the_callbacks_number_is_another_one_is_told_where_it_is(tmp_path, aggregate, told):
    outcomes = study(tmp_path)
    for explained in outcomes.explained:
        write_scores(explained, {"test": {"aic": ([0.5], [0.5]), "insertion": ([0.5], [0.5])}}, aggregate)
    notes = table_of(FaithfulnessTable(), outcomes).notes
    assert any("median curve" in note for note in notes) == told
    assert any("AIC and SIC skip images" in note for note in notes)
    others = table_of(FaithfulnessTable(measures=["insertion"]), outcomes).notes
    assert not any("AIC" in note for note in others)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"measures": ["aic", "acc"]}, "measures names acc"),
        ({"published": {"resnet18": {"acc": {"test": [1, 2]}}}}, "measures names acc"),
        ({"published": {"resnet18": {"aic": {"test": [0.7]}}}}, r"published\.resnet18 needs two numbers"),
    ],
)
def test_settings_that_mean_nothing_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        FaithfulnessTable(**settings)
