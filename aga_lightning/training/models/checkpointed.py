"""A classifier whose checkpoints tell what it was trained on, and are compared with the data they are used on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, StochasticWeightAveraging
from lightning.pytorch.cli import OptimizerCallable
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities import rank_zero_info
from torch import nn
from torch.optim import Optimizer

from aga_lightning.checkpoints.facts import KEY, Facts, compare, facts_in, facts_of
from aga_lightning.checkpoints.going_on import Plan, check_going_on, check_schedule_end
from aga_lightning.checkpoints.keeping import renamed_states
from aga_lightning.checkpoints.reading import CheckpointError, read_checkpoint
from aga_lightning.networks.architecture import Architecture, architecture_in
from aga_lightning.networks.backbones import is_published
from aga_lightning.networks.network import Network
from aga_lightning.networks.torchvision_nets import Stem
from aga_lightning.networks.weights_files import listed, misfits
from aga_lightning.training.models.optimizers import optimizer_in, plain_settings
from aga_lightning.training.models.schedules import Schedule

_NOT_SETTINGS = ("optimizer", "schedule", "weights", "head", "compile", "_instantiator")


class CheckpointedClassifier(LightningModule):
    """What an `ImageClassifier` does with checkpoints: they are plain data, and tell their classes and images."""

    net: nn.Module
    num_classes: int
    network: Network
    backbone: str
    stem: Stem
    width: int
    decay_norms: bool
    body_lr: float
    layer_decay: float
    optimizer: OptimizerCallable
    schedule: Schedule
    trained_on: Facts = Facts()
    """What a classifier was trained on that comes from a checkpoint; without facts where that tells none."""
    goes_on: bool = False
    """Whether its weights are to come from a checkpoint."""

    def planned_net(self, image_size: int | None = None) -> nn.Module:
        """The net without its weights, for images of a size in pixels."""
        raise NotImplementedError

    def grouped(self, net: nn.Module) -> list[dict[str, Any]]:
        """The parameters of a net in groups for an optimiser."""
        raise NotImplementedError

    @property
    def datamodule(self) -> Any:  # noqa: ANN401 a user may have another one than ours
        """The data module that the present run is on; None without one, and without a trainer."""
        try:
            return getattr(self.trainer, "datamodule", None)
        except RuntimeError:  # how Lightning says that there is no trainer
            return None

    def differences(
        self, checkpoint: Mapping[str, Any], trainer: Trainer, datamodule: object, fitting: bool, source: str
    ) -> list[str]:
        """Refuse a checkpoint that is of other classes, or that the training cannot go on from.

        Args:
            checkpoint: Its content; of its weights, if they are there, names and shapes.
            trainer: Where it is to be used.
            datamodule: What it is to be used on; None if that is not known.
            fitting: Whether a training goes on from it.
            source: The checkpoint's name, for messages.

        Returns:
            A line for each difference that is allowed.

        Raises:
            CheckpointError: If it must not be used.
        """
        lines = compare(facts_in(checkpoint, source), facts_of(datamodule), source)
        trained = architecture_in(checkpoint, source)
        present = Architecture(self.backbone, self.stem, self.width, self.num_classes)
        if trained.bare != present.bare:
            raise CheckpointError(f"{source} is of another network: {trained}, not {present}")
        if problems := self._misfits(checkpoint, datamodule):
            size, trained_size = getattr(datamodule, "image_size", None), facts_in(checkpoint, source).image_size
            sizes = "" if size == trained_size else f" (it was trained with --data.image_size {trained_size})"
            raise CheckpointError(f"{source} does not fit this network{sizes}: {listed(problems)}")
        if fitting:
            lines += check_going_on(checkpoint, self._plan(trainer), source)
        return lines

    def _misfits(self, checkpoint: Mapping[str, Any], datamodule: object) -> list[str]:
        """How the weights of a checkpoint differ from the net's in names and shapes."""
        state = checkpoint.get("state_dict")
        if state is None:
            return []
        if hasattr(self, "net") and not self.trainer.strategy.restore_checkpoint_after_setup:
            return misfits(self.state_dict(), state)
        planned = self.planned_net(getattr(datamodule, "image_size", None)).state_dict()  # no rank may have all of it
        return misfits({f"net.{name}": value for name, value in planned.items()}, state)

    def configure_callbacks(self) -> list[Callback]:
        """None; but weights are averaged over a copy that Lightning takes before the network is built, so build it."""
        callbacks: list[Callback] = self.trainer.callbacks  # type: ignore[attr-defined] # set by a connector
        if any(isinstance(callback, StochasticWeightAveraging) for callback in callbacks):
            self.configure_model()
        return []

    def on_train_start(self) -> None:
        """Refuse a training that is longer than the schedule it goes on with.

        Raises:
            CheckpointError: If it is.
        """
        for config in self.trainer.lr_scheduler_configs:
            end = getattr(config.scheduler, "total_steps", None)
            if self.trainer.ckpt_path is not None and isinstance(end, int):
                check_schedule_end(end, int(self.trainer.estimated_stepping_batches), self.trainer.ckpt_path)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Tell what was trained on; forget where training started from: a checkpoint brings its own weights."""
        checkpoint[self.CHECKPOINT_HYPER_PARAMS_KEY] |= {"weights": None, "head": "new"}
        facts = facts_of(self.datamodule).as_data()
        optimizer = self._example_optimizer()
        told = {"optimizer": type(optimizer).__name__, "optimizer_settings": plain_settings(optimizer)}
        checkpoint[KEY] = facts | told | {"schedule": self.schedule.name}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Compare what a checkpoint was trained on with the data at hand; say what differs.

        Raises:
            CheckpointError: If its answers would be wrong, or the training cannot go on from it.
        """
        source = str(self.trainer.ckpt_path or "the checkpoint")
        fitting = self.trainer.state.fn == TrainerFn.FITTING
        lines = self.differences(checkpoint, self.trainer, self.datamodule, fitting, source)
        renamed_states(checkpoint)
        for line in lines:
            rank_zero_info(line)

    @classmethod
    def load_from_checkpoint(  # type: ignore[override] # Lightning's is no plain classmethod
        cls,
        checkpoint_path: str | Path,
        map_location: Any = None,  # noqa: ANN401 as torch.load takes it
        hparams_file: str | Path | None = None,
        strict: bool | None = None,
        weights_only: bool | None = None,
        **kwargs: Any,  # noqa: ANN401 the constructor's
    ) -> Self:
        """The classifier of a checkpoint, which is read as data: Lightning's own makes what a checkpoint names.

        Args:
            checkpoint_path: The file.
            map_location: Where the weights go; the CPU by default.
            hparams_file: Not used.
            strict: Not used: all weights have to fit.
            weights_only: Not used: pickled objects are never read.
            kwargs: Settings that win over those of the checkpoint. Of optimisers, only those of `torch.optim` come
                back by their names.

        Raises:
            CheckpointError: If the file cannot be read, or is no checkpoint of an ImageClassifier.
        """
        checkpoint = read_checkpoint(checkpoint_path, "cpu" if map_location is None else map_location)
        trained = architecture_in(checkpoint, checkpoint_path)
        if not is_published(trained.backbone) and "backbone" not in kwargs:
            raise CheckpointError(
                f"{checkpoint_path} is of a network of your own, {trained.backbone}, which a checkpoint only names: "
                "give it as the argument backbone"
            )
        told = checkpoint[cls.CHECKPOINT_HYPER_PARAMS_KEY]
        settings = {name: value for name, value in told.items() if name not in _NOT_SETTINGS}
        try:
            schedule = told.get("schedule")
            known = {} if schedule is None else {"schedule": Schedule(**schedule)}
            known |= optimizer_in(checkpoint)
            model = cls(**(settings | known | kwargs))
        except (TypeError, ValueError, KeyError) as error:
            raise CheckpointError(f"the settings in {checkpoint_path} make no {cls.__name__} ({error})") from error
        model.trained_on = facts_in(checkpoint, checkpoint_path)
        model.configure_model()
        problems = misfits(model.state_dict(), checkpoint["state_dict"])
        if problems:
            raise CheckpointError(f"{checkpoint_path} does not fit its own settings: {listed(problems)}")
        model.load_state_dict(checkpoint["state_dict"])
        return model

    def _example_optimizer(self) -> Optimizer:
        """An optimiser of a parameter that nothing uses: its class and its settings are those of the training."""
        return self.optimizer([nn.Parameter(torch.zeros(1))])

    def _plan(self, trainer: Trainer) -> Plan:
        optimizer = self._example_optimizer()
        return Plan(
            max_epochs=None if trainer.max_epochs in (None, -1) else trainer.max_epochs,
            max_steps=None if trainer.max_steps == -1 else trainer.max_steps,
            optimizer=type(optimizer).__name__,
            defaults=optimizer.defaults,
            groups=len(self.grouped(self.planned_net())),
            schedule=self.schedule.name,
            settings=self.hparams,
        )
