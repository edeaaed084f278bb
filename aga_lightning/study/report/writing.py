"""Write a report: the page, the results of all cells, and each figure and table as a file."""

import dataclasses
import shlex
import traceback
from collections.abc import Iterable, Sequence
from pathlib import Path

from aga_lightning.files import csv_bytes, write_bytes
from aga_lightning.study.outcomes import Outcomes
from aga_lightning.study.report.blocks import Block, Cell, Figure, Listing, Paragraph, Table
from aga_lightning.study.report.closing import facts, failures, generated, origin
from aga_lightning.study.report.figures import png_of, svg_file_of
from aga_lightning.study.report.hiding import hide_places, place_from
from aga_lightning.study.report.names import distinct
from aga_lightning.study.report.page import page, rows_of
from aga_lightning.study.report.section import Section
from aga_lightning.study.settings import StudyError

REPORT = "report.html"
RESULTS = "results.csv"


def write_report(outcomes: Outcomes, sections: Sequence[Section], out: Path, command: Sequence[str] | str) -> Path:
    """Write the report of a study; the page is written last, so that it is never older than its files.

    Args:
        outcomes: The study's results.
        sections: The sections in order; sections on failures and on the making of the report are added.
        out: The folder of report.html, results.csv, figures/ and tables/, which replace those of an earlier report.
        command: The command as the user typed it.

    Returns:
        The page.
    """
    command = command if isinstance(command, str) else shlex.join(command)
    found = [(section.heading, _blocks(section, outcomes)) for section in sections]
    found += [("What failed", failures(outcomes)), ("How this was made", origin(outcomes, command))]
    found = _named_once(hide_places(found, outcomes.plan.out))
    blocks = [block for _, of_section in found for block in of_section]
    figures = [block for block in blocks if isinstance(block, Figure)]
    _replace(
        out / "figures",
        {f"{figure.name}.png": png_of(figure) for figure in figures}
        | {f"{figure.name}.svg": svg_file_of(figure).encode() for figure in figures},
        (".png", ".svg"),
    )
    tables = {f"{block.name}.csv": csv_bytes(_lines(block)) for block in blocks if isinstance(block, Table)}
    _replace(out / "tables", tables, (".csv",))
    write_bytes(out / RESULTS, csv_bytes(_results(outcomes)))
    study = outcomes.plan.study
    title, about = hide_places((study.title, study.about), outcomes.plan.out)
    write_bytes(out / REPORT, page(title, about, found, facts(outcomes), generated()).encode())
    return out / REPORT


def _blocks(section: Section, outcomes: Outcomes) -> list[Block]:
    """The blocks of a section, or a paragraph with the error if files are missing or damaged.

    Other errors are bugs of the section and are raised; the finished jobs are not affected.
    """
    try:
        return list(section.blocks(outcomes))
    except StudyError as error:
        return [Paragraph(f"This section could not be made: {error}", "bad")]
    except (ValueError, OSError) as error:
        return [
            Paragraph(f"This section could not be made: {type(error).__name__}: {error}", "bad"),
            Listing(traceback.format_exc().strip(), "The traceback", folded=True),
        ]


def _named_once(found: Sequence[tuple[str, Sequence[Block]]]) -> list[tuple[str, list[Block]]]:
    """The same sections with valid file names; tables or figures with the same name get numbers."""
    names = {
        kind: iter(distinct(block.name for _, blocks in found for block in blocks if isinstance(block, kind)))
        for kind in (Table, Figure)
    }

    def named(block: Block) -> Block:
        return dataclasses.replace(block, name=next(names[type(block)])) if isinstance(block, Table | Figure) else block

    return [(title, [named(block) for block in blocks]) for title, blocks in found]


def _lines(table: Table) -> Iterable[Sequence[str]]:
    """The lines of a table as CSV, with details in columns of their own."""
    rows = rows_of(table)
    detailed = [any(row[place].detail for row in rows) for place in range(len(table.header))]
    head = [Cell(name, f"{name} (detail)") for name in table.header]
    for row in (head, *rows):
        pairs = zip(row, detailed, strict=True)
        yield [field for cell, has in pairs for field in ([cell.text, cell.detail] if has else [cell.text])]


def _results(outcomes: Outcomes) -> Iterable[Sequence[object]]:
    """A line for each cell, set and metric."""
    axes = list(outcomes.plan.axes)
    yield [*axes, "set", "metric", "value", "optimiser_steps", "seconds", "folder"]
    for outcome in outcomes.cells:
        levels = [outcome.cell.levels.get(axis, "") for axis in axes]
        steps = "" if outcome.optimiser_steps is None else outcome.optimiser_steps
        folder = place_from(outcome.cell.folder, outcomes.plan.out)
        for name, metrics in outcome.results.items():
            for metric, value in metrics.items():
                yield [*levels, name, metric, value, steps, round(outcome.seconds, 1), folder]


def _replace(folder: Path, files: dict[str, bytes], endings: tuple[str, ...]) -> None:
    """Write the files of a folder and remove other files with these endings, which an earlier report has written."""
    for name, content in files.items():
        write_bytes(folder / name, content)
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.suffix in endings and path.name not in files:
            path.unlink()
