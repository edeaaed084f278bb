"""Which metrics checkpoints and early stopping may watch, and whether their `mode` is the right one."""

import re
from collections.abc import Iterator
from difflib import get_close_matches

from lightning.pytorch import Callback

from aga_lightning.preflight import Run

_SCORES = {"acc": "max", "recall": "max", "f1": "max", "worst_group_acc": "max", "loss": "min"}
_TRAINING = {"train/loss": "min", "train/acc": "max"}
_COUNTERS = ("epoch", "step")
_OOD = re.compile(r"ood/[a-z0-9_]+")


def objections(run: Run) -> Iterator[str]:
    """A line for each callback of a fit that watches a metric which is not there, or the wrong way round.

    Args:
        run: What is about to start.
    """
    callbacks: list[Callback] = run.trainer.callbacks
    for callback in callbacks:
        monitor, mode = getattr(callback, "monitor", None), getattr(callback, "mode", None)
        if not isinstance(monitor, str) or monitor in _COUNTERS:
            continue
        name = type(callback).__name__
        better = _direction(monitor, run)
        if better is None:
            if not any(_may_log(other) for other in callbacks):
                yield f"{name} monitors {monitor!r}, which no metric is called: {_near(monitor)}"
        elif mode in ("min", "max") and mode != better:
            yield f"{name} monitors {monitor} with mode {mode} and would take the worst for the best: set mode {better}"


def _direction(monitor: str, run: Run) -> str | None:
    """Whether less ("min") or more ("max") is better; None where a fit logs no such metric."""
    if monitor in _TRAINING:
        return _TRAINING[monitor]
    judges_ood = getattr(run.datamodule, "ood_during_fit", True)
    if monitor == "ood/bg_gap":
        return "min" if judges_ood else None
    evaluated, _, score = monitor.rpartition("/")
    if evaluated == "val" or (judges_ood and _OOD.fullmatch(evaluated)):
        return _SCORES.get(score)
    return None


def _may_log(callback: Callback) -> bool:
    """Whether a callback may log metrics of its own in a fit: those of this package say so, those of users may."""
    if type(callback).__module__.startswith(("lightning.", "aga_lightning.")):
        return bool(getattr(callback, "logs_in_fit", False))
    return True


def _near(monitor: str) -> str:
    known = [*(f"val/{score}" for score in _SCORES), *_TRAINING, *(f"ood/<set>/{score}" for score in _SCORES)]
    near = get_close_matches(monitor, known, n=2)
    return f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(known)}"
