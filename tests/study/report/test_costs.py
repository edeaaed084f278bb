import pytest
from tiny.study_runs import augmentation, cell, finished, outcomes, plain, stage

from aga_lightning.study.report.blocks import Paragraph
from aga_lightning.study.report.costs import Costs


@pytest.fixture
def study(tmp_path):
    """Two seeds of three arms; the second cell of `aga` finds what the first has made, `sd` is not finished."""
    cells = {(arm, seed): cell(tmp_path, arm=arm, seed=seed) for arm in ("baseline", "aga", "sd") for seed in "01"}
    made = [
        stage("Boxes", 320, 10.0, CostlyDetector=160),
        stage("Backgrounds", 1000, 1500.4, denoiser_calls=30000, Painter=250),
        stage("Backgrounds 2", 0),
        stage("Merging", 1280, 20.0),
    ]
    nothing = [stage(one["name"], 0, 0.5) for one in made]
    done = [
        finished(cells["baseline", "0"], 60, 600, 40.0),
        finished(cells["baseline", "1"], 100, 600, 50.0),
        finished(
            cells["aga", "0"], 2000, 600, 45.0, augmentation("s", 1280, {"too small": 70, "odd": 10}, made, 1531.0)
        ),
        finished(cells["aga", "1"], 70, 600, 45.0, augmentation("s", 1280, {"too small": 80}, nothing, 2.0)),
    ]
    return outcomes(tmp_path, list(cells.values()), done)


def test_a_row_an_arm_says_what_its_cells_take(study):
    table = Costs().blocks(study)[0]
    expected = ["arm", "cells", "seconds", "training", "augmenting", "optimiser steps", "asked", "accepted", "rejected"]
    assert table.header == expected
    assert plain(table) == [
        ["baseline", "2", "80 (60 to 100)", "45 (40 to 50)", "-", "600", "-", "-", "-"],
        ["aga", "2", "1,035 (70 to 2,000)", "45", "766 (2 to 1,531)", "600", "1,280", "1,200", "80"],
        ["sd", "0 of 2", "-", "-", "-", "-", "-", "-", "-"],
    ]
    assert any("not finished" in note for note in table.notes)


def test_what_was_made_is_counted_for_the_cell_that_made_it(study):
    table = Costs().blocks(study)[1]
    assert plain(table) == [
        ["aga", "Boxes", "320", "10", "160 (CostlyDetector 160)", "0"],
        ["aga", "Backgrounds", "1,000", "1,501", "250 (Painter 250)", "30,000"],
        ["aga", "Merging", "1,280", "20", "0", "0"],
    ]
    assert any("share a store" in note for note in table.notes)
    assert not any("in the store already" in note for note in table.notes)
    (first, second) = Costs(where={"seed": 1}).blocks(study)
    assert plain(first)[1][2] == "70"
    assert second.rows == []
    assert any("Everything was in the store already for aga." in note for note in second.notes)


def test_what_nobody_counted_is_said_so(tmp_path):
    cells = [cell(tmp_path, arm=arm) for arm in ("lazy", "old")]
    lazy = augmentation("s", 8, None, seconds=None) | {"stages": None}
    found = Costs().blocks(outcomes(tmp_path, cells, [finished(cells[0], 5, 3, 1.0, lazy), finished(cells[1], 5)]))
    assert plain(found[0]) == [
        ["lazy", "1", "5", "1", "-", "3", "8", "8", "0"],
        ["old", "1", "5", "-", "-", "-", "-", "-", "-"],
    ]
    assert any("did not record the seconds of training" in note for note in found[0].notes)
    assert any("Not everything is counted for lazy" in note for note in found[1].notes)
    assert not any("in the store already" in note for note in found[1].notes)


def test_arms_without_augmentations_have_one_table_and_a_study_without_cells_none(tmp_path, study):
    cells = [cell(tmp_path / "plain", arm="baseline")]
    assert len(Costs().blocks(outcomes(tmp_path, cells, [finished(cells[0])]))) == 1
    (block,) = Costs(heading="What it took").blocks(outcomes(tmp_path, cells, []))
    assert isinstance(block, Paragraph) and "None of these cells is finished" in block.text
    assert Costs(heading="What it took").heading == "What it took"
