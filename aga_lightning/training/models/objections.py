"""What cannot work among the settings of a classifier: found on a net without numbers, before a run starts."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import nn
from torch.nn.utils import skip_init

from aga_lightning.networks.backbones import build_backbone
from aga_lightning.networks.weights import fitting, read_weights
from aga_lightning.preflight import Run
from aga_lightning.training.models.parameters import parameter_groups
from aga_lightning.training.models.schedules import build_scheduler

_STEPS = 1000  # of a run whose length is known only once its data are


def planned_net(model: Any) -> nn.Module:  # noqa: ANN401 an ImageClassifier, which imports this
    """The net of a classifier as it will be built, without its weights, and without numbers where that is possible.

    Nothing is drawn from the random generators.
    """
    settings = (model.backbone, model.num_classes, None, model.stem, model.width)
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with torch.device("meta"):
                return build_backbone(*settings)
        except NotImplementedError:  # RegNets look at numbers while they are built
            return build_backbone(*settings)


def objections(model: Any, run: Run) -> Iterator[str]:  # noqa: ANN401 an ImageClassifier, which imports this
    """What stands in the way of a run, a line each.

    Args:
        model: The classifier.
        run: What is about to start.
    """
    try:
        net = planned_net(model)
    except (ValueError, RuntimeError, IndexError) as error:
        yield f"{model.backbone} cannot be built with model.width {model.width}: {error}; choose another width"
        return
    size = getattr(run.datamodule, "image_size", None)
    if size is not None and (complaint := _too_small(net, size, run)):
        yield f"{model.backbone} cannot work on images of {size} x {size} px ({complaint}): set another data.image_size"
    if run.verb != "fit":
        return
    if model.weights is not None:
        _check_weights(model, net, run)
    layer = skip_init(nn.Linear, 1, 1)  # type: ignore[no-untyped-call] # torch leaves it untyped
    optimizer = model.optimizer(parameter_groups(layer, model.decay_norms))
    endless = run.trainer.max_epochs == -1 and run.trainer.max_steps == -1
    build_scheduler(optimizer, model.schedule, float("inf") if endless else _STEPS, 10)


def _too_small(net: nn.Module, size: int, run: Run) -> str | None:
    """What a net without numbers says of images of a size; None where it takes them."""
    if next(net.parameters()).device.type != "meta":
        return None
    images = torch.zeros(min(2, getattr(run.datamodule, "batch_size", 2)), 3, size, size, device="meta")
    try:
        with torch.no_grad():
            answer = net.train(run.verb == "fit")(images)
    except Exception as error:  # nets assert, index and reshape
        return " ".join(str(error).split())
    return None if answer.shape[0] == len(images) else "it answers with something else than a row an image"


def _check_weights(model: Any, net: nn.Module, run: Run) -> None:  # noqa: ANN401 as above
    published = torchvision.models.get_model_weights(model.backbone)
    if model.weights in published.__members__:
        with torch.random.fork_rng(devices=[]):
            try:
                with torch.device("meta"):
                    whole = torchvision.models.get_model(model.backbone)
            except NotImplementedError:
                whole = torchvision.models.get_model(model.backbone)
        fitting(net, whole.state_dict(), model.weights, model.head_rows)
        if run.network and model.missing_weights == "scratch":
            model.settle_weights()
        elif run.network:  # so that a network that fails does so before hours of work
            read_weights(model.backbone, model.weights)
        return
    fitting(net, read_weights(model.backbone, model.weights).state, str(Path(model.weights)), model.head_rows)
