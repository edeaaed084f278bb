import math

import numpy as np
import pytest
from tiny.study_accuracy import answers, finished

from aga_lightning.study.report.accuracy_table import AccuracyTable
from aga_lightning.study.report.blocks import Cell, Paragraph, Table
from aga_lightning.study.settings import StudyError
from aga_lightning.study.statistics import crossed_bootstrap, paired_difference, wilson

AXES = {"arm": ["baseline", "aga", "mixup"], "backbone": ["r18", "r50"], "seed": ["0", "1"]}
RIGHT = {"baseline": 30, "aga": 36, "mixup": 29}


def judge(levels):
    """40 images; aga is right on six more than the baseline, mixup on one less; all are right on 40 sketches."""
    seed = int(levels.get("seed", 0))
    return {"test": answers(40, RIGHT[levels["arm"]] + seed), "ood/sketch": answers(40, 40)}


def tables(section, outcomes):
    found = section.blocks(outcomes)
    assert all(isinstance(block, Table) for block in found)
    for table in found:
        assert all(len(row) == len(table.header) for row in table.rows)
    return found


def row(table, *names):
    return next(row for row in table.rows if list(row[: len(names)]) == list(names))


@pytest.fixture
def outcomes(tmp_path):
    return finished(tmp_path, AXES, judge)


def test_means_intervals_and_paired_differences(outcomes):
    table, _ = tables(AccuracyTable(where={"backbone": "r18"}), outcomes)
    assert table.header == ["arm", "seeds", "optimiser steps", "test", "ood/sketch"] and table.labels == 1
    baseline, aga, mixup = ([answers(40, RIGHT[arm] + seed) for seed in (0, 1)] for arm in RIGHT)
    cell = row(table, "aga")[3]
    mean, gain = crossed_bootstrap(aga), paired_difference(np.array(aga, float), np.array(baseline, float))
    assert gain.low > 0
    assert row(table, "aga")[1:3] == ["2", "600"]
    assert cell.text == f"{100 * np.mean(aga):.1f}" == "91.2"
    assert cell.detail == (
        f"{100 * mean.low:.1f} to {100 * mean.high:.1f} \N{MIDDLE DOT} "
        f"+15.0 [{100 * gain.low:.1f}, {100 * gain.high:.1f}] \N{BLACK UP-POINTING TRIANGLE}"
    )
    assert cell.tone == "best"
    assert row(table, "baseline")[3].tone == "plain" and "[" not in row(table, "baseline")[3].detail
    loss = paired_difference(np.array(mixup, float), np.array(baseline, float))
    assert row(table, "mixup")[3].tone == "open" and loss.verdict == "open"
    assert row(table, "mixup")[3].detail.endswith("] =")
    assert row(table, "aga")[4].tone == "open", "nobody is best where all are alike"


def test_rows_may_be_some_levels_of_an_axis(outcomes):
    shown = AccuracyTable(rows=["backbone", "arm"], where={"arm": ["baseline", "aga"]})
    table, _ = tables(shown, outcomes)
    assert [line[:2] for line in table.rows] == [
        [backbone, arm] for backbone in ("r18", "r50") for arm in ("baseline", "aga")
    ]
    with pytest.raises(StudyError, match="asks for arm bga; its levels are baseline, aga, mixup"):
        AccuracyTable(where={"arm": ["bga"], "backbone": "r18"}).blocks(outcomes)


def test_what_is_better_but_not_best_and_what_is_worse(tmp_path):
    right = {"baseline": 20, "aga": 38, "mixup": 30, "cutmix": 5}
    axes = {"arm": list(right), "seed": ["0", "1"]}
    found = finished(tmp_path, axes, lambda levels: {"test": answers(40, right[levels["arm"]])})
    table, tests = tables(AccuracyTable(), found)
    assert [line[3].tone for line in table.rows] == ["plain", "best", "good", "bad"]
    assert [line[1].tone for line in tests.rows] == ["good", "good", "bad"]
    assert [line[1].text for line in tests.rows] == ["2 of 2"] * 3


def test_rows_of_two_axes_are_compared_within_the_other(tmp_path):
    def worse_with_r18(levels):
        return {"test": answers(40, RIGHT[levels["arm"]] - (10 if levels["backbone"] == "r18" else 0))}

    table, tests = tables(AccuracyTable(rows=["backbone", "arm"]), finished(tmp_path, AXES, worse_with_r18))
    assert [line[:2] for line in table.rows] == [[backbone, arm] for backbone in ("r18", "r50") for arm in RIGHT]
    assert [line[4].text for line in table.rows[1::3]] == ["65.0", "90.0"]
    assert [line[4].tone for line in table.rows] == ["plain", "best", "open"] * 2
    assert all("+15.0 [" in line[4].detail for line in table.rows[1::3])
    assert tests.header[:2] == ["backbone", "arm"] and len(tests.rows) == 4


def test_mcnemars_table_is_corrected_over_the_arms(outcomes):
    _, tests = tables(AccuracyTable(where={"backbone": "r18"}), outcomes)
    aga = row(tests, "aga")[1]
    # six gained, none lost: 2 / 2^6 = 0.031, twice that with two arms
    assert aga.detail == "6 : 0, p 0.062; 6 : 0, p 0.062" and aga.text == "0 of 2" and aga.tone == "open"
    alone = AccuracyTable(rows=["arm"], where={"backbone": "r18"})
    assert tests.name == "accuracy-mcnemar" and alone.heading == "Accuracy"


def test_notes_say_in_few_sentences_what_is_shown(outcomes):
    table, _ = tables(AccuracyTable(where={"backbone": "r18"}), outcomes)
    said = " ".join(table.notes)
    assert "On test, aga lies above baseline beyond the interval; no difference between baseline and mixup" in said
    assert "On ood/sketch, no arm differs from baseline beyond its interval." in said
    assert "understate the spread of seeds" in said and "not corrected" in said
    assert "differ (" not in said and "finished" not in said


def test_one_seed_has_wilsons_interval(tmp_path):
    found = finished(tmp_path, {"arm": ["baseline", "aga"], "seed": ["0"]}, judge)
    table, _ = tables(AccuracyTable(), found)
    interval = wilson(answers(40, 30))
    assert row(table, "baseline")[3].detail == f"{100 * interval.low:.1f} to {100 * interval.high:.1f}"
    assert "Wilson" in " ".join(table.notes) and "three seeds" not in " ".join(table.notes)


def test_without_a_seed_axis(tmp_path):
    found = finished(tmp_path, {"arm": ["baseline", "aga"]}, judge)
    table, tests = tables(AccuracyTable(), found)
    assert row(table, "aga")[1] == "1" and row(tests, "aga")[1].text == "1 of 1"


def test_published_numbers_stand_beside_ours(outcomes):
    published = {"r18, aga": {"test": 94.62}, "r152, aga": {"test": 96.0}}
    section = AccuracyTable(rows=["backbone", "arm"], published=published)
    table, _ = tables(section, outcomes)
    assert row(table, "r18", "aga")[4].detail.endswith("paper 94.6")
    assert "paper" not in row(table, "r50", "aga")[4].detail and "paper" not in row(table, "r18", "aga")[5].detail
    assert any("r152, aga" in note for note in table.notes)


def test_missing_cells_and_sets_are_said(tmp_path):
    found = finished(
        tmp_path, AXES, judge, done=lambda at: at["arm"] == "aga" or (at["arm"], at["seed"]) == ("baseline", "0")
    )
    table, tests = tables(AccuracyTable(where={"backbone": "r18"}, sets=["test", "ood/v2"]), found)
    assert row(table, "mixup")[1:3] == ["0", "-"]
    assert row(table, "mixup")[3] == row(table, "aga")[4] == Cell("-", "not run")
    said = " ".join(table.notes)
    assert "Not all seeds are finished: baseline (1 of 2) and mixup (0 of 2)." in said
    assert "No finished cell was evaluated on ood/v2." in said
    # The difference rests on the seed that both have.
    first = paired_difference([answers(40, 36)], [answers(40, 30)])
    assert f"+15.0 [{100 * first.low:.1f}, {100 * first.high:.1f}]" in row(table, "aga")[3].detail
    assert row(tests, "aga")[1].text == "1 of 1"


def test_nothing_finished(tmp_path):
    (only,) = AccuracyTable(where={"backbone": "r18"}).blocks(
        finished(tmp_path, AXES, judge, done=lambda levels: False)
    )
    assert isinstance(only, Paragraph) and "None" in only.text


def test_rows_that_no_grid_asks_for_are_left_out(tmp_path):
    found = finished(tmp_path, AXES, judge, planned=lambda at: (at["arm"], at["backbone"]) != ("mixup", "r50"))
    table, _ = tables(AccuracyTable(rows=["backbone", "arm"]), found)
    assert len(table.rows) == 5


def test_a_baseline_of_one_degree_is_the_reference_of_all(tmp_path):
    axes = {"arm": ["baseline", "aga"], "degree": ["1", "4"], "seed": ["0", "1"]}
    found = finished(tmp_path, axes, judge, planned=lambda at: at["arm"] == "aga" or at["degree"] == "1")
    table, _ = tables(AccuracyTable(rows=["arm", "degree"]), found)
    assert [line[:2] for line in table.rows] == [["baseline", "1"], ["aga", "1"], ["aga", "4"]]
    assert all("+15.0" in line[4].detail for line in table.rows[1:])


def test_unequal_steps_are_said(tmp_path):
    found = finished(tmp_path, AXES, judge, steps=lambda at: {"aga": 1200, "mixup": 600}.get(at["arm"], None))
    table, _ = tables(AccuracyTable(rows=["backbone", "arm"]), found)
    assert [line[3] for line in table.rows[:3]] == ["-", "1,200", "600"]
    assert any(note.startswith("r18: optimiser steps differ (aga 1,200 and mixup 600)") for note in table.notes)


def test_metrics_that_are_no_means_over_images_have_a_standard_deviation(outcomes):
    (table,) = tables(AccuracyTable(heading="F1", where={"backbone": "r18"}, metric="f1"), outcomes)
    baseline = row(table, "baseline")[3]
    # f1 is half of the accuracy in these cells: 37.5 and 38.75
    assert baseline.text == "38.1" and baseline.detail == f"± {1.25 / math.sqrt(2):.1f}"
    assert row(table, "aga")[3].tone == "best" and "F1" in table.caption


def test_cells_without_predictions_fall_back_to_their_results(tmp_path):
    found = finished(tmp_path, AXES, lambda at: judge(at) | {"silent": at["arm"] == "mixup"})
    table, tests = tables(AccuracyTable(where={"backbone": "r18"}), found)
    assert row(table, "mixup")[3].text == "73.8" and row(table, "mixup")[3].detail.startswith("±")
    assert [line[0] for line in tests.rows] == ["aga"]
    assert any("Predictions of single images are missing for mixup" in note for note in table.notes)


def test_references(outcomes, tmp_path):
    (table,) = tables(AccuracyTable(where={"backbone": "r18"}, reference=None), outcomes)
    assert "[" not in row(table, "aga")[3].detail and "difference" not in table.caption
    (table,) = tables(AccuracyTable(where={"backbone": "r18"}, reference="plain"), outcomes)
    assert any("no arm plain" in note for note in table.notes)
    (table,) = tables(AccuracyTable(rows=["backbone"], where={"arm": "aga"}), outcomes)
    assert [line[0] for line in table.rows] == ["r18", "r50"]


def test_an_axis_that_is_neither_shown_nor_fixed(outcomes):
    with pytest.raises(StudyError, match="several levels of backbone"):
        AccuracyTable().blocks(outcomes)
    with pytest.raises(StudyError, match="asks for backbone r99"):
        AccuracyTable(where={"backbone": "r99"}).blocks(outcomes)


def test_a_gap_is_the_difference_of_two_sets_in_each_seed(outcomes):
    table, tests = tables(AccuracyTable(where={"backbone": "r18"}, gaps={"gap": ["ood/sketch", "test"]}), outcomes)
    assert table.header[-2:] == ["ood/sketch", "gap"] and tests.header[-1] == "ood/sketch"
    assert row(table, "baseline")[-1] == Cell("+23.8", "\N{PLUS-MINUS SIGN} 1.8")  # 10 and 9 of 40 images
    assert "gap: ood/sketch minus test" in " ".join(table.notes)
    (missing, _) = tables(AccuracyTable(where={"backbone": "r18"}, gaps={"gap": ["test", "none"]}), outcomes)
    assert row(missing, "aga")[-1].detail == "not run"
    with pytest.raises(ValueError, match=r"gaps\.gap names test; give two evaluation sets"):
        AccuracyTable(gaps={"gap": ["test"]})
