"""A random checkpoint of torchvision's smallest detector."""

from pathlib import Path

import torch
from torchvision.models import get_model

ARCHITECTURE = "ssdlite320_mobilenet_v3_large"
CATEGORIES = ["background", "bird", "dog"]


def save_torchvision_detector(file: Path, seed: int = 0) -> Path:
    """Save a state dict of random weights for three categories."""
    torch.manual_seed(seed)
    detector = get_model(ARCHITECTURE, weights=None, weights_backbone=None, num_classes=len(CATEGORIES))
    for layer in detector.modules():
        if isinstance(layer, torch.nn.Conv2d):  # as they start, they let nothing of the image through
            torch.nn.init.kaiming_normal_(layer.weight)
    torch.save(detector.state_dict(), file)
    return file
