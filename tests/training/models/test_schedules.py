import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.optim import SGD
from torch.optim.lr_scheduler import CosineAnnealingLR, OneCycleLR, StepLR

from aga_lightning.training.models.schedules import Schedule, build_scheduler, rate_factor


def optimizer(lr: float = 0.5) -> SGD:
    return SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr, momentum=0.9)


def rates(optimizer, scheduler, steps):
    seen = []
    for _ in range(steps):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return seen


def ours(schedule, total_steps, steps_per_epoch):
    sgd = optimizer()
    return rates(sgd, build_scheduler(sgd, schedule, total_steps, steps_per_epoch), total_steps)


def once_an_epoch(scheduler_class, epochs, steps_per_epoch, **kwargs):
    sgd = optimizer()
    per_epoch = rates(sgd, scheduler_class(sgd, **kwargs), epochs)
    return [rate for rate in per_epoch for _ in range(steps_per_epoch)]


def test_constant_is_constant():
    assert ours(Schedule(), 5, 2) == [0.5] * 5


def test_step_is_torchs_step_by_epochs():
    expected = once_an_epoch(StepLR, 6, 3, step_size=2, gamma=0.1)
    assert ours(Schedule("step", step_size=2), 18, 3) == pytest.approx(expected)


def test_cosine_by_epochs_is_torchs_cosine_as_alia_uses_it():
    expected = once_an_epoch(CosineAnnealingLR, 6, 3, T_max=6)
    assert ours(Schedule("cosine", cosine_every="epoch"), 18, 3) == pytest.approx(expected)


def test_cosine_by_steps_is_torchs_cosine():
    expected = once_an_epoch(CosineAnnealingLR, 18, 1, T_max=18)
    assert ours(Schedule("cosine"), 18, 3) == pytest.approx(expected)


def test_onecycle_is_torchs_and_ends_at_the_last_step():
    sgd = optimizer()
    expected = rates(sgd, OneCycleLR(sgd, max_lr=0.5, total_steps=20, pct_start=0.15), 20)
    seen = ours(Schedule("onecycle", pct_start=0.15), 20, 3)
    assert seen == pytest.approx(expected)
    assert max(seen) == pytest.approx(0.5)
    assert seen[-1] == min(seen) == pytest.approx(0.5 / 25 / 1e4)


def test_warmup_rises_evenly_and_then_leaves_the_schedule_alone():
    seen = ours(Schedule(warmup_steps=4), 8, 2)
    assert seen == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.5, 0.5, 0.5])


@given(
    schedule=st.builds(
        Schedule,
        name=st.sampled_from(["constant", "step", "cosine"]),
        step_size=st.integers(1, 5),
        gamma=st.floats(0, 1),
        cosine_every=st.sampled_from(["step", "epoch"]),
        warmup_steps=st.integers(0, 20),
    ),
    total_steps=st.integers(1, 100),
    steps_per_epoch=st.integers(1, 30),
)
@settings(max_examples=50, deadline=None, derandomize=True)
def test_a_factor_is_a_share_and_only_falls_once_the_warmup_is_over(schedule, total_steps, steps_per_epoch):
    factors = [rate_factor(schedule, step, total_steps, steps_per_epoch) for step in range(total_steps)]
    assert all(0 <= factor <= 1 for factor in factors)
    after = factors[schedule.warmup_steps :]
    assert after == sorted(after, reverse=True)


def test_parameter_groups_keep_their_own_rates():
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": lr} for lr in (0.1, 0.4)]
    for name in ("cosine", "onecycle"):
        sgd = SGD(groups, lr=1.0)
        scheduler = build_scheduler(sgd, Schedule(name), 10, 5)
        for _ in range(4):
            sgd.step()
            scheduler.step()
        low, high = scheduler.get_last_lr()
        assert high == pytest.approx(4 * low)


def test_a_schedule_without_an_end_says_how_to_set_one():
    for name in ("cosine", "onecycle"):
        with pytest.raises(ValueError, match=r"max_epochs or trainer\.max_steps"):
            build_scheduler(optimizer(), Schedule(name), float("inf"), 5)
    assert build_scheduler(optimizer(), Schedule("step"), float("inf"), float("inf")).get_last_lr() == [0.5]


@pytest.mark.parametrize("wrong", [{"step_size": 0}, {"warmup_steps": -1}, {"name": "onecycle", "warmup_steps": 5}])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ValueError, match=r"step_size|warmup_steps"):
        Schedule(**wrong)


def test_no_scheduler_warns():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in ("constant", "step", "cosine", "onecycle"):
            ours(Schedule(name), 6, 2)
