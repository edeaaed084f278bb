"""The two checkpoints of a run: the best, which is judged, and the last, from which a run goes on."""

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, ModelCheckpoint, StochasticWeightAveraging
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities import rank_zero_info
from torch import Tensor

from aga_lightning.checkpoints.reading import CheckpointError, read_checkpoint
from aga_lightning.files import written_aside

_METRIC = re.compile(r"\{([^{}:]*/[^{}:]*)(?=[:}])")

Kept = dict[str, float]
"""Scores of checkpoints by their paths."""


class BestCheckpoint(ModelCheckpoint):
    """Lightning's `ModelCheckpoint`; a run that goes on remembers the best score so far, and has its checkpoint.

    Lightning forgets the score where the run has another folder. Here the best checkpoint so far is copied there, so
    that a run of four epochs and one of three epochs that goes on for another give the same.

    A metric's name such as `val/acc` in `filename` makes no folder: its slashes become underscores.
    """

    def format_checkpoint_name(
        self,
        metrics: dict[str, Tensor],
        filename: str | None = None,
        ver: int | None = None,
        prefix: str | None = None,
    ) -> str:
        """The path of a checkpoint with these metrics.

        Args:
            metrics: By their names.
            filename: The template; that of the constructor by default.
            ver: A number to tell it apart from others of the name.
            prefix: What the name starts with.
        """
        template = filename or self.filename or ""
        for name in set(_METRIC.findall(template)):
            plain = name.replace("/", "_")
            if name in metrics:
                metrics = metrics | {plain: metrics[name]}
            template = template.replace(f"{{{name}", f"{{{plain}")
        return super().format_checkpoint_name(metrics, template or None, ver, prefix)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Nothing: `on_load_checkpoint` takes over what still holds."""

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Take over the best checkpoints so far where a fit goes on."""
        if trainer.state.fn != TrainerFn.FITTING or self.monitor is None or self.save_top_k == 0:
            return
        state = checkpoint.get("callbacks", {}).get(self.state_key)
        if state is None:
            rank_zero_info(f"The checkpoint tells no best {self.monitor}: the best of the epochs from here on is kept")
            return
        # Only the first rank sees its disk; all have to come to the same decisions.
        found = self._taken_over(trainer, checkpoint, state) if trainer.is_global_zero else {}
        self._remember(trainer.strategy.broadcast(found))

    def _remember(self, kept: Kept) -> None:
        best_first = sorted(kept.items(), key=lambda item: item[1], reverse=self.mode == "max")
        if self.save_top_k > 0:
            best_first = best_first[: self.save_top_k]
        self.best_k_models = {path: torch.tensor(score) for path, score in best_first}
        if best_first:
            (self.best_model_path, best), (worst_path, worst) = best_first[0], best_first[-1]
            self.best_model_score = torch.tensor(best)
            if len(best_first) == self.save_top_k:
                self.kth_best_model_path, self.kth_value = worst_path, torch.tensor(worst)

    def _taken_over(self, trainer: Trainer, checkpoint: Mapping[str, Any], state: Mapping[str, Any]) -> Kept:
        """The best checkpoints of before that are still there, copied into this run's folder."""
        beside = Path(trainer.ckpt_path or "").parent
        here = Path(self.dirpath or "")
        kept: Kept = {}
        for name, score in _scores(state).items():
            # A run's folder may have been moved, with all that lies in it.
            file = next((path for path in (Path(name), beside / Path(name).name) if path.is_file()), None)
            step = None if file is None else _step(file)
            if file is None or step is None:
                problem = "is gone" if file is None else "cannot be read"
                rank_zero_info(f"The best checkpoint so far, {name} ({self.monitor} {score:.4f}), {problem}")
                continue
            target = here / file.name
            in_place = target.exists() and target.samefile(file)
            if step > checkpoint["global_step"]:
                rank_zero_info(f"{file} is of a later step than the checkpoint that goes on, and is not counted")
                if in_place:  # its name is used again by the next best
                    kept[str(target)] = float("-inf") if self.mode == "max" else float("inf")
                continue
            if not in_place and not target.exists():
                with written_aside(target) as aside:
                    shutil.copyfile(file, aside)
            kept[str(target if target.exists() else file)] = score
        if not kept:
            rank_zero_info(f"No best checkpoint of before is left: the best {self.monitor} from here on is kept")
        return kept


class LastCheckpoint(ModelCheckpoint):
    """Keeps the state after each epoch in `last.ckpt`, for a run to go on from."""

    def __init__(self) -> None:
        super().__init__(filename="last", save_on_train_epoch_end=True, enable_version_counter=False)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Nothing: a run that goes on writes its own, and removes none of another run."""


def without_checkpoints(callbacks: Sequence[Callback] | Callback | None) -> list[Callback]:
    """The callbacks of a run that keeps no checkpoints: those of the user, without the two that each run has.

    Args:
        callbacks: All of them.
    """
    given = [callbacks] if isinstance(callbacks, Callback) else list(callbacks or [])
    return [callback for callback in given if not isinstance(callback, BestCheckpoint | LastCheckpoint)]


def renamed_states(checkpoint: dict[str, Any]) -> None:
    """Let the states of a checkpoint of an earlier version be found, when both classes were plain `ModelCheckpoint`.

    Args:
        checkpoint: Its content; changed in place.
    """
    states = checkpoint.get("callbacks", {})
    for key in [key for key in states if str(key).startswith("ModelCheckpoint{")]:
        kind = LastCheckpoint if "'monitor': None" in key else BestCheckpoint
        states[key.replace("ModelCheckpoint", kind.__qualname__, 1)] = states.pop(key)


def judged_checkpoint(trainer: Trainer, best: ModelCheckpoint | None) -> str | None:
    """Which checkpoint stands for a finished training, said in a line; None for the weights as they are now.

    Args:
        trainer: One that has just fitted.
        best: The run's own callback, whichever others the user has added; None where it keeps no checkpoints.
    """
    callbacks: list[Callback] = trainer.callbacks  # type: ignore[attr-defined] # set by a connector
    averaging = [callback for callback in callbacks if isinstance(callback, StochasticWeightAveraging)]
    if any(trainer.current_epoch > callback.swa_end for callback in averaging):  # else it was stopped before
        folder = None if best is None or best.dirpath is None else Path(best.dirpath)
        if folder is None:
            rank_zero_info("Judged: the averaged weights")
            return None
        path = str(folder / "averaged.ckpt")
        trainer.save_checkpoint(path, weights_only=False)
        rank_zero_info(f"Judged: the averaged weights, {path}")
        return path
    if trainer.global_step == 0:
        rank_zero_info("Judged: the weights that the training started from, since it took no step")
        return None
    if best is None or not best.best_model_path:
        why = "no checkpoints were kept" if best is None else "no epoch had a score to choose it by"
        rank_zero_info(f"Judged: the weights after the last epoch, since {why}")
        return None
    path = best.best_model_path
    if not trainer.strategy.broadcast(os.path.isfile(path)):
        rank_zero_info(f"Judged: the weights after the last epoch, since {path} is gone")
        return None
    score = "" if best.best_model_score is None else f" ({best.monitor} {float(best.best_model_score):.4f})"
    rank_zero_info(f"Judged: {path}{score}")
    return path


def _scores(state: Mapping[str, Any]) -> Kept:
    """The best checkpoints that a state tells of; it comes from a file, and may hold anything."""
    models = state.get("best_k_models")
    if not isinstance(models, dict):
        return {}
    return {str(path): float(score) for path, score in models.items() if isinstance(score, Tensor | float | int)}


def _step(path: Path) -> int | None:
    """After how many optimiser steps a checkpoint was written; None where it cannot be read."""
    try:
        return int(read_checkpoint(path)["global_step"])
    except (CheckpointError, KeyError, TypeError, ValueError):
        return None
