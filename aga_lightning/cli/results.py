"""The results of an evaluation: a table to read, and files to keep in the run's folder."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.trainer.states import TrainerFn
from rich.table import Table

from aga_lightning.files import shown, write_csv, write_json
from aga_lightning.intervals import share
from aga_lightning.run_folder import PER_CLASS, PER_GROUP, RESULTS, RunFolderError, written_if_possible
from aga_lightning.terminal import Terminal
from aga_lightning.training.models.classifier import ImageClassifier
from aga_lightning.training.run_stage import run_folder

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

_CHOSEN_ON = "validation, chose\nthe checkpoint"

Group = tuple[str, str, int | None, float]
"""An evaluation set, a group, the number of its images in the set (None if unknown), and the accuracy on them."""


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
                with written_if_possible(folder / RESULTS):
                    groups = _groups(trainer, metrics)
                    _write(folder, trainer, _results(metrics, pl_module.images, groups), metrics, groups)


def report_results(trainer: Trainer) -> None:
    """Print and write accuracy, macro recall, macro F1 and loss of each set; write the accuracy per class.

    Beside each accuracy stand its 95% interval (Wilson's, over the images) and the number of images, where the model
    counts them. The validation set is called so, and is said to have chosen the checkpoint where it has; a line says
    where it is judged for want of test images.

    Where images belong to groups, such as cameras, the accuracy of the worst group joins them, and the accuracy per
    group is written too, with the number of images that it was measured on. Where the background sets `ood/mixed_same`
    and `ood/mixed_rand` were judged, the BG-gap (the first one's accuracy less the other's: what the model loses when
    backgrounds stop revealing the class; Xiao et al. 2020) stands in the line of `ood/mixed_rand`, as `bg_gap`.

    Args:
        trainer: One that has just validated or tested.

    Raises:
        RunFolderError: If the results, which are printed by then, cannot be written.
    """
    folder = run_folder(trainer)  # all ranks have to ask: the first one answers
    if not trainer.is_global_zero:
        return
    metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
    groups = _groups(trainer, metrics)
    results = _results(metrics, getattr(trainer.lightning_module, "images", {}), groups)
    if not results:
        return
    callbacks = getattr(trainer, "checkpoint_callbacks", ())
    chose = any(str(getattr(callback, "monitor", None)).startswith("val/") for callback in callbacks)
    Terminal().print(_table(results, {"val": _CHOSEN_ON if chose else "validation"}))
    records: Any = getattr(getattr(trainer, "datamodule", None), "records", None)
    if getattr(records, "tests_on_val", False) and trainer.state.fn == TrainerFn.TESTING:
        print("There are no test images. The validation images choose the checkpoint, so accuracy on new images may be "
              "lower.")  # fmt: skip
    if folder is not None:
        try:
            _write(folder, trainer, results, metrics, groups)
        except OSError as error:
            raise RunFolderError(
                f"the results above cannot be written to {shown(folder)} ({error.strerror or error}): make room, then "
                "judge the checkpoint again with the verb test"
            ) from error
        print(f"Results, metrics and checkpoints: {shown(folder)}")


def _sets(metrics: Iterable[str]) -> list[str]:
    """The names of the evaluation sets."""
    # Training has no recall, and a class or a group may be called anything.
    overall = (name for name in metrics if not any(part in name for part in _PARTS))
    return [name.removesuffix("/recall") for name in overall if name.endswith("/recall")]


def _groups(trainer: Trainer, metrics: dict[str, float]) -> list[Group]:
    """The groups of all evaluation sets."""
    images: dict[str, dict[str, int]] = getattr(trainer.lightning_module, "group_images", {})
    names = getattr(getattr(trainer, "datamodule", None), "group_names", ())
    found = _scores_of_parts("acc_per_group", _sets(metrics), metrics, names)
    return [(name, group, images.get(name, {}).get(group), score) for name, group, score in found]


def _results(
    metrics: dict[str, float], images: Mapping[str, int], groups: Iterable[Group]
) -> dict[str, dict[str, float]]:
    """By evaluation set, the scores of the table; with the ends of the accuracy's interval where images are counted."""
    sets = _sets(metrics)
    columns = [column for column in _COLUMNS if all(f"{name}/{column}" in metrics for name in sets)]
    results = {name: {column: metrics[f"{name}/{column}"] for column in columns} for name in sets}
    if _GAP in metrics and sets:
        results["ood/mixed_rand"]["bg_gap"] = metrics[_GAP]
    for name, scores in results.items():
        if images.get(name) and "acc" in scores:
            scores |= _counted("acc", scores["acc"], images[name])
        worst = scores.get("worst_group_acc")
        if number := max((number or 0 for one, _, number, score in groups if (one, score) == (name, worst)), default=0):
            scores |= _counted("worst_group_acc", scores["worst_group_acc"], number)
    return results


def _counted(column: str, score: float, images: int) -> dict[str, float]:
    """The ends of an accuracy's interval, and the number of its images."""
    interval = share(round(score * images), images)
    prefix = column.removesuffix("acc")
    return {f"{column}_low": interval.low, f"{column}_high": interval.high, f"{prefix}images": images}


def _table(results: Mapping[str, Mapping[str, float]], names: Mapping[str, str]) -> Table:
    columns = [column for column in _COLUMNS if any(column in scores for scores in results.values())]
    counted = any("images" in scores for scores in results.values())
    table = Table(title="Results", caption="[95 % interval over the images]" if counted else None)
    table.add_column("set", no_wrap=True)
    for column in columns:
        header = _COLUMNS[column].replace(" ", "\n") if counted else _COLUMNS[column]  # to fit into 80 columns
        table.add_column(header, justify="right", no_wrap=column == "acc")
        if column == "acc" and counted:
            table.add_column("images", justify="right")
    for name, scores in results.items():
        cells = []
        for column in columns:
            cells.append(_cell(column, scores) if column in scores else "")
            if column == "acc" and counted:
                cells.append(f"{scores['images']:,}" if "images" in scores else "")
        table.add_row(names.get(name, name), *cells)
    return table


def _cell(column: str, scores: Mapping[str, float]) -> str:
    if column == "loss":
        return f"{scores[column]:.3f}"
    text = f"{100 * scores[column]:.1f} %"
    if f"{column}_low" not in scores:
        return text
    interval = f"[{100 * scores[f'{column}_low']:.1f}-{100 * scores[f'{column}_high']:.1f}]"
    return f"{text} {interval}" if column == "acc" else f"{text} of {scores['worst_group_images']:,}\n{interval}"


def _write(
    folder: Path,
    trainer: Trainer,
    results: dict[str, dict[str, float]],
    metrics: dict[str, float],
    groups: list[Group],
) -> None:
    data: Any = getattr(trainer, "datamodule", None)
    write_json(folder / RESULTS, results)
    classes = _scores_of_parts("acc_per_class", results, metrics, getattr(data, "class_names", ()))
    write_csv(folder / PER_CLASS, ["set", "class", "accuracy"], classes)
    if groups:
        write_csv(folder / PER_GROUP, ["set", "group", "images", "accuracy"], groups)


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
