"""Settings and callbacks of Lightning: what cannot work here is refused before a run, what can gets what it needs."""

from collections.abc import Iterator
from typing import Any

from lightning.pytorch import LightningModule
from lightning.pytorch.callbacks import (
    BackboneFinetuning,
    LearningRateFinder,
    LearningRateMonitor,
    ModelCheckpoint,
    ModelPruning,
    StochasticWeightAveraging,
)

from aga_lightning.checkpoints.keeping import LastCheckpoint
from aga_lightning.preflight import Run, SettingError

_UNUSABLE = {
    LearningRateFinder: "sets a model's attribute `lr`, but the rate stands in model.optimizer: try a few values of it",
    BackboneFinetuning: "needs a model of a backbone and a head, and there is one net here: leave it out",
    ModelPruning: "gives the net other parameters, so that its checkpoints fit no other net: leave it out",
}


def refuse_barebones(settings: dict[str, Any]) -> None:
    """Refuse to time Lightning itself.

    Args:
        settings: The Trainer's.

    Raises:
        SettingError: If they ask for it.
    """
    if settings.get("barebones"):
        raise SettingError("trainer.barebones logs and keeps nothing, so that nothing could be judged: leave it out")


def objections(run: Run, logs: bool = True) -> Iterator[str]:
    """A line for each setting of the trainer with which a fit would end, or that would do nothing.

    Args:
        run: What is about to start.
        logs: Whether the run will have a logger.
    """
    trainer = run.trainer
    for callback in trainer.callbacks:
        for kind, reason in _UNUSABLE.items():
            if isinstance(callback, kind):
                yield f"{type(callback).__name__} {reason}"
        if isinstance(callback, ModelCheckpoint) and not isinstance(callback, LastCheckpoint):
            if (callback.filename, callback.dirpath) == ("last", None):
                yield "the name last.ckpt is that of the checkpoint that a run goes on from: choose another filename"
        if isinstance(callback, LearningRateMonitor) and not logs:
            yield "LearningRateMonitor writes to a logger, and trainer.logger is false: leave one of them out"
    if trainer.accumulate_grad_batches < 1:
        yield f"trainer.accumulate_grad_batches is 1 or more, not {trainer.accumulate_grad_batches}"
    if (trainer.gradient_clip_val or 0) < 0:
        yield f"trainer.gradient_clip_val is above 0, or null for none, not {trainer.gradient_clip_val}"
    steps = getattr(run.datamodule, "steps_per_epoch", None)
    interval, epochs = trainer.val_check_interval, trainer.check_val_every_n_epoch
    if steps is not None and epochs is not None and isinstance(interval, int):
        batches = steps * trainer.accumulate_grad_batches
        if interval > batches:
            yield f"trainer.val_check_interval is {interval} batches, but an epoch has {batches}: set a smaller one"


def build_early(trainer: Any, model: LightningModule) -> None:  # noqa: ANN401 any Trainer
    """Build a model's net before a fit where a callback copies the model sooner than Lightning has it built.

    Args:
        trainer: The Trainer.
        model: The model.
    """
    if any(isinstance(callback, StochasticWeightAveraging) for callback in trainer.callbacks):
        model.configure_model()
