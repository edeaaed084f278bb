"""Lightning's Trainer with the verbs `augment`, `check`, `estimate` and `export`, and a folder for each run."""

from collections.abc import Iterator
from typing import Any

from lightning.pytorch.callbacks import Callback, ModelSummary, ProgressBar, RichProgressBar

from aga_lightning.callbacks.network_summary import NetworkSummary
from aga_lightning.checkpoints.keeping import without_checkpoints
from aga_lightning.checkpoints.whole_files import use_whole_checkpoints
from aga_lightning.cli import flags, monitors
from aga_lightning.cli.verbs.augment import Augments
from aga_lightning.cli.verbs.check import ChecksRuns
from aga_lightning.cli.verbs.estimate import EstimatesRuns
from aga_lightning.cli.verbs.export import Exports
from aga_lightning.preflight import Run

_REFRESH = 5
"""How often a second the bar is drawn: Lightning's own, 100 times, takes the network a twentieth of a core."""


class AgaTrainer(Augments, ChecksRuns, EstimatesRuns, Exports):
    """Lightning's Trainer with a folder for each run; it can also fill the store, after saying what that takes."""

    callbacks: list[Callback]  # Lightning does not declare it

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 they are Trainer's
        flags.refuse_barebones(kwargs)
        if kwargs.get("enable_progress_bar") is not False:
            kwargs["callbacks"] = _with(RichProgressBar(refresh_rate=_REFRESH), ProgressBar, kwargs.get("callbacks"))
        if kwargs.get("enable_model_summary") is not False:
            kwargs["callbacks"] = _with(NetworkSummary(), ModelSummary, kwargs.get("callbacks"))
            # Lightning's table lists metrics as layers.
            kwargs["enable_model_summary"] = any(isinstance(one, ModelSummary) for one in kwargs["callbacks"])
        if kwargs.get("enable_checkpointing") is False:
            kwargs["callbacks"] = without_checkpoints(kwargs.get("callbacks"))
        super().__init__(*args, **kwargs)
        use_whole_checkpoints(self.strategy)

    def objections(self, run: Run) -> Iterator[str]:
        """What stands in the way of a run among the trainer's settings, a line each."""
        if run.verb != "fit":
            return
        yield from monitors.objections(run)
        yield from flags.objections(run, logs=self._logs_itself or bool(self.loggers))


def _with(default: Callback, kind: type[Callback], callbacks: list[Callback] | Callback | None) -> list[Callback]:
    """The callbacks, and a default of a kind that none of them is of."""
    given = [callbacks] if isinstance(callbacks, Callback) else list(callbacks or [])
    return given if any(isinstance(one, kind) for one in given) else [*given, default]
