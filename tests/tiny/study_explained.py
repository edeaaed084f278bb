"""Studies whose comparisons are finished: tables and sheets as the callbacks write them, with numbers of one's own."""

import itertools
from pathlib import Path

import pandas as pd
from PIL import Image

from aga_lightning.study.outcomes import Explained, Outcome, Outcomes
from aga_lightning.study.plan import Cell, Comparison, Plan
from aga_lightning.study.settings import Explain, Study

MODELS = ("this model", "baseline")


def study(folder, finished=None, **axes):
    """A study of arms beside `baseline`; `finished` names the comparisons that are, by levels, or None for all."""
    axes = {"arm": ("baseline", "aga"), "seed": ("0", "1")} | axes
    cells = [
        Cell(dict(zip(axes, levels, strict=True)), (), {}, Path(folder) / "cells" / "_".join(levels))
        for levels in itertools.product(*axes.values())
    ]
    cells.sort(key=lambda cell: cell.levels.get("seed", ""))
    explain = Explain(arms=list(axes["arm"][1:]))
    references = {cell.others: cell for cell in cells if cell.levels["arm"] == "baseline"}
    comparisons = [
        Comparison(cell, references[cell.others], explain, Path(folder) / "comparisons" / cell.folder.name)
        for cell in cells
        if cell.levels["arm"] != "baseline"
    ]
    plan = Plan(Study(out=str(folder), explain=explain), axes, tuple(cells), tuple(comparisons))
    results = {"test": {"acc": 0.5}, "ood/dusk": {"acc": 0.4}}
    outcomes = [Outcome(cell, results, 1.0, 10, None) for cell in cells]
    done = [
        Explained(comparison, 1.0)
        for comparison in comparisons
        if finished is None or tuple(comparison.cell.levels.values()) in finished
    ]
    return Outcomes(plan, outcomes, done, (), ())


def write_scores(explained, values, aggregate="median"):
    """`values`: by set, then by measure, an arm's and the baseline's numbers, None or NaN where there is none."""
    rows = []
    for name, by_measure in values.items():
        count = len(next(iter(by_measure.values()))[0])
        for model, number in itertools.product((0, 1), range(count)):
            row = {"set": name, "model": MODELS[model], "id": number, "file": f"{name}-{number}.png"}
            for measure, both in by_measure.items():
                row[measure] = both[model][number]
                row[f"{measure}_skipped"] = "too unsure" if pd.isna(row[measure]) else ""
            rows.append(row)
    _write(explained.folder / "faithfulness_per_image.csv", rows)
    first = {"method": "grad_cam", "layer": "net.layer2", "target": "label"}
    measures = {measure for by_measure in values.values() for measure in by_measure}
    summary = [
        first | {"measure": measure, "aggregate": aggregate if measure in ("aic", "sic") else "mean"}
        for measure in sorted(measures)
    ]
    _write(explained.folder / "faithfulness.csv", summary)


def write_curves(explained, curves):
    """`curves`: by (set, model, images, measure), the points."""
    keys = ("set", "model", "images", "measure")
    rows = [
        dict(zip(keys, place, strict=True)) | {"x": x, "y": y} for place, points in curves.items() for x, y in points
    ]
    _write(explained.folder / "faithfulness_curves.csv", rows)


def write_sheet(explained, name, colour, size=(600, 300), mode="RGBA"):
    """A sheet of one colour."""
    explained.folder.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(explained.folder / f"{name}.png")


def write_predictions(cell, answers):
    """`answers`: by set, whether each image is answered rightly; all are of class "a"."""
    rows = [
        {"set": name, "image": f"{n}.png", "label": "a", "predicted": "a" if right else "b", "confidence": 0.5}
        for name, judged in answers.items()
        for n, right in enumerate(judged)
    ]
    _write(cell.folder / "predictions.csv", rows)


def _write(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(path, index=False)
