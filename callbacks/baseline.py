"""Another checkpoint, to compare the current model with."""

import pickle
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.utilities.seed import isolate_rng

from aga_lightning.models.classifier import ImageClassifier
from aga_lightning.models.weights import WeightsError, fit_weights

_ARCHITECTURE = ("backbone", "stem", "width", "channels_last")


def load_baseline(path: str | Path, num_classes: int, device: torch.device) -> ImageClassifier:
    """The classifier of a checkpoint that `fit` has written, in evaluation mode.

    Args:
        path: The checkpoint; it is read with `weights_only`, so it can run no code.
        num_classes: How many classes the current model tells apart.
        device: Where to put it.

    Raises:
        WeightsError: If there is no such file, it is no checkpoint of an ImageClassifier, or its classes are others.
    """
    try:
        checkpoint: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise WeightsError(f"compare_to: {path} does not exist; give the checkpoint of a finished fit") from error
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        raise WeightsError(f"compare_to: {path} cannot be read as a checkpoint ({error}); train it again") from error
    settings = checkpoint.get("hyper_parameters") if isinstance(checkpoint, dict) else None
    if not isinstance(settings, dict) or "backbone" not in settings or "state_dict" not in checkpoint:
        raise WeightsError(f"compare_to: {path} is no checkpoint of an ImageClassifier; give one that fit has written")
    found = int(settings["num_classes"])
    if found != num_classes:
        raise WeightsError(
            f"compare_to: {path} tells {found} classes apart, the current model {num_classes}; "
            "give a checkpoint that was trained on the same classes"
        )
    model = ImageClassifier(found, **{name: settings[name] for name in _ARCHITECTURE if name in settings})
    with isolate_rng():  # a new net draws weights, which are replaced at once
        model.configure_model()
    weights = {
        key.removeprefix("net."): value for key, value in checkpoint["state_dict"].items() if key.startswith("net.")
    }
    fit_weights(model.net, weights, str(path))
    return model.eval().to(device)
