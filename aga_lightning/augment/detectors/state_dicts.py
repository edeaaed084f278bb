"""Tensors from a file into a model, all of them or none."""

import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from aga_lightning.augment.pretrained import PretrainedError


def read_tensors(weights: str) -> dict[str, torch.Tensor]:
    """The tensors of a checkpoint file, by name; nothing in the file is executed.

    Args:
        weights: A .safetensors file, or a .pth file of `torch.save`: a state dict, or one under "model" or
            "state_dict" as training scripts write them.

    Raises:
        PretrainedError: If there is no such file, or it holds something else.
    """
    path = Path(weights).expanduser()
    if not path.is_file():
        raise PretrainedError(f"there is no file {weights}: give a .pth or .safetensors file that exists")
    try:
        if path.suffix == ".safetensors":
            content: object = load_file(path)
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, EOFError, RuntimeError, ValueError, KeyError, SafetensorError, pickle.UnpicklingError) as error:
        raise PretrainedError(f"{weights} is no readable file of tensors: fetch or save it again") from error
    for wrapper in ("model", "state_dict"):
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    items = content.items() if isinstance(content, Mapping) else ()
    tensors = {str(name).removeprefix("module."): value for name, value in items if isinstance(value, torch.Tensor)}
    if not tensors:
        raise PretrainedError(f"{weights} holds no named tensors: give a file with a model's state dict")
    return tensors


def load_all(model: torch.nn.Module, tensors: Mapping[str, torch.Tensor], weights: str, remedy: str) -> None:
    """Fill every tensor of a model; tensors that the model has no use for are left out.

    Args:
        model: Filled in place.
        tensors: By name.
        weights: The file, for the message.
        remedy: What to do if the file does not fit, for the message.

    Raises:
        PretrainedError: If a tensor is missing or has another shape.
    """
    wanted = model.state_dict()
    if missing := [name for name in wanted if name not in tensors]:
        some = ", ".join(missing[:3])
        raise PretrainedError(
            f"{weights} lacks {len(missing)} of the model's {len(wanted)} tensors ({some}, ...): {remedy}"
        )
    for name, tensor in wanted.items():
        if tensors[name].shape != tensor.shape:
            shapes = f"{tuple(tensors[name].shape)}, not {tuple(tensor.shape)}"
            raise PretrainedError(f"{weights}: {name} has the shape {shapes}: {remedy}")
    model.load_state_dict(tensors, strict=False)
