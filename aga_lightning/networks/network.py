"""What all kinds of networks have in common: how one is built, which images it takes, which weights are published."""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from aga_lightning.networks.weights_files import StateDict, WeightsError


class UnreachableError(WeightsError):
    """Published weights that are neither on this machine nor can be downloaded."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """The images that a network was designed for; None stands for what it does not tell.

    Args:
        image_size: Height and width in pixels.
        mean: Per-channel mean by which values in 0..1 are normalised.
        std: Per-channel standard deviation.
    """

    image_size: int | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None


class Network(ABC):
    """A classifier from images (N, 3, H, W) to logits (N, num_classes), not built yet.

    Attributes:
        name: Its name, as a configuration has it and a checkpoint tells it.
    """

    name: str

    @abstractmethod
    def build(self, num_classes: int, image_size: int | None = None) -> nn.Module:
        """The network with random weights, in training mode.

        Args:
            num_classes: How many classes its last layer tells apart.
            image_size: Height and width of its images in pixels, for those that are built for one size; None for the
                size that it was designed for.
        """

    @property
    def inputs(self) -> Inputs:
        """The images that it was designed for."""
        return Inputs()

    @property
    def published(self) -> Sequence[str]:
        """What weights that can be downloaded are called."""
        return ()

    def with_weights(self, weights: str | None) -> "Network":
        """The network as it is with some weights, which may have been trained on other images than others."""
        return self

    def as_published(self, weights: str) -> nn.Module:
        """The network that some published weights are of, with random weights."""
        raise NotImplementedError

    def file(self, weights: str) -> Path | None:
        """Where published weights lie once they are downloaded; None for a name that is not published."""
        return None

    def fetch(self, weights: str) -> StateDict:
        """Published weights, downloaded if need be.

        Raises:
            UnreachableError: If they are not on this machine and cannot be downloaded.
            WeightsError: If the file is damaged.
        """
        raise NotImplementedError

    def converted(self, state: Mapping[str, Tensor], net: nn.Module) -> StateDict:
        """Weights under the names and in the shapes that a network has; files of earlier versions have others.

        Args:
            state: As a file has them.
            net: The network, which may be one without numbers.
        """
        return dict(state)


def without_numbers(build: Callable[[], nn.Module], surely: bool = False) -> nn.Module:
    """A network without memory for its weights, on the device meta; where it cannot be built so, a whole one.

    Nothing is drawn from the random generators.

    Args:
        build: Builds it.
        surely: Whether any error on the device meta may be due to that device.
    """
    errors: tuple[type[Exception], ...] = (Exception,) if surely else (NotImplementedError,)
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with torch.device("meta"):
                return build()
        except errors:  # RegNets, for one, look at numbers while they are built
            return build()
