"""Learning-rate schedules by name: one factor of the optimiser's own learning rate for each optimiser step."""

import math
from dataclasses import dataclass
from typing import Literal

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR


@dataclass(frozen=True)
class Schedule:
    """How the learning rate changes; all rates are relative to the optimiser's own.

    Args:
        name: "constant"; "step" (every `step_size` epochs times `gamma`); "cosine" (half a cosine down to 0); or
            "onecycle" (up and down once within the run, the momentum the other way; Smith and Topin 2019).
        step_size: For "step": epochs between two drops.
        gamma: For "step": the factor of a drop.
        cosine_every: For "cosine": change at each optimiser "step", or once an "epoch".
        warmup_steps: Optimiser steps over which the rate also rises linearly from nearly 0; not for "onecycle", which
            rises by itself.
        pct_start: For "onecycle": the share of the run in which the rate rises, in 0..1.
        div_factor: For "onecycle": the rate starts at 1/div_factor ...
        final_div_factor: ... and ends at that divided by final_div_factor.

    Raises:
        ValueError: If a setting is out of its range.
    """

    name: Literal["constant", "step", "cosine", "onecycle"] = "constant"
    step_size: int = 30
    gamma: float = 0.1
    cosine_every: Literal["step", "epoch"] = "step"
    warmup_steps: int = 0
    pct_start: float = 0.3
    div_factor: float = 25.0
    final_div_factor: float = 1e4

    def __post_init__(self) -> None:
        """Refuse what no schedule can do."""
        if self.step_size < 1:
            raise ValueError(f"step_size counts epochs and is at least 1, not {self.step_size}.")
        if self.warmup_steps < 0 or (self.warmup_steps and self.name == "onecycle"):
            raise ValueError("warmup_steps is at least 0, and 0 for onecycle; set pct_start there.")
        if not 0 <= self.pct_start <= 1:
            raise ValueError(f"pct_start is a share of the run in 0..1, not {self.pct_start}.")
        if self.gamma < 0 or min(self.div_factor, self.final_div_factor) <= 0:
            raise ValueError("gamma is 0 or more; div_factor and final_div_factor are above 0.")


def build_scheduler(
    optimizer: Optimizer, schedule: Schedule, total_steps: float, steps_per_epoch: float
) -> LRScheduler:
    """A scheduler of PyTorch to be stepped after each optimiser step.

    Args:
        optimizer: Its learning rates are the highest of the schedule.
        schedule: The settings.
        total_steps: Optimiser steps of the whole run; infinite for a run that is stopped from outside.
        steps_per_epoch: Optimiser steps of one epoch; infinite for a data stream.

    Raises:
        ValueError: If the schedule has to know the end of the run, and the run has none.
    """
    if schedule.name in ("cosine", "onecycle") and math.isinf(total_steps):
        raise ValueError(f"The {schedule.name} schedule needs an end: set trainer.max_epochs or trainer.max_steps.")
    if schedule.name == "onecycle":
        return OneCycleLR(
            optimizer,
            max_lr=[group["lr"] for group in optimizer.param_groups],
            total_steps=int(total_steps),
            pct_start=schedule.pct_start,
            div_factor=schedule.div_factor,
            final_div_factor=schedule.final_div_factor,
        )
    return LambdaLR(optimizer, lambda step: rate_factor(schedule, step, total_steps, steps_per_epoch))


def rate_factor(schedule: Schedule, step: int, total_steps: float, steps_per_epoch: float) -> float:
    """The learning rate of one optimiser step, as a share of the optimiser's own.

    Args:
        schedule: The settings; any but "onecycle".
        step: Optimiser steps already done, from 0.
        total_steps: Optimiser steps of the whole run.
        steps_per_epoch: Optimiser steps of one epoch.

    Returns:
        A factor in 0..1 (for a gamma of at most 1).
    """
    warmup = min(1.0, (step + 1) / (schedule.warmup_steps + 1))
    epoch = int(step // steps_per_epoch)
    if schedule.name == "step":
        return warmup * schedule.gamma ** (epoch // schedule.step_size)
    if schedule.name == "cosine":
        by_step = schedule.cosine_every == "step"
        progress = step / total_steps if by_step else epoch / math.ceil(total_steps / steps_per_epoch)
        return warmup * (1 + math.cos(math.pi * min(1.0, progress))) / 2
    return warmup
