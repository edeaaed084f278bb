"""Read a classifier of torchvision from a file, whatever classes, width and stem it was trained with."""

import torch
import torchvision
from torch import nn
from torchvision.models import ResNet

from aga_lightning.checkpoints.facts import Facts
from aga_lightning.networks.backbones import build_backbone
from aga_lightning.networks.stages import head_names
from aga_lightning.networks.weights import fit_weights
from aga_lightning.networks.weights_files import WeightsError, read_weights_file


def read_classifier(backbone: str, weights: str) -> tuple[nn.Module, Facts]:
    """Build a classifier from a file of its weights; what the file tells of its training.

    Args:
        backbone: Which of torchvision's classifiers it is.
        weights: A .safetensors, .pth, .pt or .ckpt file of its state dict, bare or in a checkpoint.

    Returns:
        The classifier on the CPU, from images (N, 3, H, W) to logits (N, classes), and the names of its classes and the
        normalisation of its images, where it is a checkpoint that tells them.

    Raises:
        WeightsError: If the file is missing, damaged, or of another classifier.
    """
    state, facts = read_weights_file(weights)
    with torch.device("meta"):
        plain: nn.Module = torchvision.models.get_model(backbone)
    head = f"{head_names(plain)[0]}.weight"
    if head not in state:
        raise WeightsError(f"{weights} holds no {head}, so it is no {backbone}: give the backbone it was saved from")
    stem = state.get("conv1.weight")
    with torch.random.fork_rng(devices=[]):  # the first, random weights must not move the seed of a training
        if isinstance(plain, ResNet) and stem is not None:
            small = stem.shape[-1] == 3
            net = build_backbone(backbone, len(state[head]), None, "small" if small else "imagenet", len(stem))
        else:
            net = build_backbone(backbone, len(state[head]))
    fit_weights(net, state, weights)
    return net, facts
