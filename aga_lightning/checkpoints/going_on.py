"""Whether a training can go on from a checkpoint: found out before anything expensive starts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aga_lightning.checkpoints.facts import KEY
from aga_lightning.checkpoints.reading import CheckpointError

_ONECYCLE = "onecycle"
_CYCLED = ("momentum", "betas")  # what that schedule changes besides the learning rate
_NOT_COMPARED = ("num_classes", "weights", "head", "imagenet_indices", "backbone", "stem", "width")  # told elsewhere


@dataclass(frozen=True, slots=True)
class Plan:
    """What a training is about to do.

    Args:
        max_epochs: Epochs in all; None for no end.
        max_steps: Optimiser steps in all; None for no end.
        optimizer: The class of the optimiser.
        defaults: The optimiser's settings.
        groups: How many groups of parameters it has.
        schedule: The name of the schedule.
        settings: The model's settings.
    """

    max_epochs: int | None
    max_steps: int | None
    optimizer: str
    defaults: Mapping[str, Any]
    groups: int
    schedule: str
    settings: Mapping[str, Any]


def check_going_on(checkpoint: Mapping[str, Any], plan: Plan, source: str) -> list[str]:
    """Refuse what would end in an error, or would train otherwise than it says.

    Args:
        checkpoint: The content of the checkpoint.
        plan: What the training is about to do.
        source: The checkpoint's name, for messages.

    Returns:
        Lines that say where it goes on, and what the configuration does not decide.

    Raises:
        CheckpointError: If the training cannot go on from the checkpoint.
    """
    anew = f"start a new training from its weights: --model.weights {source} without --ckpt_path"
    try:
        groups: list[dict[str, Any]] = list(checkpoint["optimizer_states"][0]["param_groups"])
        schedules: list[dict[str, Any]] = list(checkpoint["lr_schedulers"])
        loop = checkpoint["loops"]["fit_loop"]
        at_the_end = bool(loop["epoch_loop.batch_progress"]["is_last_batch"])
        done = int(loop["epoch_progress"]["current"]["ready" if at_the_end else "processed"])
        steps = int(checkpoint["global_step"])
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise CheckpointError(f"{source} holds only weights, no state of a training to go on from; {anew}") from error
    optimizer, schedule = _told(checkpoint)
    if optimizer not in (None, plan.optimizer):
        raise CheckpointError(
            f"{source} was trained with the optimizer {optimizer} and cannot go on with {plan.optimizer}: set "
            f"--model.optimizer {optimizer}, or {anew}"
        )
    if schedule not in (None, plan.schedule) and _ONECYCLE in (schedule, plan.schedule):
        raise CheckpointError(
            f"{source} was trained with the schedule {schedule} and cannot go on with {plan.schedule}: set "
            f"--model.schedule.name {schedule}, or {anew}"
        )
    told = checkpoint.get("hyper_parameters") or {}
    if len(groups) != plan.groups:
        decay = str(told.get("decay_norms", len(groups) == 1)).lower()
        rates = " ".join(f"--model.{name} {told.get(name, 1.0)}" for name in ("body_lr", "layer_decay"))
        raise CheckpointError(f"{source} was trained with --model.decay_norms {decay} {rates}: set these, or {anew}")
    if (before := told.get("train", "all")) != (now := plan.settings.get("train", "all")):
        raise CheckpointError(f"{source} was trained with --model.train {before}, not {now}: set it, or {anew}")
    if plan.max_epochs is not None and done > plan.max_epochs:
        raise CheckpointError(
            f"{source} has {done} epochs behind it, more than --trainer.max_epochs {plan.max_epochs}: set more, or "
            + anew
        )
    end = schedules[0].get("total_steps") if schedules and isinstance(schedules[0], dict) else None
    wanted = _wanted_steps(plan, done, steps) if at_the_end else None
    if isinstance(end, int) and wanted is not None:
        check_schedule_end(end, wanted, source)
    if plan.max_epochs is not None and done == plan.max_epochs:
        lines = [f"{source} has all its {done} epochs behind it: nothing is left to train (--trainer.max_epochs)"]
    else:
        lines = [f"Going on from {source}, after epoch {done} (step {steps})"]
    kept = _kept_settings(groups[0], plan)
    if kept:
        lines.append(f"Warning: the optimizer goes on as {source} has it, with {', '.join(kept)}")
    changed = _changed_settings(checkpoint, plan.settings)
    if changed:
        lines.append(f"Warning: {source} was trained with {', '.join(changed)}")
    return lines


def check_schedule_end(end: int, wanted: int, source: object) -> None:
    """Refuse to train beyond the end of a schedule that a checkpoint brings.

    Args:
        end: The last step of the schedule.
        wanted: The last step of the training.
        source: The checkpoint's name, for the message.

    Raises:
        CheckpointError: If the training takes longer.
    """
    if wanted > end:
        raise CheckpointError(
            f"the onecycle schedule of {source} ends with step {end}, and the training with step {wanted}: leave "
            "--trainer.max_epochs as it was, train anew with that many epochs, or start a new training from its "
            f"weights: --model.weights {source} without --ckpt_path"
        )


def _told(checkpoint: Mapping[str, Any]) -> tuple[object, object]:
    """The optimiser's class and the schedule's name, also of an earlier version's checkpoint; None if not told."""
    told = checkpoint.get(KEY)
    if isinstance(told, dict):
        return told.get("optimizer"), told.get("schedule")
    settings = checkpoint.get("hyper_parameters")
    old: dict[str, Any] = settings if isinstance(settings, dict) else {}
    optimizer, schedule = old.get("optimizer"), old.get("schedule")
    path = optimizer.get("class_path") if isinstance(optimizer, dict) else None
    return (
        path.rpartition(".")[2] if isinstance(path, str) else None,
        schedule.get("name") if isinstance(schedule, dict) else None,
    )


def _wanted_steps(plan: Plan, done: int, steps: int) -> int | None:
    """How many optimiser steps the whole training takes, if its epochs stay as long as they were."""
    ends = [] if plan.max_steps is None else [plan.max_steps]
    if plan.max_epochs is not None and done > 0:
        ends.append(round(steps / done * plan.max_epochs))
    return min(ends, default=None)


def _kept_settings(group: Mapping[str, Any], plan: Plan) -> list[str]:
    """Settings of the optimiser that are otherwise in the configuration, and are brought by the checkpoint."""
    cycled = plan.schedule == _ONECYCLE
    before = {**group, "lr": group.get("max_lr" if cycled else "initial_lr", group.get("lr"))}
    return [
        f"{name} {before[name]} (the configuration has {now})"
        for name, now in plan.defaults.items()
        if name in before and before[name] != now and not (cycled and name in _CYCLED)
        if isinstance(now, int | float | tuple | list)
    ]


def _changed_settings(checkpoint: Mapping[str, Any], present: Mapping[str, Any]) -> list[str]:
    """Settings of the model that were others, and now are those of the configuration."""
    settings = checkpoint.get("hyper_parameters")
    before: dict[str, Any] = settings if isinstance(settings, dict) else {}
    return [
        f"{name} {before[name]} (now {now})"
        for name, now in present.items()
        if name in before and name not in _NOT_COMPARED and before[name] != now
        if isinstance(now, bool | int | float | str)
    ]
