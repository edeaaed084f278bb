"""The results of a study's finished jobs, read from their folders."""

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from aga_lightning.files import read_csv
from aga_lightning.run_folder import AUGMENTATION, EXPLAIN, PREDICTIONS, RESULTS, TRAINING
from aga_lightning.study.plan import Cell, Comparison, Plan
from aga_lightning.study.state import DONE, FAILED, LOG, read_state


@dataclass(frozen=True)
class Outcome:
    """A finished cell.

    Args:
        cell: The cell.
        results: The content of `results.json`: by evaluation set, then by metric (acc, recall, f1, loss, ...), in 0..1.
        seconds: The job's duration from start to end.
        optimiser_steps: The number of steps; None if the run recorded none.
        augmentation: The content of `augmentation.json`; None for an arm without an augmenter.
    """

    cell: Cell
    results: Mapping[str, Mapping[str, float]]
    seconds: float
    optimiser_steps: int | None
    augmentation: Mapping[str, Any] | None

    @functools.cached_property
    def predictions(self) -> pd.DataFrame:
        """A row for each image of each evaluation set, with the columns set, image, label, predicted and right.

        The frame is empty if the run has no `predictions.csv`.
        """
        table = read_table(self.cell.folder / PREDICTIONS, "set", "image", "label", "predicted")
        return table.assign(right=table["label"] == table["predicted"])


@dataclass(frozen=True)
class Explained:
    """A finished comparison.

    Args:
        comparison: The comparison.
        seconds: The job's duration.
    """

    comparison: Comparison
    seconds: float

    @property
    def folder(self) -> Path:
        """The folder of the callbacks' tables and sheets."""
        return self.comparison.folder / EXPLAIN / "test"

    def table(self, name: str) -> pd.DataFrame:
        """One of the callbacks' tables, such as "faithfulness.csv"; empty if the file does not exist."""
        return read_table(self.folder / name, "set")


@dataclass(frozen=True)
class Failure:
    """A job that ended with an error.

    Args:
        title: The job in words.
        log: The job's log file.
        last_lines: The last lines of the log.
        exit_code: The exit status of the job's process; negative for a signal.
    """

    title: str
    log: Path
    last_lines: str
    exit_code: int


@dataclass(frozen=True)
class Outcomes:
    """The finished, failed and missing jobs of a study.

    Args:
        plan: The study's plan.
        cells: The finished cells, in the order of the plan.
        explained: The finished comparisons, in the order of the plan.
        failures: The jobs that ended with an error.
        missing: The titles of jobs that neither finished nor failed.
    """

    plan: Plan
    cells: Sequence[Outcome]
    explained: Sequence[Explained]
    failures: Sequence[Failure]
    missing: Sequence[str]

    def where(self, **levels: str | Sequence[str] | None) -> list[Outcome]:
        """The finished cells with these levels.

        Args:
            levels: By axis, a level, several levels, or None for any.
        """
        return [outcome for outcome in self.cells if outcome.cell.fits(levels)]

    def explained_where(self, **levels: str | Sequence[str] | None) -> list[Explained]:
        """The finished comparisons of cells with these levels."""
        return [explained for explained in self.explained if explained.comparison.cell.fits(levels)]

    @property
    def sets(self) -> list[str]:
        """The names of all evaluation sets, in order."""
        return list(dict.fromkeys(name for outcome in self.cells for name in outcome.results))


def read_outcomes(plan: Plan) -> Outcomes:
    """Read the folders of all jobs of a study."""
    cells, explained, failures, missing = [], [], [], []
    jobs: list[Cell | Comparison] = [*plan.cells, *plan.comparisons]
    for job in jobs:
        done, failed = read_state(job.folder / DONE), read_state(job.folder / FAILED)
        if done is not None and isinstance(job, Cell):
            cells.append(_outcome(job, done))
        elif done is not None and isinstance(job, Comparison):
            explained.append(Explained(job, done["seconds"]))
        elif failed is not None:
            failures.append(Failure(job.title, job.folder / LOG, failed["last_lines"], failed["exit_code"]))
        else:
            missing.append(job.title)
    return Outcomes(plan, cells, explained, failures, missing)


def _outcome(cell: Cell, done: Mapping[str, Any]) -> Outcome:
    results = json.loads((cell.folder / RESULTS).read_text(encoding="utf-8"))
    augmentation = read_state(cell.folder / AUGMENTATION)
    steps = read_state(cell.folder / TRAINING)
    return Outcome(cell, results, done["seconds"], None if steps is None else steps["optimiser_steps"], augmentation)


def read_table(path: Path, *columns: str) -> pd.DataFrame:
    """A CSV file as text, with "" for missing fields; if the file does not exist, a frame of `columns` without rows."""
    rows = read_csv(path) if path.is_file() else []
    return pd.DataFrame(rows, columns=list(rows[0]) if rows else list(columns)).fillna("")
