"""Weights for a classifier: read them by a published name or from a local file, and fit them to a net."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from lightning.pytorch.utilities import rank_zero_info
from torch import Tensor, nn

from aga_lightning.checkpoints.facts import other_classes
from aga_lightning.networks.network import Network
from aga_lightning.networks.stages import head_names
from aga_lightning.networks.weights_files import StateDict, WeightsError, listed, misfits, read_weights_file


class Weights(NamedTuple):
    """Weights as they were read.

    Args:
        state: The state dict of a classifier, on the CPU.
        classes: The names of its classes, in order; None where the file tells none.
    """

    state: StateDict
    classes: tuple[str, ...] | None = None

    def converted(self, network: Network, net: nn.Module) -> "Weights":
        """The weights as the present version of a network names and shapes them.

        Args:
            network: Which one.
            net: The same, built; it may be one without numbers.
        """
        return self._replace(state=network.converted(self.state, net))

    def for_classes(self, net: nn.Module, names: Sequence[str], source: str) -> "Weights":
        """The weights with a head for other classes: the same ones in another order are reordered, by their names.

        Args:
            net: A net for as many classes as there are names.
            names: The classes in the order that the head is to have.
            source: Where the weights come from, for the message.

        Returns:
            The weights; with the net's own head where they are of as many classes with other names, which is told.
        """
        classes = self.classes
        if classes is None or len(classes) != len(names) or other_classes(classes, names) is None:
            return self
        head = {f"{name}.{kind}" for name in head_names(net) for kind in ("weight", "bias")}
        if sorted(classes) == sorted(names):
            rows = [classes.index(name) for name in names]
            return Weights({key: value[rows] if key in head else value for key, value in self.state.items()})
        rank_zero_info(f"{source} was {other_classes(classes, names)}. The last layer starts from random weights")
        own = net.state_dict()
        return Weights({key: own[key] if key in head else value for key, value in self.state.items()})


def read_weights(network: Network, weights: str) -> Weights:
    """Read weights for a classifier.

    Args:
        network: The classifier.
        weights: The name of published weights ("IMAGENET1K_V1", "DEFAULT"), or a local .safetensors, .pt, .pth
            or .ckpt file of a state dict of that classifier, bare or in a checkpoint.

    Returns:
        The state dict, and the names of its classes if they are known.

    Raises:
        UnreachableError: If published weights are not on this machine and cannot be downloaded.
        WeightsError: If there is no such name or file, or it cannot be read.
    """
    if weights in network.published:
        return Weights(network.fetch(weights))
    if not Path(weights).expanduser().is_file():
        names = f", or a published name: {', '.join(network.published)}" if network.published else ""
        raise WeightsError(
            f"There are no weights {weights!r} for {network.name}: give a file that exists (.safetensors, .pt, .pth, "
            f".ckpt){names}. None are used with --model.weights null."
        )
    state, facts = read_weights_file(weights)
    return Weights(state, facts.classes)


def fit_weights(
    net: nn.Module, state: Mapping[str, Tensor], source: str, head_rows: Sequence[int] | None = None
) -> None:
    """Load a state dict into a net; a head with another number of classes is left as the net has it, or cut down.

    Args:
        net: A classifier.
        state: A state dict of the same classifier, with any number of classes.
        source: Where it comes from, for the message.
        head_rows: Which outputs of a head with more classes the net's are, in order: the net's head takes those rows,
            and its logits equal those of the whole head. Weights of as many classes as the net has are taken as they
            are. None leaves a head with another number of classes out.

    Raises:
        WeightsError: If a weight of the body is missing, unknown or of another shape, which the message names, or the
            weights' head does not have the rows.
    """
    own = net.state_dict()  # it also tells versions of layers, which a plain dict would not
    own.update(fitting(net, state, source, head_rows))
    net.load_state_dict(own)


def fitting(
    net: nn.Module, state: Mapping[str, Tensor], source: str, head_rows: Sequence[int] | None = None
) -> StateDict:
    """What `fit_weights` loads into a net, which may be one without numbers, on the device meta.

    Args:
        net: As there, and so are the others.
        state: The state dict.
        source: Where it comes from.
        head_rows: Which outputs of a head the net's are.

    Raises:
        WeightsError: As there.
    """
    own = net.state_dict()
    head = tuple(f"{name}.{kind}" for name in head_names(net) for kind in ("weight", "bias"))
    # Only the number of classes, which is the first dimension, may differ.
    other_head = {
        key
        for key in head
        if key in own and key in state and own[key].shape != state[key].shape
        if own[key].dim() == state[key].dim() and own[key].shape[1:] == state[key].shape[1:]
    }
    if state and state.keys().isdisjoint(head):  # of a network that was published without a head
        other_head = own.keys() & head
        state = {**state, **{key: own[key] for key in other_head}}
    elif head_rows is not None and other_head:
        _check_rows(len(own[head[0]]), min(len(state[key]) for key in other_head), head_rows, source)
        state = {**state, **{key: state[key][list(head_rows)] for key in other_head}}
        other_head = set()
    problems = misfits(own, state, other_head)
    if problems:
        raise WeightsError(
            f"The weights {source} do not fit this net: {listed(problems)}. "
            "Use the backbone, stem and width that they were trained with, or none (model.weights null)."
        )
    return {key: value for key, value in state.items() if key not in other_head}


def _check_rows(num_classes: int, available: int, rows: Sequence[int], source: str) -> None:
    """Refuse rows of a head that are not one for each class of the net, or that the weights do not have."""
    if len(rows) != num_classes:
        raise WeightsError(
            f"Of the head of the weights {source} {len(rows)} rows are asked for, but the net has {num_classes} "
            "classes: give one row a class."
        )
    lacking = [row for row in rows if not 0 <= row < available]
    if lacking:
        raise WeightsError(
            f"The weights {source} tell {available} classes apart, so that their head has no row {lacking[0]}: use "
            "weights for ImageNet's 1000 classes, or set the head to new to start it from random weights."
        )
