"""Progress beside the trainer's own: in the same display, and only where there is one."""

import time

import pytest
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, RichProgressBar, TQDMProgressBar
from torch.utils.data import DataLoader

from aga_lightning.progress import progress


class Idle(LightningModule):
    """Tests nothing."""

    def test_step(self, batch, batch_idx):
        pass


class Counting(Callback):
    """Counts to three, and looks at the display on the way."""

    def on_test_epoch_end(self, trainer, pl_module):
        display = getattr(trainer.progress_bar_callback, "progress", None)
        with progress(trainer, "Counting", 3) as advance:
            advance(1)
            advance(2)
            self.during = [(task.description, task.completed) for task in display.tasks] if display else []
        self.after = [task.description for task in display.tasks] if display else []


def run(*bars, **settings):
    counting = Counting()
    trainer = Trainer(
        accelerator="cpu", logger=False, callbacks=[counting, *bars], enable_model_summary=False, **settings
    )
    trainer.test(Idle(), DataLoader(range(2)), verbose=False)
    return counting


def test_a_line_stands_below_that_of_rich_and_goes():
    counting = run(RichProgressBar())
    assert counting.during[1] == ("Counting", 3)
    assert len(counting.after) == 1


def test_beside_tqdm_it_is_tqdm(capsys):
    run(TQDMProgressBar())
    assert "Counting" in capsys.readouterr().err


def test_a_bar_goes_when_something_goes_wrong(monkeypatch):
    tasks = []

    def fail(self, trainer, pl_module):
        try:
            with progress(trainer, "Counting", 3):
                raise ArithmeticError
        finally:
            tasks.extend(trainer.progress_bar_callback.progress.tasks)

    monkeypatch.setattr(Counting, "on_test_epoch_end", fail)
    with pytest.raises(ArithmeticError):
        run(RichProgressBar())
    assert len(tasks) == 1


@pytest.mark.parametrize("rank", [0, 1])
def test_where_the_trainer_shows_nothing_or_on_other_ranks_nothing_is_shown(rank, capsys, monkeypatch):
    if rank:
        monkeypatch.setattr(Trainer, "is_global_zero", property(lambda self: False))
        counting = run(RichProgressBar())
        assert "Counting" not in [name for name, _ in counting.during]
    else:
        counting = run(enable_progress_bar=False)
        assert counting.during == []
    assert "Counting" not in "".join(capsys.readouterr())


def test_a_log_gets_a_line_a_minute_and_not_each_state(capsys):
    with progress(None, "Counting", 500) as advance:
        for _ in range(500):
            advance(1)
            time.sleep(0.001)
    assert capsys.readouterr().err.count("Counting") <= 2
