"""A callback that fails beside a training, or after it, is told in a line: it costs neither results nor checkpoints.

During a training only the callbacks of this package are contained, since a user's own may mean to end it; once it has
ended, and while a checkpoint is judged, all are. Where several ranks run, an error ends them as ever: those that wait
for the one that failed would wait for long.
"""

import os
import sys
import traceback
from functools import partial
from typing import Any

from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Callback, Checkpoint
from lightning.pytorch.trainer.states import TrainerFn

from aga_lightning.cli.mistakes import TRACEBACK, line_of
from aga_lightning.files import shown

_BESIDE = ("on_validation_epoch_end", "on_validation_end", "on_test_epoch_end", "on_test_end")
_AFTER = ("on_train_end", "on_fit_end", "teardown")


def contain(trainer: Trainer) -> list[str]:
    """Contain the callbacks of a trainer, those that write checkpoints excepted.

    Args:
        trainer: Before it runs.

    Returns:
        What has failed, a line each; it grows while the trainer runs.
    """
    failures: list[str] = []
    callbacks: list[Callback] = trainer.callbacks  # type: ignore[attr-defined] # which Lightning does not declare
    for callback in callbacks:
        if not isinstance(callback, Checkpoint):
            for hook in (*_BESIDE, *_AFTER):
                if getattr(type(callback), hook) is not getattr(Callback, hook):
                    setattr(callback, hook, partial(_contained, callback, hook, failures))
    return failures


def _contained(
    callback: Callback,
    hook: str,
    failures: list[str],
    trainer: Trainer,
    *rest: Any,  # noqa: ANN401 the hook's
    **named: Any,  # noqa: ANN401
) -> None:
    try:
        getattr(type(callback), hook)(callback, trainer, *rest, **named)
    except Exception as error:
        training = trainer.state.fn == TrainerFn.FITTING and hook in _BESIDE
        ours = type(callback).__module__.startswith("aga_lightning.")
        if trainer.world_size > 1 or (training and not ours):
            raise
        if os.environ.get(TRACEBACK, "0") not in ("", "0"):
            traceback.print_exception(error)
        why = line_of(error) or f"{type(error).__name__}: {error}"
        line = f"{type(callback).__name__} failed and is left out ({' '.join(why.split())}); all else goes on"
        failures.append(line)
        print(shown(line), file=sys.stderr)
