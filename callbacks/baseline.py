"""Another checkpoint, to compare the current model with."""

from pathlib import Path

import torch
from lightning.pytorch.utilities import rank_zero_info
from lightning.pytorch.utilities.seed import isolate_rng

from aga_lightning.checkpoints.facts import compare, facts_of
from aga_lightning.checkpoints.reading import CheckpointError
from aga_lightning.training.models.classifier import ImageClassifier


def load_baseline(
    path: str | Path, num_classes: int, device: torch.device, datamodule: object = None
) -> ImageClassifier:
    """The classifier of a checkpoint that `fit` has written, in evaluation mode.

    Args:
        path: The checkpoint; it is read as plain data, so it can run no code.
        num_classes: How many classes the current model tells apart.
        device: Where to put it.
        datamodule: The data to compare on; their classes and their normalisation have to be the checkpoint's.

    Raises:
        CheckpointError: If there is no such file, it is no checkpoint of an ImageClassifier, or its classes are others.
    """
    try:
        with isolate_rng():  # a new net draws weights, which are replaced at once
            model = ImageClassifier.load_from_checkpoint(path)
        lines = compare(model.trained_on, facts_of(datamodule), path)
    except CheckpointError as error:
        raise CheckpointError(f"compare_to: {error}") from error
    if model.num_classes != num_classes:
        raise CheckpointError(
            f"compare_to: {path} tells {model.num_classes} classes apart, the current model {num_classes}; "
            "give a checkpoint that was trained on the same classes"
        )
    for line in lines:
        rank_zero_info(f"compare_to: {line}")
    return model.eval().to(device)
