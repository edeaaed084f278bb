"""What callbacks that explain a model share: when they act, on which images, in which folder, and what they log."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal, get_args, get_origin, get_type_hints

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from aga_lightning.callbacks.evaluation_sample import EvaluationSample, evaluation_samples
from aga_lightning.callbacks.untouched import untouched
from aga_lightning.run_folder import EXPLAIN
from aga_lightning.training.run_stage import run_folder, stage_due


@dataclass(frozen=True, slots=True, eq=False)
class Occasion:
    """An evaluation that has just ended and is to be explained.

    Args:
        trainer: The trainer that has evaluated.
        model: The model, in evaluation mode; gradients can be had, and the random generators are restored afterwards.
        samples: The chosen images of each evaluation set.
        folder: Where files of this stage are written, explain/<stage> in the run's folder; None where nothing is.
        logged: The numbers to log, by name, which the callback adds; they have to be those of all ranks already.
    """

    trainer: Trainer
    model: LightningModule
    samples: list[EvaluationSample]
    folder: Path | None
    logged: dict[str, float] = field(default_factory=dict)


@dataclass(kw_only=True, eq=False)
class Explaining(Callback, ABC):
    """A callback that explains a model at the end of an evaluation; a subclass fills in `explain`.

    Args:
        images: Images of each evaluation set, at most, spread evenly over its classes.
        every_n_epochs: During a fit, the model is explained at the validations of each n-th epoch; 0 for never.
            `validate` and `test` always explain.
        seed: Decides which images are chosen.
        batch_size: Images a forward pass.
    """

    images: int = 32
    every_n_epochs: int = 0
    seed: int = 0
    batch_size: int = 32

    least: ClassVar[dict[str, int]] = {"images": 1, "every_n_epochs": 0, "batch_size": 1}
    """The settings that are counts, and the least that each can be; null is never refused."""

    def __post_init__(self) -> None:
        for name, least in self.least.items():
            count = getattr(self, name)
            if count is not None and count < least:
                raise ValueError(f"{name} is {least} or more, not {count}")
        for name, kind in get_type_hints(type(self)).items():
            if get_origin(kind) is Literal:
                check_choice(name, getattr(self, name), get_args(kind))

    @property
    def logs_in_fit(self) -> bool:
        """Whether a validation of a fit has metrics of this callback."""
        return self.every_n_epochs > 0

    @abstractmethod
    def explain(self, occasion: Occasion) -> None:
        """Explain the model; called on all ranks.

        Args:
            occasion: The evaluation that has just ended.
        """

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Explain the model, if this epoch is due."""
        stage = stage_due(trainer, self.every_n_epochs)
        if stage is None:
            return
        folder = run_folder(trainer)  # the first rank tells the others, so all ranks have to ask
        samples = evaluation_samples(trainer, self.images, self.seed)
        occasion = Occasion(trainer, pl_module, samples, None if folder is None else folder / EXPLAIN / stage)
        try:
            with untouched(pl_module):
                self.explain(occasion)
        finally:  # what was measured is logged, also where a file cannot be written
            # The numbers are those of all ranks already; sync_dist tells Lightning so.
            pl_module.log_dict(occasion.logged, sync_dist=True)

    on_test_epoch_end = on_validation_epoch_end


def check_choice(name: str, value: object, known: tuple[object, ...]) -> None:
    """Refuse a setting that is none of its known values.

    Args:
        name: What the setting is called.
        value: What was given.
        known: All that can be given.

    Raises:
        ValueError: If the value is not known.
    """
    if value not in known:
        raise ValueError(f"{name} is one of {', '.join(map(str, known))}, not {value!r}")
