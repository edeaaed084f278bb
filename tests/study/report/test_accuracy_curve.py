import numpy as np
import pytest
from tiny.study_accuracy import answers, finished

from aga_lightning.study.report.accuracy_curve import AccuracyCurve
from aga_lightning.study.report.blocks import Figure, Paragraph, Table
from aga_lightning.study.settings import StudyError
from aga_lightning.study.statistics import crossed_bootstrap, slope

AXES = {"arm": ["baseline", "aga"], "degree": ["2", "1", "4"], "seed": ["0", "1"]}
RIGHT = {"1": 26, "2": 32, "4": 36}


def count(levels):
    return (RIGHT[levels["degree"]] if levels["arm"] == "aga" else 20) + int(levels["seed"])


def judge(levels):
    return {"test": answers(40, count(levels)), "ood/a": answers(40, 40 - count(levels)), "flat": answers(40, 9)}


def planned(levels):
    return levels["arm"] == "aga" or levels["degree"] == "2"


def parts(blocks):
    figure, *sentences, table = [block for block in blocks if not isinstance(block, Paragraph) or block.tone != "note"]
    assert isinstance(figure, Figure) and isinstance(table, Table)
    assert all(isinstance(sentence, Paragraph) for sentence in sentences)
    assert all(len(row) == len(table.header) for row in table.rows)
    return figure, [sentence.text for sentence in sentences], table


@pytest.fixture
def outcomes(tmp_path):
    return finished(tmp_path, AXES, judge, planned=planned)


def test_a_panel_for_each_set_a_point_for_each_degree(outcomes):
    figure, sentences, table = parts(AccuracyCurve().blocks(outcomes))
    panels = figure.drawing.axes
    assert [panel.get_title() for panel in panels] == ["test", "ood/a", "flat"] and len(sentences) == 3
    (line,) = panels[0].get_lines()
    np.testing.assert_allclose(line.get_xdata(), [0, 1, 2, 4])
    np.testing.assert_allclose(line.get_ydata(), [51.25, 66.25, 81.25, 91.25])
    (band,) = panels[0].collections
    interval = crossed_bootstrap([answers(40, 26), answers(40, 27)])
    corners = band.get_paths()[0].vertices
    assert {f"{y:.6f}" for x, y in corners if x == 1} == {f"{100 * y:.6f}" for y in (interval.low, interval.high)}
    assert "test: 51.2 at 0 to 91.2 at 4" in figure.alt
    assert [row[0] for row in table.rows] == ["0", "1", "2", "4"]
    assert table.rows[1][3].text == "66.2" and table.header[-3:] == ["test", "ood/a", "flat"]
    assert table.rows[1][3].detail == f"{100 * interval.low:.1f} to {100 * interval.high:.1f}"
    assert "The point at 0 is baseline." in table.notes
    figure.drawing.canvas.draw()


def test_sentences_on_the_slope_and_on_the_end(outcomes):
    _, (rises, falls, flat), _ = parts(AccuracyCurve().blocks(outcomes))
    expected = slope([0, 1, 2, 4], [[answers(40, right + seed) for seed in (0, 1)] for right in (20, 26, 32, 36)])
    assert expected.verdict == "above"
    said = f"{100 * expected.value:+.2f} [{100 * expected.low:.2f}, {100 * expected.high:.2f}]"
    assert rises.startswith(f"On test, accuracy rises: {said} points for each step of 1 in degree")
    assert "From degree 2 to 4 it rose: +10.0 [" in rises
    assert falls.startswith("On ood/a, accuracy falls: -") and "From degree 2 to 4 it fell: -10.0 [" in falls
    assert flat.startswith("On flat, no slope is shown: +0.00 [0.00, 0.00]")
    assert "it neither fell nor rose beyond the interval" in flat and "no difference is shown" in flat


def test_a_line_for_each_backbone(tmp_path):
    axes = AXES | {"backbone": ["r18", "r50"]}
    outcomes = finished(tmp_path, axes, judge, planned=planned)
    with pytest.raises(StudyError, match="several levels of backbone"):
        AccuracyCurve().blocks(outcomes)
    figure, sentences, table = parts(AccuracyCurve(series="backbone", sets=["test"]).blocks(outcomes))
    (panel,) = figure.drawing.axes
    assert [line.get_label() for line in panel.get_lines()] == ["r18", "r50"]
    assert len({line.get_color() for line in panel.get_lines()}) == 2
    assert [text.get_text() for text in panel.get_legend().get_texts()] == ["r18", "r50"]
    assert sentences[0].startswith("On test (r18), ") and sentences[1].startswith("On test (r50), ")
    assert table.labels == 2 and [row[:2] for row in table.rows[3:5]] == [["r18", "4"], ["r50", "0"]]
    figure, _, _ = parts(AccuracyCurve(where={"backbone": "r50"}).blocks(outcomes))
    assert len(figure.drawing.axes[0].get_lines()) == 1


def test_missing_cells_and_sets_are_said(tmp_path):
    found = finished(tmp_path, AXES, judge, planned=planned, done=lambda at: at["degree"] != "4")
    blocks = AccuracyCurve(sets=["test", "ood/v2"]).blocks(found)
    _, (said,), table = parts(blocks)
    assert "From degree 1 to 2" in said
    assert table.rows[3][:2] == ["4", "0"] and table.rows[3][3].detail == "not run"
    assert blocks[-1].text == "No finished cell has predictions of single images of ood/v2."


def test_one_point_has_no_slope(tmp_path):
    found = finished(tmp_path, AXES, judge, planned=planned, done=lambda at: at["arm"] == "baseline")
    _, sentences, _ = parts(AccuracyCurve(sets=["test"]).blocks(found))
    assert sentences == ["On test, one degree is finished: there is nothing to compare."]


def test_nothing_finished_and_too_few_images(tmp_path):
    (only,) = AccuracyCurve().blocks(finished(tmp_path / "none", AXES, judge, done=lambda levels: False))
    assert only.text == "None of these cells is finished."
    few = finished(tmp_path, AXES, lambda levels: {"test": answers(3, 2)}, planned=planned)
    figure, (said,), table = parts(AccuracyCurve().blocks(few))
    assert "fewer than" in said and "fewer than" in table.rows[0][3].detail
    figure.drawing.canvas.draw()


def test_no_start_or_a_degree_of_0(tmp_path, outcomes):
    figure, _, table = parts(AccuracyCurve(start=None).blocks(outcomes))
    assert list(figure.drawing.axes[0].get_lines()[0].get_xdata()) == [1, 2, 4]
    own = finished(tmp_path / "own", {"arm": ["baseline", "aga"], "degree": ["0", "4"], "seed": ["0"]},
                   lambda at: {"test": answers(40, 10 if at["arm"] == "aga" else 30)})  # fmt: skip
    figure, _, table = parts(AccuracyCurve().blocks(own))
    assert figure.drawing.axes[0].get_lines()[0].get_ydata()[0] == 25
    assert not any("The point at 0" in note for note in table.notes)


def test_a_level_that_is_no_number(tmp_path):
    with pytest.raises(StudyError, match="level small is not a number"):
        AccuracyCurve(axis="size").blocks(finished(tmp_path, {"arm": ["aga"], "size": ["small"]}, lambda at: {}))
