import json

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from aga_lightning.callbacks import training_record
from aga_lightning.callbacks.training_record import TrainingRecord


class Clock:
    """Seconds that pass only where they are spent."""

    def __init__(self):
        self.now = 1000.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(training_record, "time", clock)
    return clock


class Line(LightningModule):
    """Takes 2 seconds a training batch and 10 a validation batch."""

    def __init__(self, clock):
        super().__init__()
        self.clock = clock
        self.layer = nn.Linear(3, 2)

    def training_step(self, batch):
        self.clock.now += 2
        return nn.functional.cross_entropy(self.layer(batch[0]), batch[1])

    def validation_step(self, batch):
        self.clock.now += 10
        self.log("val/loss", 1.0)

    def test_step(self, batch):
        self.clock.now += 100

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.01)


def loader(images=5):
    return DataLoader(TensorDataset(torch.ones(images, 3), torch.zeros(images, dtype=torch.int64)), 2)


def last():
    return ModelCheckpoint(filename="last", save_on_train_epoch_end=True, enable_version_counter=False)


def open_trainer(folder, record=True, epochs=2, **settings):
    callbacks = [*([TrainingRecord()] if record else []), last(), *settings.pop("callbacks", [])]
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "logger": CSVLogger(folder, "", "")}
    return Trainer(accelerator="cpu", max_epochs=epochs, callbacks=callbacks, **(quiet | settings))


def written(folder):
    return json.loads((folder / "training.json").read_text())


def fit(trainer, clock, **settings):
    trainer.fit(Line(clock), loader(), DataLoader(torch.ones(1, 3)), **settings)


pytestmark = pytest.mark.filterwarnings(
    "ignore:.*num_workers:UserWarning", "ignore:.*logging interval", "ignore:The dirpath has changed"
)


def test_a_fit_tells_what_it_has_taken(tmp_path, clock):
    trainer = open_trainer(tmp_path)
    fit(trainer, clock)
    expected = {
        "optimiser_steps": 6,  # 3 batches an epoch
        "epochs": 2,
        "images_seen": 10,
        "seconds": 12.0,
        "validation_seconds": 20.0,  # that of the sanity check is not among them
        "images_per_second": 10 / 12,
    }
    assert written(tmp_path) == expected
    trainer.test(Line(clock), DataLoader(torch.ones(1, 3)), ckpt_path=tmp_path / "checkpoints" / "last.ckpt",
                 verbose=False)  # fmt: skip
    assert written(tmp_path) == expected


def test_steps_are_those_of_the_optimiser(tmp_path, clock):
    trainer = open_trainer(tmp_path, accumulate_grad_batches=2)
    fit(trainer, clock)
    found = written(tmp_path)
    assert (found["optimiser_steps"], found["images_seen"]) == (4, 10)


class Stop(Callback):
    """Kills a fit in its second epoch."""

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        if trainer.current_epoch == 1:
            raise RuntimeError("killed")


def test_a_fit_that_goes_on_adds_to_what_its_checkpoint_had_taken(tmp_path, clock):
    with pytest.raises(RuntimeError, match="killed"):
        fit(open_trainer(tmp_path / "killed", epochs=3, callbacks=[Stop()]), clock)
    assert not (tmp_path / "killed" / "training.json").exists()
    clock.now += 5000
    fit(open_trainer(tmp_path / "whole", epochs=3), clock, ckpt_path=tmp_path / "killed" / "checkpoints" / "last.ckpt")
    found = written(tmp_path / "whole")
    assert (found["optimiser_steps"], found["epochs"], found["images_seen"]) == (9, 3, 15)
    assert (found["seconds"], found["validation_seconds"]) == (18.0, 30.0)


def test_a_fit_that_is_already_over_says_so_again(tmp_path, clock):
    fit(open_trainer(tmp_path / "first"), clock)
    fit(open_trainer(tmp_path / "again"), clock, ckpt_path=tmp_path / "first" / "checkpoints" / "last.ckpt")
    assert written(tmp_path / "again") == written(tmp_path / "first")


def test_what_a_checkpoint_does_not_tell_is_not_made_up(tmp_path, clock):
    fit(open_trainer(tmp_path / "old", record=False, epochs=1), clock)
    fit(open_trainer(tmp_path / "new"), clock, ckpt_path=tmp_path / "old" / "checkpoints" / "last.ckpt")
    found = written(tmp_path / "new")
    assert (found.pop("optimiser_steps"), found.pop("epochs")) == (6, 2)
    assert set(found.values()) == {None}


def test_batches_of_another_form_have_no_count(tmp_path, clock):
    class Named(Line):
        def training_step(self, batch):
            return super().training_step((batch["images"], batch["labels"]))

    batches = DataLoader([{"images": torch.ones(3), "labels": 0}] * 4, 2)
    open_trainer(tmp_path, epochs=1).fit(Named(clock), batches, DataLoader(torch.ones(1, 3)))
    found = written(tmp_path)
    assert (found["images_seen"], found["images_per_second"], found["seconds"]) == (None, None, 4.0)


def test_trial_runs_leave_nothing(tmp_path, clock):
    fit(open_trainer(tmp_path, fast_dev_run=True), clock)
    assert not list(tmp_path.rglob("training.json"))
