"""Read a classifier of torchvision from a file, whatever classes, width and stem it was trained with."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torchvision
from safetensors.torch import load_file
from torch import Tensor, nn
from torchvision.models import ResNet

from aga_lightning.augment.pretrained import PretrainedError
from aga_lightning.checkpoints.facts import Facts, facts_in
from aga_lightning.checkpoints.reading import CheckpointError

_WIDTH = 64
_SEVERAL_OUTPUTS = ("googlenet", "inception_v3")
# Where checkpoints keep the weights, and what wrappers put before the names: as in aga_lightning/models/weights.py.
_WRAPPERS = ("state_dict", "model")
_PREFIXES = ("module.", "_orig_mod.", "net.", "model.")


def check_backbone(name: str) -> None:
    """Raise a ValueError where torchvision has no such classifier."""
    if name in _SEVERAL_OUTPUTS or name not in torchvision.models.list_models(module=torchvision.models):
        raise ValueError(f"there is no backbone {name!r}; give a classifier of torchvision, such as resnet50")


def read_classifier(backbone: str, weights: str) -> tuple[nn.Module, Facts]:
    """Build a classifier from a file of its weights; what the file tells of its training.

    Args:
        backbone: Which of torchvision's classifiers it is.
        weights: A .safetensors, .pth, .pt or .ckpt file of its state dict, bare or in a checkpoint. No file can run
            code: only tensors and plain values are read.

    Returns:
        The classifier on the CPU, from images (N, 3, H, W) to logits (N, classes), and the names of its classes and the
        normalisation of its images, where it is a checkpoint that tells them.

    Raises:
        PretrainedError: If the file is missing, damaged, or of another classifier.
    """
    state, facts = _read(Path(weights).expanduser())
    with torch.device("meta"):
        *_, last = torchvision.models.get_model(backbone).named_parameters()
    head = f"{last[0].rpartition('.')[0]}.weight"
    if head not in state:
        raise PretrainedError(f"{weights} holds no {head}, so it is no {backbone}: give the backbone it was saved from")
    with torch.random.fork_rng(devices=[]):  # the first, random weights must not move the seed of a training
        net: nn.Module = torchvision.models.get_model(backbone, weights=None, num_classes=len(state[head]))
        if isinstance(net, ResNet) and "conv1.weight" in state:
            _follow(net, state["conv1.weight"])
    own = net.state_dict()
    problems = [
        # Files older than PyTorch 0.4.1 do not count the batches, and nothing here depends on the count.
        *(f"{key} is missing" for key in own if key not in state and not key.endswith("num_batches_tracked")),
        *(f"{key} is unknown" for key in state if key not in own),
        *(
            f"{key} is {tuple(state[key].shape)}, not {tuple(value.shape)}"
            for key, value in own.items()
            if key in state and state[key].shape != value.shape
        ),
    ]
    if problems:
        shown = "; ".join(problems[:3]) + (f"; and {len(problems) - 3} more" if len(problems) > 3 else "")
        raise PretrainedError(f"{weights} does not fit a {backbone} ({shown}): give the backbone it was saved from")
    net.load_state_dict(state, strict=False)
    return net, facts


def _read(path: Path) -> tuple[Mapping[str, Tensor], Facts]:
    """The state dict of a file, by the names of the bare classifier, and what it tells of its training."""
    if not path.is_file():
        raise PretrainedError(f"there is no file {path}: train a classifier on the original images, and give its file")
    try:
        if path.suffix == ".safetensors":
            content: Any = load_file(path)
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file raises whatever its bytes happen to spell
        first = str(error).partition("\n")[0]
        raise PretrainedError(
            f"{path} cannot be read as plain tensors ({first}): copy it again, or write it with "
            "torch.save(net.state_dict(), file)"
        ) from error
    try:
        facts = facts_in(content, path) if isinstance(content, dict) else Facts()
    except CheckpointError as error:
        raise PretrainedError(str(error)) from error
    for wrapper in _WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(wrapper), dict):
            content = content[wrapper]
            break
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise PretrainedError(f"{path} holds no state dict: write it with torch.save(net.state_dict(), file)")
    state: Mapping[str, Tensor] = content
    for prefix in _PREFIXES:
        if any(key.startswith(prefix) for key in state):
            state = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
    return state, facts


def _follow(net: ResNet, stem: Tensor) -> None:
    """Give a ResNet the width of a first convolution, and the small stem where that is 3 x 3, as this project does."""
    width = stem.shape[0]

    def scaled(channels: int) -> int:
        return channels * width // _WIDTH

    for name, layer in list(net.named_modules()) if width != _WIDTH else []:
        if isinstance(layer, nn.Conv2d):
            inputs = layer.in_channels if layer is net.conv1 else scaled(layer.in_channels)
            kernel, stride = layer.kernel_size[0], layer.stride[0]  # square, and never dilated, in torchvision's nets
            outputs, groups = scaled(layer.out_channels), layer.groups
            _replace(net, name, nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False))
        elif isinstance(layer, nn.BatchNorm2d):
            _replace(net, name, nn.BatchNorm2d(scaled(layer.num_features)))
        elif isinstance(layer, nn.Linear):
            _replace(net, name, nn.Linear(scaled(layer.in_features), layer.out_features))
    if stem.shape[-1] == 3:
        net.conv1 = nn.Conv2d(3, width, 3, padding=1, bias=False)
        net.maxpool = nn.Identity()


def _replace(net: nn.Module, name: str, layer: nn.Module) -> None:
    parent, _, child = name.rpartition(".")
    setattr(net.get_submodule(parent), child, layer)
