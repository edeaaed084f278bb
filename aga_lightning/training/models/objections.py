"""What cannot work among the settings of a classifier: found on a net without numbers, before a run starts."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import skip_init

from aga_lightning.networks.network import without_numbers
from aga_lightning.networks.own_nets import OwnNet
from aga_lightning.networks.torchvision_nets import RESNET_WIDTH
from aga_lightning.networks.weights import Weights, fitting, read_weights
from aga_lightning.preflight import Run
from aga_lightning.training.models.parameters import parameter_groups, still
from aga_lightning.training.models.schedules import build_scheduler

_STEPS = 1000  # of a run whose length is known only once its data are


def objections(model: Any, run: Run) -> Iterator[str]:  # noqa: ANN401 an ImageClassifier, which imports this
    """What stands in the way of a run, a line each.

    Args:
        model: The classifier.
        run: What is about to start.
    """
    size = getattr(run.datamodule, "image_size", None)
    try:
        net = model.planned_net(size)
    except Exception as error:  # whatever the classes of others raise
        yield _cannot_be_built(model, size, error)
        return
    if size is not None and (complaint := _unusable(net, model.num_classes, size, run)):
        own = model.inputs.image_size
        remedy = f"set --data.image_size {own}" if own not in (None, size) else "set another data.image_size"
        yield f"{model.backbone} cannot work on images of {size} x {size} px ({complaint}): {remedy}"
    if run.verb != "fit":
        return
    if model.weights is not None:
        _check_weights(model, net, run)
    elif model.trained != "all" and not model.goes_on and not model.starts_trained:
        yield f"model.train is {model.trained}, but layers that stay random are no use: set model.weights"
    layer = skip_init(nn.Linear, 1, 1)  # type: ignore[no-untyped-call] # torch leaves it untyped
    optimizer = model.optimizer(parameter_groups(layer, model.decay_norms))
    endless = run.trainer.max_epochs == -1 and run.trainer.max_steps == -1
    build_scheduler(optimizer, model.schedule, float("inf") if endless else _STEPS, 10)


def _cannot_be_built(model: Any, size: int | None, error: Exception) -> str:  # noqa: ANN401 as above
    said = " ".join(str(error).split()) or type(error).__name__
    if model.width != RESNET_WIDTH:
        return f"{model.backbone} cannot be built with model.width {model.width}: {said}; choose another width"
    if isinstance(error, ValueError) and str(error).startswith("train is"):
        return f"model.{said}"
    own = model.inputs.image_size
    if isinstance(model.network, OwnNet) or own in (None, size):
        return f"{model.backbone} cannot be built: {said}"
    return f"{model.backbone} cannot be built for images of {size} x {size} px ({said}): set --data.image_size {own}"


def _unusable(net: nn.Module, num_classes: int, size: int, run: Run) -> str | None:
    """What a net without numbers says of images of a size; None where it takes them and gives their logits."""
    if next(net.parameters()).device.type != "meta":
        return None
    images = torch.zeros(min(2, getattr(run.datamodule, "batch_size", 2)), 3, size, size, device="meta")
    try:
        with torch.no_grad():
            net.train(run.verb == "fit")
            still(net)
            answer = net(images)
    except Exception as error:  # nets assert, index and reshape
        return " ".join(str(error).split())
    if isinstance(answer, Tensor) and answer.shape == (len(images), num_classes):
        return None
    what = tuple(answer.shape) if isinstance(answer, Tensor) else type(answer).__name__
    return f"it answers with {what} instead of logits {(len(images), num_classes)}"


def _check_weights(model: Any, net: nn.Module, run: Run) -> None:  # noqa: ANN401 as above
    network, weights = model.network, model.weights
    if weights in network.published:
        whole = without_numbers(lambda: network.as_published(weights)).state_dict()
        fitting(net, Weights(whole).converted(network, net).state, weights, model.head_rows)
        if run.network and model.missing_weights == "scratch":
            model.settle_weights()
        elif run.network:  # so that a network that fails does so before hours of work
            read_weights(network, weights)
        return
    fitting(net, read_weights(network, weights).converted(network, net).state, weights, model.head_rows)
