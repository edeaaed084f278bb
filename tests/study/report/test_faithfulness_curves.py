"""The figures of curves: which lines are drawn, of which images, and what is said of them."""

import numpy as np
import pytest
from tiny.study_explained import MODELS, study, write_curves, write_scores

from aga_lightning.study.report.blocks import Figure, Paragraph
from aga_lightning.study.report.explanations import compared
from aga_lightning.study.report.faithfulness_curves import FaithfulnessCurves, read_curves
from aga_lightning.study.report.figures import COLOURS, svg_of

THIS, BASELINE = MODELS


def write_all(explained, height=1.0, sets=("test", "ood/dusk"), measures=("aic", "sic", "insertion", "deletion")):
    """Straight lines from 0 to a height; half of it for the baseline. On one's own images they are flat."""
    curves = {}
    for name in sets:
        for measure in measures:
            curves[name, THIS, "common", measure] = [(0, 0), (0.5, height / 2), (1, height)]
            curves[name, BASELINE, "common", measure] = [(0, 0), (0.5, height / 4), (1, height / 2)]
            for model in MODELS:
                curves[name, model, "own", measure] = [(0, 1), (1, 1)]
    write_curves(explained, curves)
    write_scores(explained, {name: dict.fromkeys(measures, ([0.5], [0.5])) for name in sets})


def lines(axis):
    return [
        (line.get_color(), line.get_xdata().tolist(), np.round(line.get_ydata(), 6).tolist()) for line in axis.lines
    ]


def test_a_panel_for_each_measure_and_set_has_each_seeds_line_and_their_mean(tmp_path):
    outcomes = study(tmp_path)
    for explained, height in zip(outcomes.explained, (1.0, 0.6), strict=True):
        write_all(explained, height)
    information, causal = FaithfulnessCurves().blocks(outcomes)
    assert information.name == "curves-of-faithfulness-aga-aic-sic"
    assert causal.name == "curves-of-faithfulness-aga-insertion-deletion"
    for figure in (information, causal):
        axes = figure.drawing.axes
        assert len(axes) == 4
        assert [axis.get_title() for axis in axes] == ["test", "ood/dusk", "", ""]
        for axis in axes:
            x = [0, 0.5, 1]
            assert lines(axis) == [
                (COLOURS[1], x, [0, 0.25, 0.5]),
                (COLOURS[1], x, [0, 0.15, 0.3]),
                (COLOURS[1], x, [0, 0.2, 0.4]),
                (COLOURS[0], x, [0, 0.5, 1]),
                (COLOURS[0], x, [0, 0.3, 0.6]),
                (COLOURS[0], x, [0, 0.4, 0.8]),
            ]
            assert axis.lines[2].get_linewidth() > axis.lines[0].get_linewidth()
            assert axis.lines[2].get_linestyle() != axis.lines[5].get_linestyle()
            assert axis.get_xlabel()
        assert all(axis.get_ylabel() for axis in (axes[0], axes[2]))
        (legend,) = figure.drawing.legends
        assert [text.get_text() for text in legend.get_texts()] == ["baseline", "aga"]
        assert "on the images that both models can use" in figure.caption and "of 2" in figure.caption
        assert svg_of(figure).startswith("<svg")
    assert "the median of the images' curves" in information.caption
    assert "for deletion less" in causal.caption
    assert "no curve" not in information.caption
    assert "insertion on test: baseline 0.20, aga 0.40" in causal.alt


def test_of_one_seed_there_is_one_line(tmp_path):
    outcomes = study(tmp_path, {("aga", "1")})
    write_all(outcomes.explained[0])
    figure, note = FaithfulnessCurves(measures=["deletion"], sets=["test"]).blocks(outcomes)
    (axis,) = figure.drawing.axes
    assert len(axis.lines) == 2
    assert "One seed." in figure.caption and "Less area is better." in figure.caption
    assert note == Paragraph("aga beside baseline: not finished for seed 0 of 2 seeds.", "note")


def test_of_five_sets_the_last_stands_in_a_row_of_its_own(tmp_path):
    outcomes = study(tmp_path, seed=("0",))
    sets = [f"ood/{number}" for number in range(5)]
    write_all(outcomes.explained[0], sets=sets, measures=["insertion"])
    note, figure, other = FaithfulnessCurves().blocks(outcomes)
    assert note.text == "aga beside baseline: there are no curves of AIC and SIC."
    assert other.text == "aga beside baseline: there are no curves of deletion."
    assert isinstance(figure, Figure) and figure.name.endswith("-insertion")
    axes = figure.drawing.axes
    assert [axis.get_title() for axis in axes] == [*sets, "", "", ""]
    assert [axis.axison for axis in axes] == [True] * 5 + [False] * 3
    assert [bool(axis.get_xlabel()) for axis in axes] == [False, True, True, True, True, False, False, False]
    assert [len(axis.lines) for axis in axes] == [2] * 5 + [0] * 3


def test_where_no_image_is_used_the_panel_says_so(tmp_path):
    outcomes = study(tmp_path, seed=("0",))
    (explained,) = outcomes.explained
    write_curves(
        explained,
        {
            ("test", THIS, "common", "aic"): [(0, 0), (1, 1)],
            ("test", BASELINE, "common", "aic"): [(0, 0), (1, 1)],
            ("ood/dusk", THIS, "own", "aic"): [(0, 0), (1, 1)],
        },
    )
    (figure,) = FaithfulnessCurves(measures=["aic"], sets=["test", "ood/dusk"]).blocks(outcomes)
    used, unused = figure.drawing.axes
    assert len(used.lines) == 2 and not used.texts
    assert not unused.lines and [text.get_text() for text in unused.texts] == ["no curve"]
    assert "AIC on ood/dusk: no curve" in figure.alt
    assert "A seed has no curve if" in figure.caption


def test_curves_of_own_images_are_shown_where_there_are_no_others(tmp_path):
    outcomes = study(tmp_path, seed=("0",))
    write_curves(outcomes.explained[0], {("test", THIS, "own", "sic"): [(0, 0), (1, 1)]})
    (group,) = compared(outcomes, None, {})
    curves, images = read_curves(group)
    assert list(curves) == [("test", "sic", "aga")] and images == "each model"
    (figure,) = FaithfulnessCurves(measures=["sic"]).blocks(outcomes)
    assert "on the images that each model can use" in figure.caption


def test_seeds_measured_at_other_places_are_read_at_the_firsts(tmp_path):
    outcomes = study(tmp_path)
    first, second = outcomes.explained
    write_curves(first, {("test", THIS, "common", "insertion"): [(0, 0), (0.25, 1), (1, 1)]})
    write_curves(second, {("test", THIS, "common", "insertion"): [(0, 0), (1, 1)]})
    (group,) = compared(outcomes, None, {})
    x, y = read_curves(group)[0]["test", "insertion", "aga"]
    assert x.tolist() == [0, 0.25, 1]
    assert y.tolist() == [[0, 1, 1], [0, 0.25, 1]]


def test_other_axes_make_figures_of_their_own(tmp_path):
    outcomes = study(tmp_path, seed=("0",), backbone=("resnet18", "resnet50"))
    for explained in outcomes.explained:
        write_all(explained)
    figures = FaithfulnessCurves(heading="Curves", measures=["aic"]).blocks(outcomes)
    assert [figure.name for figure in figures] == ["curves-aga-resnet18-aic", "curves-aga-resnet50-aic"]
    (figure,) = FaithfulnessCurves(measures=["aic"], where={"backbone": "resnet50"}).blocks(outcomes)
    assert figure.name == "curves-of-faithfulness-aga-aic"


def test_without_curves_there_are_sentences(tmp_path):
    def words(outcomes):
        blocks = FaithfulnessCurves().blocks(outcomes)
        assert all(isinstance(block, Paragraph) for block in blocks)
        return [block.text for block in blocks]

    assert words(study(tmp_path)) == [
        "aga beside baseline: there are no curves of AIC and SIC.",
        "aga beside baseline: there are no curves of insertion and deletion.",
    ]
    assert words(study(tmp_path, set())) == ["aga beside baseline: not finished."]
    assert "`explain`" in words(study(tmp_path, arm=("baseline",)))[0]


def test_measures_without_curves_are_refused():
    with pytest.raises(ValueError, match="measures names pointing_game; those with curves are aic, sic"):
        FaithfulnessCurves(measures=["aic", "pointing_game"])
