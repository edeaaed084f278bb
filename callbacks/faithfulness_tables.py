"""The numbers of Faithfulness as files, and as tables to read."""

import io
import math
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import torch
from rich.table import Table

from aga_lightning.callbacks.attributing import BASELINE, THIS_MODEL
from aga_lightning.callbacks.evaluation_sample import EvaluationSample
from aga_lightning.callbacks.faithfulness_summary import COMMON, OWN, Aggregation, Summary
from aga_lightning.callbacks.measuring import MEASURES, Measure, Measured, Measuring
from aga_lightning.explain.information import webp_version
from aga_lightning.explain.information_curve import KINDS
from aga_lightning.files import write_csv
from aga_lightning.run_folder import FAITHFULNESS, FAITHFULNESS_CURVES, FAITHFULNESS_PER_IMAGE
from aga_lightning.terminal import Terminal

_POINTS = 101  # of a curve, at most


def write_faithfulness(
    folder: Path, summaries: Sequence[Summary], settings: Measuring, aggregation: Aggregation
) -> None:
    """Write `faithfulness.csv`, a row for each number, and `faithfulness_curves.csv`, a row for each point of a curve.

    Args:
        folder: Where to; made if it is missing.
        summaries: What to write.
        settings: How attributions were made and measured; what a number depends on stands beside it.
        aggregation: How AIC and SIC make one curve of many.
    """
    header = ["set", "model", "images", "measure", "value", "used", "skipped", "reasons"]
    header += ["method", "layer", "rectify", "target", "aggregate", "triangulation", "min_prediction", "libwebp"]
    rows = []
    for summary in summaries:
        of_information = (aggregation, settings.triangulation, settings.min_prediction, webp_version())
        rows.append(
            [
                *_place(summary),
                _number(summary.value),
                summary.used,
                sum(summary.skipped.values()),
                _reasons(summary),
                settings.method,
                settings.layer or "",
                settings.rectify,
                settings.target,
                *(of_information if summary.measure in KINDS else ("mean", "", "", "")),
            ]
        )
    write_csv(folder / FAITHFULNESS, header, rows)
    points = [
        [*_place(summary), _number(x), _number(y)]
        for summary in summaries
        if summary.used
        for x, y in zip(*_thinned(summary), strict=True)
    ]
    write_csv(folder / FAITHFULNESS_CURVES, ["set", "model", "images", "measure", "x", "y"], points)


def write_per_image(folder: Path, measures: Sequence[Measure], rows: Iterable[Sequence[object]]) -> None:
    """Write `faithfulness_per_image.csv`, a row for each image and model, with the reasons where it is not used.

    Args:
        folder: Where to; made if it is missing.
        measures: Which columns, each followed by one of reasons.
        rows: From `image_rows`.
    """
    header = ["set", "model", "id", "file", "label", "predicted", "probability"]
    header += [column for measure in measures for column in (measure, f"{measure}_skipped")]
    write_csv(folder / FAITHFULNESS_PER_IMAGE, header, rows)


def image_rows(
    sample: EvaluationSample, model: str, measured: Measured, classes: Sequence[str]
) -> Iterator[list[object]]:
    """The rows of `faithfulness_per_image.csv` for one set and model.

    Args:
        sample: The set, which knows the files' names.
        model: The model's name.
        measured: What was measured of it.
        classes: What the classes are called.
    """
    columns: list[Sequence[str]] = []
    for scores in measured.scores.values():
        columns += [[_number(value) for value in scores.values.tolist()], scores.reasons]
    answers = zip(*(column.tolist() for column in measured.answers), strict=True)
    for (place, label, predicted, probability), *cells in zip(answers, *columns, strict=True):
        names = [sample.name, model, place, sample.file(place), classes[label], classes[predicted]]
        yield [*names, _number(probability), *cells]


def table_of(summaries: Sequence[Summary], width: int | None = None) -> str:
    """A table to read, a line for each set: the values, and how many images they rest on.

    With a baseline, its lines stand below those of the model, and a second table is of the images that both can use.

    Args:
        summaries: What to show.
        width: Characters; None for as many as the terminal has.
    """
    # A log has no width; a terminal has its own.
    width = width or shutil.get_terminal_size((160, 24)).columns
    measures = [measure for measure in MEASURES if any(summary.measure == measure for summary in summaries)]
    compared = any(summary.images == COMMON for summary in summaries)
    titles = {OWN: "Faithfulness" + (", on the images that each model can use" if compared else "")}
    titles |= {COMMON: "Faithfulness, on the images that both models can use"} if compared else {}
    text = io.StringIO()
    for images, title in titles.items():
        table = Table(title=f"{title}: value (images used)")
        table.add_column("set", no_wrap=True)
        for measure in measures:
            table.add_column(title_of(measure), justify="right", overflow="fold")
        for (name, model), found in _lines(summaries, images).items():
            if compared and model == THIS_MODEL:
                table.add_section()
            cells = [_cell(found.get(measure)) for measure in measures]
            table.add_row(name if model == THIS_MODEL else f"  {model}", *cells)
        Terminal(file=text, width=width).print(table)
    return text.getvalue().rstrip("\n")


def _lines(summaries: Sequence[Summary], images: str) -> dict[tuple[str, str], dict[Measure, Summary]]:
    """By set and model, sets in the order that they come in and the baseline below the model."""
    chosen = [summary for summary in summaries if summary.images == images]
    lines: dict[tuple[str, str], dict[Measure, Summary]] = {}
    for name in dict.fromkeys(summary.set for summary in chosen):
        for model in (THIS_MODEL, BASELINE):
            found = {s.measure: s for s in chosen if (s.set, s.model) == (name, model)}
            if found:
                lines[name, model] = found
    return lines


def skipped_table(summaries: Sequence[Summary]) -> tuple[list[str], list[list[object]]]:
    """The header and rows of a table: how many images each number rests on, and why it does not rest on the others."""
    compared = any(summary.images == COMMON for summary in summaries)
    first = ["set", "model", "images"][: 3 if compared else 1]
    rows: list[list[object]] = []
    for summary in summaries:
        value = "-" if math.isnan(summary.value) else f"{summary.value:.3f}"
        place = _place(summary)[: len(first)]
        rows.append([*place, title_of(summary.measure), value, summary.used, _reasons(summary)])
    return [*first, "measure", "value", "used", "skipped"], rows


def title_of(measure: Measure) -> str:
    """What a measure is called where it is read."""
    return measure.upper() if measure in KINDS else measure.replace("_", " ")


def _cell(summary: Summary | None) -> str:
    if summary is None:
        return ""
    value = "-" if math.isnan(summary.value) else f"{summary.value:.3f}"
    return f"{value} ({summary.used})"


def _place(summary: Summary) -> list[str]:
    return [summary.set, summary.model, summary.images, summary.measure]


def _reasons(summary: Summary) -> str:
    return "; ".join(f"{count} x {reason}" for reason, count in sorted(summary.skipped.items()))


def _thinned(summary: Summary) -> tuple[list[float], list[float]]:
    """A curve's points, at most `_POINTS` of them, with both ends."""
    count = len(summary.x)
    places = torch.linspace(0, count - 1, min(count, _POINTS)).round().long()
    return summary.x[places].tolist(), summary.y[places].tolist()


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.6g}"
