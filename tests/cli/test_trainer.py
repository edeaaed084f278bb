"""The bar of the Trainer."""

from lightning.pytorch.callbacks import Callback, ProgressBar, RichProgressBar, TQDMProgressBar

from aga_lightning.cli.trainer import AgaTrainer


def test_the_bar_is_drawn_a_few_times_a_second_unless_the_user_has_one():
    (bar,) = [one for one in AgaTrainer(accelerator="cpu", logger=False).callbacks if isinstance(one, ProgressBar)]
    assert isinstance(bar, RichProgressBar) and bar.refresh_rate == 5
    for given in (TQDMProgressBar(), [Callback(), TQDMProgressBar()]):
        callbacks = AgaTrainer(accelerator="cpu", logger=False, callbacks=given).callbacks
        assert [type(one) for one in callbacks if isinstance(one, ProgressBar)] == [TQDMProgressBar]
    silent = AgaTrainer(accelerator="cpu", logger=False, enable_progress_bar=False)
    assert not any(isinstance(one, ProgressBar) for one in silent.callbacks)
