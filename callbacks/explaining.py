"""What callbacks that explain a model share: when they act, on which images, in which folder, and what they log."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal, get_args, get_origin, get_type_hints

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.trainer.states import TrainerFn
from torch import nn

from aga_lightning.callbacks.data_facts import class_names, pixels_of
from aga_lightning.callbacks.evaluation_sample import EvaluationSample, evaluation_samples
from aga_lightning.callbacks.network import check_logits, network_in
from aga_lightning.callbacks.untouched import untouched
from aga_lightning.preflight import SettingError
from aga_lightning.run_folder import EXPLAIN
from aga_lightning.training.run_stage import run_folder, stage_due

_LOOKED_AT = 4  # images of each set before an evaluation: enough to meet two classes


@dataclass(frozen=True, slots=True, eq=False)
class Occasion:
    """An evaluation that has just ended and is to be explained.

    Args:
        trainer: The trainer that has evaluated.
        model: The model, in evaluation mode; gradients can be had, and the random generators are restored afterwards.
        network: What gives logits of images: the model, or the part of it that does.
        samples: The chosen images of each evaluation set.
        folder: Where files of this stage are written, explain/<stage> in the run's folder; None where nothing is.
        logged: The numbers to log, by name, which the callback adds; they have to be those of all ranks already.
    """

    trainer: Trainer
    model: LightningModule
    network: nn.Module
    samples: list[EvaluationSample]
    folder: Path | None
    logged: dict[str, float] = field(default_factory=dict)


@dataclass(kw_only=True, eq=False)
class Explaining(Callback, ABC):
    """A callback that explains a model at the end of an evaluation; a subclass fills in `explain`.

    It explains any LightningModule whose forward gives logits of images, or which has one part with weights that does,
    on DataLoaders of any data set with places. What the data module does not say is set here: without a word about
    their normalisation, images have to lie in 0..1.

    Args:
        images: Images of each evaluation set, at most, spread evenly over its classes.
        every_n_epochs: During a fit, the model is explained at the validations of each n-th epoch; 0 for never.
            `validate` and `test` always explain.
        seed: Decides which images are chosen.
        batch_size: Images a forward pass.
        mean: What the images were normalised by, a number a channel, of values in 0..1; null for what the data module
            says.
        std: The same.
        class_names: What the classes are called, in the order of their labels; null for what the data module says.
    """

    images: int = 32
    every_n_epochs: int = 0
    seed: int = 0
    batch_size: int = 32
    mean: Sequence[float] | None = None
    std: Sequence[float] | None = None
    class_names: Sequence[str] | None = None

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
        if (self.mean is None) != (self.std is None):
            raise ValueError("mean and std are given together, or left out")
        if self.std is not None and min(self.std, default=0) <= 0:
            raise ValueError(f"std is above 0 in each channel, not {list(self.std)}")

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

    def names(self, trainer: Trainer, count: int) -> tuple[str, ...]:
        """What the classes are called; their numbers where nobody says.

        Args:
            trainer: One with its data.
            count: How many classes there are, at least.
        """
        return class_names(trainer, count, self.class_names)

    def samples(self, trainer: Trainer, count: int) -> list[EvaluationSample]:
        """Images of each evaluation set.

        Args:
            trainer: One that is validating or testing.
            count: Of each set, at most.
        """
        return evaluation_samples(trainer, count, self.seed, pixels_of(trainer, self.mean, self.std))

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Refuse data and models that could not be explained, before the training."""
        if self.every_n_epochs > 0:
            self._look_ahead(trainer, pl_module)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Refuse data and models that cannot be explained, before the evaluation."""
        if trainer.state.fn != TrainerFn.FITTING:
            self._look_ahead(trainer, pl_module)

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Refuse data and models that cannot be explained, before the evaluation."""
        self._look_ahead(trainer, pl_module)

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Explain the model, if this epoch is due."""
        stage = stage_due(trainer, self.every_n_epochs)
        if stage is None:
            return
        folder = run_folder(trainer)  # the first rank tells the others, so all ranks have to ask
        folder = None if folder is None else folder / EXPLAIN / stage
        with self._told():
            samples = self.samples(trainer, self.images)
            occasion = Occasion(trainer, pl_module, network_in(pl_module), samples, folder)
            try:
                with untouched(pl_module):
                    self.explain(occasion)
            finally:  # what was measured is logged, also where a file cannot be written
                # The numbers are those of all ranks already; sync_dist tells Lightning so.
                pl_module.log_dict(occasion.logged, sync_dist=True)

    on_test_epoch_end = on_validation_epoch_end

    def _look_ahead(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Show a few images of each set to the network."""
        with self._told(), untouched(pl_module):
            network = network_in(pl_module)
            for sample in self.samples(trainer, min(self.images, _LOOKED_AT)):
                if len(sample):
                    found = sample.examples(sample.ids)
                    check_logits(network, found.images, found.labels, type(pl_module).__name__)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """A block whose refusals say which callback they come from."""
        try:
            yield
        except SettingError as error:
            raise SettingError(f"{type(self).__name__}: {error}") from error


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
