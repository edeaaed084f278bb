import numpy as np
import pytest
from tiny.study_accuracy import answers, finished
from tiny.study_explained import write_predictions

from aga_lightning.study.report.paired import (
    aligned,
    along,
    faithfulness,
    fixed_levels,
    reference_levels,
    right_answers,
)
from aga_lightning.study.settings import StudyError

nan = float("nan")
AXES = {"arm": ["baseline", "aga"], "seed": ["0", "1"]}


def judge(levels):
    return {"test": answers(4, 1 + int(levels["seed"])), "ood/a": answers(3, 3)}


def test_right_answers_by_seed_and_image(tmp_path):
    outcomes = finished(tmp_path, AXES, judge)
    found = right_answers(outcomes.where(arm="aga"), "test")
    assert list(found.index) == ["0", "1"] and found.columns[1] == ("1.png", 0)
    np.testing.assert_array_equal(found, [[1, 0, 0, 0], [1, 1, 0, 0]])
    assert right_answers(outcomes.where(arm="aga"), "ood/b") is None
    assert right_answers([], "test") is None
    with pytest.raises(StudyError, match="two cells have seed 0"):
        right_answers(outcomes.cells, "test")


def test_images_are_matched_by_name_also_where_names_come_twice(tmp_path):
    outcomes = finished(tmp_path, AXES, judge)
    first, second = outcomes.where(arm="aga")
    lines = "test,{},a,{},0.5\n"
    header = "set,image,label,predicted,confidence\n"
    said = [("x", "a"), ("y", "b"), ("x", "b")], [("z", "a"), ("x", "b"), ("x", "a"), ("y", "a")]
    for outcome, rows in zip((first, second), said, strict=True):
        text = header + "".join(lines.format(*row) for row in rows)
        (outcome.cell.folder / "predictions.csv").write_text(text)
    found = right_answers([first, second], "test")
    assert list(found.columns) == [("x", 0), ("y", 0), ("x", 1), ("z", 0)]
    np.testing.assert_array_equal(found, [[1, 0, 0, nan], [0, 1, 1, 1]])
    ours, others = aligned(right_answers([first], "test"), right_answers([second], "test"))
    assert ours.shape == others.shape == (0, 3), "no seed in common"


def test_aligned_keeps_the_seeds_and_images_that_all_have(tmp_path):
    outcomes = finished(tmp_path, AXES, judge, done=lambda levels: levels != {"arm": "baseline", "seed": "0"})
    baseline = outcomes.where(arm="baseline")
    write_predictions(baseline[0].cell, {"test": [False, True]})
    ours, others = aligned(right_answers(outcomes.where(arm="aga"), "test"), right_answers(baseline, "test"))
    np.testing.assert_array_equal(ours, [[1, 1]])
    np.testing.assert_array_equal(others, [[0, 1]])


def test_cells_without_predictions_are_left_out(tmp_path):
    outcomes = finished(tmp_path, AXES, lambda levels: judge(levels) | {"silent": levels["seed"] == "1"})
    assert right_answers(outcomes.where(arm="aga"), "test").index == ["0"]


def test_faithfulness_of_the_arm_and_its_reference(tmp_path):
    numbers = {"test": ([0.5, nan, 0.25], [0.125, 0.5, nan])}
    outcomes = finished(tmp_path, AXES, judge, explained=lambda levels: numbers)
    arm, reference = faithfulness(outcomes.explained, "test", "aic")
    assert list(arm.index) == list(reference.index) == ["0", "1"]
    np.testing.assert_array_equal(arm, [[0.5, nan, 0.25]] * 2)
    np.testing.assert_array_equal(reference, [[0.125, 0.5, nan]] * 2)
    assert faithfulness(outcomes.explained, "test", "insertion") is None, "there is no such column"
    assert faithfulness(outcomes.explained, "ood/a", "aic") is None
    assert faithfulness([], "test", "aic") is None


def test_axes_are_shown_fixed_or_of_one_level(tmp_path):
    plan = finished(tmp_path, AXES | {"backbone": ["r18", "r50"], "degree": ["1"]}, judge).plan
    assert fixed_levels(plan, {"backbone": "r18"}, ["arm"]) == {"backbone": "r18"}
    assert fixed_levels(plan, {"degree": 1, "seed": 0}, ["arm", "backbone"]) == {"degree": "1", "seed": "0"}
    with pytest.raises(StudyError, match=r"several levels of backbone.*where: \{backbone: r18\}"):
        fixed_levels(plan, {}, ["arm"])
    with pytest.raises(StudyError, match="names the axis size; the study's axes are arm, seed, backbone, degree"):
        fixed_levels(plan, {"size": 2}, ["arm", "backbone"])
    with pytest.raises(StudyError, match="asks for degree 2; its levels are 1"):
        fixed_levels(plan, {"degree": 2}, ["arm", "backbone"])


def test_a_reference_of_one_degree_stands_beside_all_degrees(tmp_path):
    def once(levels):
        return levels["arm"] == "aga" or levels["degree"] == "1"

    axes = {**AXES, "backbone": ["r18", "r50"], "degree": ["1", "4"]}
    levels = {"arm": "aga", "backbone": "r50", "degree": "4"}
    plan = finished(tmp_path / "once", axes, judge, planned=once).plan
    assert reference_levels(plan, levels, "baseline") == {"arm": "baseline", "backbone": "r50", "degree": "1"}
    assert reference_levels(finished(tmp_path / "all", axes, judge).plan, levels, "baseline")["degree"] == "4"
    only = finished(
        tmp_path / "r18",
        axes,
        judge,
        planned=lambda at: once(at) and (at["arm"], at["backbone"]) != ("baseline", "r50"),
    )
    assert reference_levels(only.plan, levels, "baseline")["backbone"] == "r50", "no other axis is loose"


def test_points_along_an_axis(tmp_path):
    axes = AXES | {"degree": ["10", "1", "4"]}
    outcomes = finished(
        tmp_path,
        axes,
        judge,
        planned=lambda at: at["degree"] != "4" if at["arm"] == "aga" else at["degree"] == "1",
        done=lambda at: at["degree"] != "10",
    )
    found = along(outcomes, {"arm": "aga"}, "degree", "baseline")
    assert {x: [cell.cell.levels["arm"] for cell in cells] for x, cells in found.items()} == {
        0: ["baseline"] * 2,
        1: ["aga"] * 2,
        10: [],
    }
    assert list(found) == [0, 1, 10]
    assert list(along(outcomes, {"arm": "aga"}, "degree", None)) == [1, 10]
    with pytest.raises(StudyError, match="level baseline is not a number"):
        along(outcomes, {}, "arm", None)
