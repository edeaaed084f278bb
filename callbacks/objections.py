"""Settings of explaining callbacks that cannot work, found before a run starts."""

from collections.abc import Iterator

import torch
from lightning.pytorch import LightningModule

from aga_lightning.callbacks.baseline import load_baseline
from aga_lightning.callbacks.network import NamedNet
from aga_lightning.explain.layers import find_map
from aga_lightning.preflight import Run


def unknown_layer(run: Run, layer: str | None) -> Iterator[str]:
    """Give a line if a layer of a classifier is not there or gives no feature map; for none named, if none does.

    Args:
        run: The run that is about to start; a model that does not tell which net it will have is not checked.
        layer: The dotted name of a layer; None for the last feature map.
    """
    planned = getattr(run.model, "planned_net", None)
    size = getattr(run.datamodule, "image_size", None)
    if planned is None or size is None:
        return
    net = NamedNet(planned(size))
    parameter = next(net.parameters())
    try:
        find_map(net, layer, torch.zeros(1, 3, size, size, device=parameter.device))
    except ValueError as error:
        yield f"layer: {error}"
    except Exception:  # the net does not take such images at all, which the model itself objects to
        return


def unusable_baseline(run: Run, compare_to: str | None) -> Iterator[str]:
    """Give a line if a checkpoint to compare with cannot be used.

    Args:
        run: The run that is about to start.
        compare_to: The checkpoint; None for none.
    """
    model: LightningModule = run.model
    num_classes = getattr(model, "num_classes", None)
    if compare_to is None or num_classes is None:
        return
    try:
        load_baseline(compare_to, num_classes, torch.device("cpu"), run.datamodule)
    except ValueError as error:
        yield str(error)
