"""Which evaluations are explained, and where the explanations go."""

from types import SimpleNamespace

import pytest
from lightning.pytorch.trainer.states import TrainerFn

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


def test_a_run_that_keeps_nothing_has_no_folder(tmp_path):
    assert run_folder(trainer(logger=object(), log_dir=str(tmp_path))) == tmp_path
    assert run_folder(trainer(logger=None, log_dir=str(tmp_path))) is None
    assert run_folder(trainer(logger=object(), log_dir=None)) is None
