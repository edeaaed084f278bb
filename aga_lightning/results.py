"""The results of an evaluation: a table to read, and files to keep in the run's folder."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.trainer.states import TrainerFn
from rich.table import Table

from aga_lightning.callbacks.run_stage import run_folder
from aga_lightning.files import shown, write_csv, write_json
from aga_lightning.models.classifier import ImageClassifier
from aga_lightning.terminal import Terminal

_COLUMNS = {
    "acc": "accuracy",
    "recall": "macro recall",
    "f1": "macro F1",
    "loss": "loss",
    "worst_group_acc": "worst group",
    "bg_gap": "BG-gap",
}
_GAP = "ood/bg_gap"
_PARTS = ("/acc_per_class/", "/acc_per_group/")

GroupImages = dict[str, dict[str, int]]
"""How many images of each group were counted in each evaluation set."""


class ResultsFirst(Callback):
    """Writes the results of an evaluation before other callbacks look into the model, which may take hours, or fail."""

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write them, but within a fit."""
        if trainer.state.fn != TrainerFn.FITTING:
            self._write(trainer, pl_module)

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write them."""
        self._write(trainer, pl_module)

    def _write(self, trainer: Trainer, pl_module: LightningModule) -> None:
        folder = run_folder(trainer)  # all ranks have to ask
        if folder is not None and isinstance(pl_module, ImageClassifier):
            metrics = {name: float(value) for name, value in pl_module.evaluation_scores().items()}
            if trainer.is_global_zero:
                _write(folder, trainer, _results(metrics), metrics)


def report_results(trainer: Trainer) -> None:
    """Print and write accuracy, macro recall, macro F1 and loss of each set; write the accuracy per class.

    Where images belong to groups, such as cameras, the accuracy of the worst group joins them, and the accuracy per
    group is written too, with the number of images that it was measured on. Where the background sets `ood/mixed_same`
    and `ood/mixed_rand` were judged, the BG-gap (the first one's accuracy less the other's: what the model loses when
    backgrounds stop to tell the class; Xiao et al. 2020) stands in the line of `ood/mixed_rand`, as `bg_gap`.

    Args:
        trainer: One that has just validated or tested.
    """
    folder = run_folder(trainer)  # all ranks have to ask: the first one answers
    if not trainer.is_global_zero:
        return
    metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
    results = _results(metrics)
    if not results:
        return
    columns = [column for column in _COLUMNS if any(column in scores for scores in results.values())]
    table = Table(title="Results")
    table.add_column("set")
    for column in columns:
        table.add_column(_COLUMNS[column], justify="right")
    for name, scores in results.items():
        table.add_row(name, *(_cell(column, scores[column]) if column in scores else "" for column in columns))
    Terminal().print(table)
    if folder is not None:
        _write(folder, trainer, results, metrics)
        print(f"Results, metrics and checkpoints: {shown(folder)}")


def _results(metrics: dict[str, float]) -> dict[str, dict[str, float]]:
    """By evaluation set, the scores of the table."""
    # Training has no recall, and a class or a group may be called anything.
    overall = (name for name in metrics if not any(part in name for part in _PARTS))
    sets = [name.removesuffix("/recall") for name in overall if name.endswith("/recall")]
    columns = [column for column in _COLUMNS if all(f"{name}/{column}" in metrics for name in sets)]
    results = {name: {column: metrics[f"{name}/{column}"] for column in columns} for name in sets}
    if _GAP in metrics and sets:
        results["ood/mixed_rand"]["bg_gap"] = metrics[_GAP]
    return results


def _cell(column: str, value: float) -> str:
    return f"{value:.3f}" if column == "loss" else f"{100 * value:.1f} %"


def _write(folder: Path, trainer: Trainer, results: dict[str, dict[str, float]], metrics: dict[str, float]) -> None:
    data: Any = getattr(trainer, "datamodule", None)
    group_images: GroupImages = getattr(trainer.lightning_module, "group_images", {})
    write_json(folder / "results.json", results)
    classes = _scores_of_parts("acc_per_class", results, metrics, getattr(data, "class_names", ()))
    write_csv(folder / "accuracy_per_class.csv", ["set", "class", "accuracy"], classes)
    groups = _scores_of_parts("acc_per_group", results, metrics, getattr(data, "group_names", ()))
    if groups:
        rows = [(name, group, group_images.get(name, {}).get(group), score) for name, group, score in groups]
        write_csv(folder / "accuracy_per_group.csv", ["set", "group", "images", "accuracy"], rows)


def _scores_of_parts(
    metric: str, sets: Iterable[str], metrics: dict[str, float], names: Iterable[str]
) -> list[tuple[str, str, float]]:
    """Set, class or group by its own name, and score, as they were measured; metrics have the names for people."""
    own = {shown(name): name for name in names}
    found = []
    for name in sets:
        prefix = f"{name}/{metric}/"
        parts = [key.removeprefix(prefix) for key in metrics if key.startswith(prefix)]
        found += [(name, own.get(part, part), metrics[prefix + part]) for part in parts]
    return found
