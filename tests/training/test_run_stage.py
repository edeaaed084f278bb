"""Which evaluations are explained, and where the explanations go."""

from types import SimpleNamespace

import pytest
from lightning.pytorch import Trainer
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.trainer.states import TrainerFn
from tiny.loggers import FakeMlflow, FakeWandb

from aga_lightning.training.run_stage import run_folder, stage_due


def trainer(fn=TrainerFn.FITTING, epoch=0, sanity=False, **more):
    testing = fn == TrainerFn.TESTING
    state = SimpleNamespace(fn=fn)
    return SimpleNamespace(state=state, current_epoch=epoch, sanity_checking=sanity, testing=testing, **more)


@pytest.mark.parametrize(
    ("every", "stages"),
    [
        (0, [None] * 5),
        (1, ["epoch-001", "epoch-002", "epoch-003", "epoch-004", "epoch-005"]),
        (2, [None, "epoch-002", None, "epoch-004", None]),
    ],
)
def test_in_a_fit_every_nth_epoch_is_due(every, stages):
    assert [stage_due(trainer(epoch=epoch), every) for epoch in range(5)] == stages


def test_the_sanity_check_is_never_due():
    assert stage_due(trainer(sanity=True), 1) is None


@pytest.mark.parametrize("every", [0, 3])
def test_the_verbs_always_are(every):
    assert stage_due(trainer(TrainerFn.VALIDATING), every) == "validate"
    assert stage_due(trainer(TrainerFn.TESTING, epoch=1), every) == "test"


@pytest.mark.parametrize(
    ("logger", "folder"),
    [
        (lambda: False, "lightning_logs/version_0"),
        (lambda: CSVLogger("logs", "birds"), "logs/birds/version_0"),
        (lambda: FakeWandb("."), "birds/a1b2"),
        (lambda: FakeMlflow("mlruns"), "mlruns/7/c3d4"),
        (lambda: FakeMlflow(), "7/c3d4"),
    ],
    ids=["none", "csv", "wandb", "mlflow", "mlflow in a database"],
)
def test_a_run_has_a_folder_of_its_own_whatever_the_logger(logger, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    one = Trainer(logger=logger(), accelerator="cpu")
    assert run_folder(one).resolve() == tmp_path / folder
    assert run_folder(one).resolve() == tmp_path / folder, "a trainer has one folder"


def test_a_trial_run_has_none():
    assert run_folder(Trainer(fast_dev_run=True, accelerator="cpu")) is None
