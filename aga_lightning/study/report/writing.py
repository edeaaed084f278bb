"""The report as files: the page, the numbers of all cells, and each figure and table by itself."""

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
    """Write the report of what is finished of a study: the page last, so that it is never older than its files.

    Args:
        outcomes: What is finished.
        sections: What the page says of it, in order; what failed and how it was made are added.
        out: Where to write report.html, results.csv, figures/ and tables/, in place of an earlier report's.
        command: What made it, as it is typed.

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
    """What a section says; or, where files are missing or damaged, what kept it from saying it.

    Other errors are faults of the section: they are raised, and nothing that is finished is lost by that.
    """
    try:
        return list(section.blocks(outcomes))
    except StudyError as error:
        return [Paragraph(f"This section could not be made: {error}", "bad")]
    except (ValueError, OSError) as error:
        return [
            Paragraph(f"This section could not be made: {type(error).__name__}: {error}", "bad"),
            Listing(traceback.format_exc().strip(), "Where it went wrong", folded=True),
        ]


def _named_once(found: Sequence[tuple[str, Sequence[Block]]]) -> list[tuple[str, list[Block]]]:
    """The same sections, with names that are fit for files; two tables or two figures of one name get numbers."""
    names = {
        kind: iter(distinct(block.name for _, blocks in found for block in blocks if isinstance(block, kind)))
        for kind in (Table, Figure)
    }

    def named(block: Block) -> Block:
        return dataclasses.replace(block, name=next(names[type(block)])) if isinstance(block, Table | Figure) else block

    return [(title, [named(block) for block in blocks]) for title, blocks in found]


def _lines(table: Table) -> Iterable[Sequence[str]]:
    """The lines of a table as CSV: details in columns of their own."""
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
    """Write the files of a folder; others with these endings are an earlier report's, and go."""
    for name, content in files.items():
        write_bytes(folder / name, content)
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.suffix in endings and path.name not in files:
            path.unlink()
