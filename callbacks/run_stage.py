"""When the callbacks that explain a model act, and in which folder they write."""

from pathlib import Path

from lightning.pytorch import Trainer
from lightning.pytorch.trainer.states import TrainerFn


def stage_due(trainer: Trainer, every_n_epochs: int) -> str | None:
    """What an evaluation that has just ended is called, if it is to be explained.

    Args:
        trainer: One that has just validated or tested.
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
    """The run's folder, which holds its checkpoints; None for a run that keeps nothing.

    Args:
        trainer: One that is running. The first rank tells the others, so all of them have to ask.
    """
    return None if trainer.logger is None or trainer.log_dir is None else Path(trainer.log_dir)
