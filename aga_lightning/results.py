"""The results of an evaluation: a table to read, and files to keep in the run's folder."""

import csv
import json
from pathlib import Path

from lightning.pytorch import Trainer
from rich.console import Console
from rich.table import Table

_COLUMNS = {"acc": "accuracy", "recall": "macro recall", "f1": "macro F1", "loss": "loss"}


def report_results(trainer: Trainer) -> None:
    """Print accuracy, macro recall, macro F1 and loss of each set; write them, and the accuracy per class, to files.

    Args:
        trainer: One that has just validated or tested.
    """
    folder = None if trainer.logger is None else trainer.log_dir  # all ranks have to ask: the first one answers
    if not trainer.is_global_zero:
        return
    metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
    # Training has no recall, and a class may be called anything.
    overall = (name for name in metrics if "/acc_per_class/" not in name)
    sets = [name.removesuffix("/recall") for name in overall if name.endswith("/recall")]
    if not sets:
        return
    table = Table(title="Results")
    table.add_column("set")
    for title in _COLUMNS.values():
        table.add_column(title, justify="right")
    for name in sets:
        table.add_row(name, *(_cell(column, metrics[f"{name}/{column}"]) for column in _COLUMNS))
    Console().print(table)
    if folder is not None:
        _write(Path(folder), sets, metrics)


def _cell(column: str, value: float) -> str:
    return f"{value:.3f}" if column == "loss" else f"{100 * value:.1f} %"


def _write(folder: Path, sets: list[str], metrics: dict[str, float]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    results = {name: {column: metrics[f"{name}/{column}"] for column in _COLUMNS} for name in sets}
    (folder / "results.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    with (folder / "accuracy_per_class.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["set", "class", "accuracy"])
        for name in sets:
            prefix = f"{name}/acc_per_class/"
            writer.writerows(
                [name, key.removeprefix(prefix), metrics[key]] for key in metrics if key.startswith(prefix)
            )
    print(f"Results, metrics and checkpoints: {folder}")
