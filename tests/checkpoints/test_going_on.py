from dataclasses import replace

import pytest

from aga_lightning.checkpoints.going_on import Plan, check_going_on, check_schedule_end
from aga_lightning.checkpoints.reading import CheckpointError

PLAN = Plan(5, None, "SGD", {"lr": 0.1, "momentum": 0.9, "foreach": None}, 2, "constant", {"label_smoothing": 0.0})


def checkpoint(epochs=3, steps=12, last_batch=True, schedule="constant", end=None, settings=None, **more):
    group = {"lr": 0.01, "initial_lr": 0.1, "max_lr": 0.1, "momentum": 0.9}
    progress = {"ready": epochs, "processed": epochs - (not last_batch)}
    fit_loop = {"epoch_progress": {"current": progress}, "epoch_loop.batch_progress": {"is_last_batch": last_batch}}
    return {
        "global_step": steps,
        "optimizer_states": [{"param_groups": [group, group]}],
        "lr_schedulers": [{"last_epoch": steps} | ({} if end is None else {"total_steps": end})],
        "loops": {"fit_loop": fit_loop},
        "hyper_parameters": {"label_smoothing": 0.0} | (settings or {}),
        "aga_lightning": {"optimizer": "SGD", "schedule": schedule},
    } | more


def test_where_a_training_goes_on_is_told():
    assert check_going_on(checkpoint(), PLAN, "last.ckpt") == ["Going on from last.ckpt, after epoch 3 (step 12)"]
    (line,) = check_going_on(checkpoint(epochs=5, steps=20), PLAN, "last.ckpt")
    assert "all its 5 epochs behind it: nothing is left to train" in line


@pytest.mark.parametrize(
    ("content", "plan", "words"),
    [
        (
            checkpoint(),
            replace(PLAN, optimizer="AdamW"),
            "the optimizer SGD and cannot go on with AdamW: set --model.opt",
        ),
        (checkpoint(), replace(PLAN, schedule="onecycle"), "schedule constant and cannot go on with onecycle"),
        (
            checkpoint(),
            replace(PLAN, groups=1),
            "decay_norms false --model.body_lr 1.0 --model.layer_decay 1.0: set",
        ),
        (checkpoint(), replace(PLAN, max_epochs=2), "3 epochs behind it, more than --trainer.max_epochs 2"),
        (checkpoint(optimizer_states=[]), PLAN, "only weights"),
        (checkpoint(loops={}), PLAN, "only weights"),
        (
            checkpoint(aga_lightning=None, settings={"optimizer": {"class_path": "torch.optim.Adam"}}),
            PLAN,
            "the optimizer Adam and cannot go on with SGD",
        ),
    ],
    ids=["optimizer", "schedule", "groups", "epochs", "weights only", "no loops", "earlier version"],
)
def test_what_cannot_go_on_is_refused_with_the_way_that_can(content, plan, words):
    with pytest.raises(CheckpointError, match=f"last.ckpt.*{words}.*model.weights last.ckpt"):
        check_going_on(content, plan, "last.ckpt")


@pytest.mark.parametrize(
    ("epochs", "steps", "max_epochs", "max_steps", "beyond"),
    [
        (3, 12, 4, None, True),
        (3, 12, 3, None, False),
        (2, 8, 3, None, False),
        (2, 8, 5, 12, False),
        (2, 8, 5, 13, True),
    ],
)
def test_no_training_goes_beyond_the_end_of_a_onecycle_schedule(epochs, steps, max_epochs, max_steps, beyond):
    plan = replace(PLAN, schedule="onecycle", max_epochs=max_epochs, max_steps=max_steps)
    content = checkpoint(epochs, steps, schedule="onecycle", end=12)
    if not beyond:
        assert check_going_on(content, plan, "last.ckpt")
        return
    with pytest.raises(CheckpointError, match=r"onecycle schedule of .* ends with step 12, and the training with"):
        check_going_on(content, plan, "last.ckpt")


def test_within_an_epoch_the_length_of_the_schedule_is_checked_when_training_starts():
    plan = replace(PLAN, schedule="onecycle", max_epochs=3)
    assert check_going_on(checkpoint(2, 6, last_batch=False, schedule="onecycle", end=12), plan, "last.ckpt")
    with pytest.raises(CheckpointError, match="ends with step 12, and the training with step 16"):
        check_schedule_end(12, 16, "last.ckpt")


def test_what_the_configuration_does_not_decide_is_told():
    plan = replace(PLAN, defaults={"lr": 0.5, "momentum": 0.9}, settings={"label_smoothing": 0.1, "width": 8})
    _, optimizer, settings = check_going_on(checkpoint(settings={"width": 16}), plan, "last.ckpt")
    assert optimizer.endswith("with lr 0.1 (the configuration has 0.5)")
    assert settings.endswith("trained with label_smoothing 0.0 (now 0.1)")
