"""When the callbacks that explain a model run, and the folder that they write to."""

from pathlib import Path
from weakref import WeakKeyDictionary

from lightning.pytorch import Trainer
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from lightning.pytorch.trainer.states import TrainerFn

from aga_lightning.run_folder import next_folder

_UNLOGGED: WeakKeyDictionary[Trainer, Path] = WeakKeyDictionary()
"""The folders of runs without a logger, by their trainers."""


def stage_due(trainer: Trainer, every_n_epochs: int) -> str | None:
    """The name of the evaluation that has just ended, if it is to be explained.

    Args:
        trainer: A trainer that has just validated or tested.
        every_n_epochs: In a fit, the epochs from one explanation to the next; 0 for none. The verbs validate and test
            are always explained, the sanity check before a fit never.

    Returns:
        "test", "validate", or "epoch-004" after the fourth epoch of a fit; None if it is not to be explained.
    """
    if trainer.sanity_checking:
        return None
    if trainer.state.fn != TrainerFn.FITTING:
        return "test" if trainer.testing else "validate"
    epoch = trainer.current_epoch + 1
    return f"epoch-{epoch:03d}" if every_n_epochs > 0 and epoch % every_n_epochs == 0 else None


def run_folder(trainer: Trainer) -> Path | None:
    """The run's folder; None for a run that writes no files, as trial runs.

    Under Lightning's own Trainer it is the logger's, which also holds the checkpoints; without a logger the next free
    `lightning_logs/version_<n>`.

    Args:
        trainer: A running trainer. All ranks have to call this, since the first rank tells the others the folder.
    """
    if not keeps_files(trainer):
        return None
    if hasattr(trainer, "keeps_files"):
        place = trainer.log_dir
    else:
        place = trainer.strategy.broadcast(_place(trainer) if trainer.is_global_zero else None)
    return None if place is None else Path(place)


def keeps_files(trainer: Trainer) -> bool:
    """Whether a run has a folder; each rank knows it without communication.

    Args:
        trainer: A running trainer.
    """
    own: bool | None = getattr(trainer, "keeps_files", None)
    return own if own is not None else not getattr(trainer, "fast_dev_run", False)


def _place(trainer: Trainer) -> str:
    """The folder of a run under Lightning's own trainer, whose `log_dir` may be one that all runs share."""
    logger = next(iter(trainer.loggers), None)
    if logger is None:
        if trainer not in _UNLOGGED:
            _UNLOGGED[trainer] = next_folder(Path(trainer.default_root_dir, "lightning_logs"))
        return str(_UNLOGGED[trainer])
    if isinstance(logger, TensorBoardLogger | CSVLogger):
        return str(logger.log_dir)
    _ = getattr(logger, "experiment", None)  # some know their version once they have begun
    # Where Lightning puts the run's checkpoints.
    version = logger.version if isinstance(logger.version, str) else f"version_{logger.version}"
    return str(Path(logger.save_dir or trainer.default_root_dir, str(logger.name), version))
