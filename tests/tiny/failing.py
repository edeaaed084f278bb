"""Callbacks of a user's own that fail."""

from lightning.pytorch.callbacks import Callback


class FailsAtTheEnd(Callback):
    """Fails once the training is over."""

    def on_fit_end(self, trainer, pl_module):
        """Too late for the training to care."""
        raise KeyError("no such dashboard")


class EndsTheTraining(Callback):
    """Means to end the training."""

    def on_validation_end(self, trainer, pl_module):
        """As a search for settings does."""
        if not trainer.sanity_checking:
            raise ArithmeticError("not worth going on")
