"""An optimiser as plain values, and back: by its name, and only one of `torch.optim`."""

import inspect
from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch.optim import Optimizer

from aga_lightning.checkpoints.facts import KEY

_PLAIN = (bool, int, float, str, type(None))


def plain_settings(optimizer: Optimizer) -> dict[str, Any]:
    """The settings of an optimiser that are numbers, words, or rows of them."""
    settings: dict[str, Any] = optimizer.defaults
    return {
        name: value
        for name, value in settings.items()
        if isinstance(value, _PLAIN) or (isinstance(value, tuple) and all(isinstance(one, _PLAIN) for one in value))
    }


def optimizer_in(checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    """The optimiser of a checkpoint as an `optimizer` for an `ImageClassifier`.

    Args:
        checkpoint: Its content. The class is a name among those of `torch.optim`; nothing else is looked up.

    Returns:
        The one argument; none where the checkpoint tells no such optimiser.
    """
    told = checkpoint.get(KEY)
    name = told.get("optimizer") if isinstance(told, dict) else None
    settings = told.get("optimizer_settings") if isinstance(told, dict) else None
    known = {kind.__name__: kind for kind in vars(torch.optim).values() if _is_optimizer(kind)}
    if not isinstance(name, str) or name not in known or not isinstance(settings, dict):
        return {}
    accepted = inspect.signature(known[name]).parameters
    return {"optimizer": partial(known[name], **{key: settings[key] for key in settings if key in accepted})}


def _is_optimizer(kind: object) -> bool:
    return inspect.isclass(kind) and issubclass(kind, Optimizer) and kind is not Optimizer
