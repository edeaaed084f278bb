"""When the callbacks that explain a model run, and the folder that they write to."""

from pathlib import Path

from lightning.pytorch import Trainer
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger
from lightning.pytorch.trainer.states import TrainerFn


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
    """The run's folder, which holds its checkpoints; None for a run that writes no files.

    Args:
        trainer: A running trainer. All ranks have to call this, since the first rank tells the others the folder.
    """
    if not keeps_files(trainer):
        return None
    place = trainer.log_dir
    logger = trainer.logger
    if place is None:
        return None
    known = hasattr(trainer, "keeps_files") or isinstance(logger, TensorBoardLogger | CSVLogger)
    if known or not isinstance(logger, Logger):
        return Path(place)
    # Lightning's own trainer may name a folder that all runs share, such as the working directory.
    version = logger.version if isinstance(logger.version, str) else f"version_{logger.version}"
    return Path(place) / str(logger.name) / version


def keeps_files(trainer: Trainer) -> bool:
    """Whether a run has a folder; each rank knows it without communication.

    Args:
        trainer: A running trainer.
    """
    own: bool | None = getattr(trainer, "keeps_files", None)
    if own is not None:
        return own
    return trainer.logger is not None and not getattr(trainer, "fast_dev_run", False)
