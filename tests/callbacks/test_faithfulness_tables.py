"""The numbers of Faithfulness as files and tables: every number with what it depends on, nothing half-written."""

import csv
import math

import pytest
import torch

from aga_lightning.callbacks.faithfulness_summary import BASELINE, COMMON, OWN, THIS_MODEL, Summary
from aga_lightning.callbacks.faithfulness_tables import (
    skipped_table,
    table_of,
    title_of,
    write_faithfulness,
    write_per_image,
)
from aga_lightning.callbacks.measuring import MEASURES, EvaluationProtocol, Measured, Scores
from aga_lightning.explain.information import webp_version

X = torch.linspace(0, 1, 1001, dtype=torch.float64)


def summary(measure="aic", value=0.5, used=3, skipped=None, model=THIS_MODEL, images=OWN, name="test", points=1001):
    x = X[:points]
    return Summary(name, model, images, measure, value, used, skipped or {}, x, x**2)


def read(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_each_number_stands_with_what_it_depends_on(tmp_path):
    protocol = EvaluationProtocol(method="rise", triangulation="reduced", min_prediction=0.5, target="predicted")
    summaries = [
        summary("aic", 0.123456789, 3, {"too low": 2, "a gap": 1}),
        summary("deletion", math.nan, 0, model=BASELINE, images=COMMON),
    ]
    write_faithfulness(tmp_path / "new" / "folder", summaries, protocol, "mean")
    first, second = read(tmp_path / "new" / "folder" / "faithfulness.csv")
    assert first == {
        "set": "test",
        "model": "this model",
        "images": "own",
        "measure": "aic",
        "value": "0.123457",
        "used": "3",
        "skipped": "3",
        "reasons": "1 x a gap; 2 x too low",
        "method": "rise",
        "layer": "",
        "rectify": "False",
        "target": "predicted",
        "aggregate": "mean",
        "triangulation": "reduced",
        "min_prediction": "0.5",
        "libwebp": webp_version(),
    }
    assert [second[key] for key in ("model", "images", "value", "used", "libwebp")] == [
        "baseline", "common", "", "0", "",
    ]  # fmt: skip


def test_curves_are_thinned_and_keep_their_ends(tmp_path):
    summaries = [summary("sic"), summary("insertion", points=29), summary("pointing_game", points=0)]
    unused = summary("aic", math.nan, 0)
    write_faithfulness(tmp_path, [*summaries, unused], EvaluationProtocol(), "median")
    points = read(tmp_path / "faithfulness_curves.csv")
    sic = [(float(point["x"]), float(point["y"])) for point in points if point["measure"] == "sic"]
    assert len(sic) == 101
    assert sic[0] == (0, 0) and sic[-1] == (1, 1)
    assert sic[30] == pytest.approx((0.3, 0.09))
    assert sum(point["measure"] == "insertion" for point in points) == 29
    assert {point["measure"] for point in points} == {"sic", "insertion"}


def images():
    scores = {
        "sic": Scores(torch.tensor([0.25, math.nan]).double(), ("", "too, low"), X[:0], torch.empty(2, 0)),
        "deletion": Scores(torch.tensor([0.5, 1.0]).double(), ("", ""), X[:0], torch.empty(2, 0)),
    }
    numbers = torch.tensor([0, 1])
    return Measured(
        torch.tensor([4, 7]), ("owl/a.png", "wren/b.png"), numbers, 1 - numbers, torch.tensor([0.75, 1]), scores
    )


def test_each_image_has_its_row_for_each_model(tmp_path):
    measured = {("test", THIS_MODEL): images(), ("test", BASELINE): images()}
    write_per_image(tmp_path, measured, ("sic", "deletion"), ("owl", "wren, brown"))
    rows = read(tmp_path / "faithfulness_per_image.csv")
    assert [(row["model"], row["id"]) for row in rows] == [
        ("this model", "4"), ("this model", "7"), ("baseline", "4"), ("baseline", "7"),
    ]  # fmt: skip
    assert rows[1] == {
        "set": "test",
        "model": "this model",
        "id": "7",
        "file": "wren/b.png",
        "label": "wren, brown",
        "predicted": "owl",
        "probability": "1",
        "sic": "",
        "sic_skipped": "too, low",
        "deletion": "1",
        "deletion_skipped": "",
    }


def test_who_is_killed_leaves_the_old_file_whole(tmp_path):
    write_per_image(tmp_path, {("test", THIS_MODEL): images()}, ("sic",), ("owl", "wren"))
    before = (tmp_path / "faithfulness_per_image.csv").read_bytes()
    with pytest.raises(IndexError):  # in the second row, after the first is written
        write_per_image(tmp_path, {("val", THIS_MODEL): images()}, ("sic",), ("owl",))
    assert (tmp_path / "faithfulness_per_image.csv").read_bytes() == before
    assert {path.name for path in tmp_path.glob("*.csv")} >= {"faithfulness_per_image.csv"}


def test_the_table_has_a_line_for_each_set():
    text = table_of([summary(value=0.1234), summary("insertion", 0.5, 8), summary(name="ood/dusk", value=math.nan)], 80)
    lines = [line for line in text.splitlines() if "test" in line or "dusk" in line]
    assert "0.123 (3)" in lines[0] and "0.500 (8)" in lines[0]
    assert "- (3)" in lines[1]
    assert "AIC" in text and "insertion" in text and "baseline" not in text


def test_with_a_baseline_there_are_two_tables_and_its_lines_stand_below_the_models():
    summaries = [
        summary(name=name, model=model, images=images, value=value)
        for name, value in (("val", 0.1), ("ood/dusk", 0.5))
        for model, value in ((THIS_MODEL, value), (BASELINE, value + 0.1))
        for images in (OWN, COMMON)
    ]
    text = table_of(summaries, 80)
    words = [" ".join(line.replace("│", " ").split()) for line in text.splitlines() if "0." in line]
    assert words == 2 * ["val 0.100 (3)", "baseline 0.200 (3)", "ood/dusk 0.500 (3)", "baseline 0.600 (3)"]
    assert text.index("each model") < text.index("both models")


def test_names_of_sets_stay_whole_on_a_narrow_terminal():
    name = "ood/swapped_habitats"
    text = table_of([summary(measure, name=name) for measure in MEASURES], 80)
    assert name in text and "…" not in text and text.count("0.500") == len(MEASURES)
    assert max(map(len, text.splitlines())) <= 80


def test_the_reasons_can_be_read_in_tensorboard():
    table = skipped_table([summary("energy_inside_mask", math.nan, 0, {"no mask": 3}), summary("sic", 0.25)])
    header, rule, first, second = table.splitlines()
    assert header.count("|") == rule.count("|") == first.count("|") == second.count("|")
    assert first == "| test | energy inside mask | - | 0 | 3 x no mask |"
    assert "| SIC | 0.250 | 3 |" in second
    assert "| test | baseline | common | SIC |" in skipped_table([summary("sic", model=BASELINE, images=COMMON)])


def test_measures_have_names_to_read():
    assert [title_of(name) for name in ("aic", "pointing_game")] == ["AIC", "pointing game"]
