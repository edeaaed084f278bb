"""Use a model while it is being trained, and leave it as it was."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from lightning.pytorch.utilities.seed import isolate_rng
from torch import nn

from aga_lightning.explain.prediction import evaluation_mode


@contextmanager
def untouched(model: nn.Module) -> Iterator[None]:
    """A block in which a model is in evaluation mode and gradients can be had.

    After it each module is in the mode that it was in, and the random generators of Python, NumPy and torch, on all
    devices, go on as if nothing had been drawn. Lightning evaluates in inference mode and in the trainer's precision;
    neither holds in the block, so tensors that were made outside have to be cloned before they take part in gradients.

    Args:
        model: The model to use. Gradients have to be taken by `torch.autograd.grad`, as captum does: `backward`
            would add to those of the parameters.
    """
    device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
    with (
        evaluation_mode(model),
        isolate_rng(),
        torch.inference_mode(mode=False),
        torch.enable_grad(),
        torch.autocast(device.type, enabled=False),
    ):
        yield
