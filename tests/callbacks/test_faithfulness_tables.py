"""The numbers of Faithfulness as files and tables: every number with what it depends on, nothing half-written."""

import csv
import math

import pytest
import torch

from aga_lightning.callbacks.answers import Answers
from aga_lightning.callbacks.attributing import BASELINE, THIS_MODEL
from aga_lightning.callbacks.evaluation_sample import EvaluationSample
from aga_lightning.callbacks.faithfulness import Faithfulness
from aga_lightning.callbacks.faithfulness_summary import COMMON, OWN, Summary
from aga_lightning.callbacks.faithfulness_tables import (
    image_rows,
    skipped_table,
    table_of,
    title_of,
    write_faithfulness,
    write_per_image,
)
from aga_lightning.callbacks.measuring import MEASURES, Measured
from aga_lightning.explain.information import webp_version
from aga_lightning.explain.per_image import PerImage, Skip

X = torch.linspace(0, 1, 1001, dtype=torch.float64)


def summary(measure="aic", value=0.5, used=3, skipped=None, model=THIS_MODEL, images=OWN, name="test", points=1001):
    x = X[:points]
    return Summary(name, model, images, measure, value, used, skipped or {}, x, x**2)


def read(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_each_number_stands_with_what_it_depends_on(tmp_path):
    settings = Faithfulness(method="rise", triangulation="reduced", min_prediction=0.5, target="predicted")
    summaries = [
        summary("aic", 0.123456789, 3, {"too low": 2, "a gap": 1}),
        summary("deletion", math.nan, 0, model=BASELINE, images=COMMON),
    ]
    write_faithfulness(tmp_path / "new" / "folder", summaries, settings, "mean")
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
    write_faithfulness(tmp_path, [*summaries, unused], Faithfulness(), "median")
    points = read(tmp_path / "faithfulness_curves.csv")
    sic = [(float(point["x"]), float(point["y"])) for point in points if point["measure"] == "sic"]
    assert len(sic) == 101
    assert sic[0] == (0, 0) and sic[-1] == (1, 1)
    assert sic[30] == pytest.approx((0.3, 0.09))
    assert sum(point["measure"] == "insertion" for point in points) == 29
    assert {point["measure"] for point in points} == {"sic", "insertion"}


class Set:
    """Two images, of which only the places count."""

    records = None


def test_each_image_has_its_row_for_each_model(tmp_path):
    ids, numbers = torch.tensor([4, 7]), torch.tensor([0, 1])
    skips = torch.tensor([Skip.USED, Skip.NO_MASK], dtype=torch.int8)
    measured = Measured(
        Answers(ids, numbers, 1 - numbers, torch.tensor([0.75, 1])),
        {
            "sic": PerImage(ids, torch.tensor([0.25, math.nan]), skips, X[:0], torch.empty(2, 0)),
            "deletion": PerImage(ids, torch.tensor([0.5, 1.0]), 0 * skips, X[:0], torch.empty(2, 0)),
        },
    )
    sample, classes = EvaluationSample("test", Set(), ids.tolist()), ("owl", "wren, brown")
    rows = [row for model in (THIS_MODEL, BASELINE) for row in image_rows(sample, model, measured, classes)]
    write_per_image(tmp_path, ("sic", "deletion"), rows)
    found = read(tmp_path / "faithfulness_per_image.csv")
    assert [(row["model"], row["id"]) for row in found] == [
        ("this model", "4"), ("this model", "7"), ("baseline", "4"), ("baseline", "7"),
    ]  # fmt: skip
    assert found[1] == {
        "set": "test",
        "model": "this model",
        "id": "7",
        "file": "7",
        "label": "wren, brown",
        "predicted": "owl",
        "probability": "1",
        "sic": "",
        "sic_skipped": "it is unknown where the subject is",
        "deletion": "1",
        "deletion_skipped": "",
    }


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


def test_the_reasons_can_be_read():
    header, rows = skipped_table([summary("energy_inside_mask", math.nan, 0, {"no mask": 3}), summary("sic", 0.25)])
    assert header == ["set", "measure", "value", "used", "skipped"]
    assert rows[0] == ["test", "energy inside mask", "-", 0, "3 x no mask"] and rows[1][1:4] == ["SIC", "0.250", 3]
    header, (row,) = skipped_table([summary("sic", model=BASELINE, images=COMMON)])
    assert len(header) == len(row) and row[:4] == ["test", "baseline", "common", "SIC"]


def test_measures_have_names_to_read():
    assert [title_of(name) for name in ("aic", "pointing_game")] == ["AIC", "pointing game"]
