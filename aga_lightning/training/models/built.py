"""A classifier whose network is built late, from weights or without, frozen in parts, and trained at several rates."""

import math
from collections.abc import Sequence
from typing import Any, Literal, Self

import torch
from lightning.pytorch.utilities import rank_zero_info
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import nn

from aga_lightning.networks.backbones import build_network
from aga_lightning.networks.network import Inputs, UnreachableError, without_numbers
from aga_lightning.networks.own_nets import OwnNet
from aga_lightning.networks.weights import read_weights
from aga_lightning.training.models.checkpointed import CheckpointedClassifier
from aga_lightning.training.models.parameters import Trained, freeze, parameter_groups, slow_down, still
from aga_lightning.training.models.schedules import build_scheduler


class BuiltClassifier(CheckpointedClassifier):
    """What an `ImageClassifier` does with its network."""

    weights: str | None
    missing_weights: Literal["error", "scratch"]
    head_rows: Sequence[int] | None
    trained: Trained
    channels_last: bool
    compiled: bool

    @property
    def inputs(self) -> Inputs:
        """The images that the network was designed for, which the data module heeds unless it is set otherwise."""
        return self.network.inputs

    @property
    def starts_trained(self) -> bool:
        """Whether the network has learnt before; one of one's own may bring weights, so it is taken to have."""
        return self.weights is not None or isinstance(self.network, OwnNet)

    def configure_model(self) -> None:
        """Build the net, once; verbs that do not train or evaluate never do."""
        if hasattr(self, "net"):
            return
        self.settle_weights()
        if self._trainer is not None:  # the ranks start alike, wherever each one's files lie
            self.weights = self.trainer.strategy.broadcast(self.weights)
        names = getattr(self.datamodule, "class_names", None)
        size = getattr(self.datamodule, "image_size", self.trained_on.image_size)
        net = build_network(self.network, self.num_classes, self.weights, self.head_rows, names, size)
        freeze(net, self.trained)
        self.net = net.to(memory_format=torch.channels_last) if self.channels_last else net
        if self.compiled:
            self.net.compile()  # in place, so that the names of the weights stay

    def settle_weights(self) -> None:
        """Start from random weights after all, where `missing_weights` says so and the weights cannot be had."""
        if self.weights is None or self.missing_weights == "error":
            return
        with torch.random.fork_rng(devices=[]):  # a network draws weights before it reads any
            try:
                read_weights(self.network, self.weights)
            except UnreachableError as error:
                if self.trained != "all":
                    raise  # layers that are frozen have to have learnt before
                rank_zero_info(f"Training starts from random weights, which takes more photos and epochs: {error}")
                self.weights = None

    def planned_net(self, image_size: int | None = None) -> nn.Module:
        """The net that `configure_model` will build, without its weights, and where possible without numbers.

        Nothing is drawn from the random generators.

        Args:
            image_size: Height and width of the images in pixels; None for what the network was designed for.
        """
        network, count = self.network, self.num_classes
        net = without_numbers(lambda: network.build(count, image_size), surely=isinstance(network, OwnNet))
        freeze(net, self.trained)
        return net

    def train(self, mode: bool = True) -> Self:
        """Set training or evaluation mode; frozen layers stay in evaluation.

        Args:
            mode: Whether to set training mode.
        """
        super().train(mode)
        if self.trained != "all" and hasattr(self, "net"):
            still(self.net)
        return self

    def on_train_epoch_start(self) -> None:
        """Put frozen layers into evaluation; Lightning warns where some are so before a fit starts."""
        if self.trained != "all":
            still(self.net)

    def grouped(self, net: nn.Module) -> list[dict[str, Any]]:
        """The parameters of the net in groups for an optimiser."""
        return parameter_groups(net, self.decay_norms, apart=self.body_lr < 1, by_stage=self.layer_decay < 1)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """The optimiser over decayed and spared parameters, and the schedule over the trainer's optimiser steps."""
        optimizer = self.optimizer(self.grouped(self.net))
        if self.starts_trained and min(self.body_lr, self.layer_decay) < 1:
            slow_down(optimizer, self.body_lr, self.layer_decay)
        total_steps = self.trainer.estimated_stepping_batches
        # Asked for only now: the trainer knows its batches once it has estimated the steps.
        steps_per_epoch = self.trainer.num_training_batches / self.trainer.accumulate_grad_batches
        if math.isfinite(steps_per_epoch):
            steps_per_epoch = math.ceil(steps_per_epoch)
        scheduler = build_scheduler(optimizer, self.schedule, total_steps, steps_per_epoch)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}
