"""Read tensors from files: safetensors, or `torch.save`'s with `weights_only`, so that a file cannot run code."""

import pickle
from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from aga_lightning.checkpoints.facts import Facts, facts_in
from aga_lightning.checkpoints.integrity import is_altered
from aga_lightning.checkpoints.reading import CheckpointError
from aga_lightning.files import pointer

StateDict = dict[str, Tensor]

# Lightning and the training scripts of torchvision, timm and others keep the weights under these keys of a checkpoint,
# and lightning modules, DistributedDataParallel and torch.compile put these prefixes before the names.
_WRAPPERS = ("state_dict", "model")
_PREFIXES = ("module.", "_orig_mod.", "net.", "model.")


class WeightsError(ValueError):
    """Weights that cannot be found, read or fitted; the message names them and the remedy."""


class WeightsFile(NamedTuple):
    """What a file of weights holds.

    Args:
        state: The tensors by the names of the bare network, on the CPU.
        facts: What the file tells of its training; a bare state dict tells nothing.
    """

    state: StateDict
    facts: Facts


def read_weights_file(weights: str | Path) -> WeightsFile:
    """Read a state dict, bare or in a checkpoint of a training.

    Args:
        weights: A .safetensors file, or a .pt, .pth or .ckpt file of `torch.save`.

    Raises:
        WeightsError: If there is no such file, or it is damaged or holds something else.
    """
    path = Path(weights).expanduser()
    if not path.is_file():
        raise WeightsError(f"there is no file {path}: give a .safetensors, .pt, .pth or .ckpt file that exists")
    if complaint := pointer(path):
        raise WeightsError(f"The file {path} {complaint}.")
    content: Any = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    try:
        facts = facts_in(content, path) if isinstance(content, dict) else Facts()
    except CheckpointError as error:
        raise WeightsError(str(error)) from error
    for wrapper in _WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(wrapper), dict):
            content = content[wrapper]
            break
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise WeightsError(f"{path} holds no state dict; write it again with torch.save(net.state_dict(), file).")
    for prefix in _PREFIXES:
        if any(key.startswith(prefix) for key in content):
            content = {key.removeprefix(prefix): value for key, value in content.items() if key.startswith(prefix)}
    return WeightsFile(content, facts)


def _read_safetensors(path: Path) -> StateDict:
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path} is no readable safetensors file ({error}); copy it again.") from error


def _read_torch(path: Path) -> object:
    try:
        content: object = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{path} holds more than tensors, or is no file of torch.save; it was not loaded, because it could run "
            "code. Write it again where it comes from, with torch.save(net.state_dict(), file)."
        ) from error
    except Exception as error:  # a damaged file raises whatever its bytes happen to spell
        raise WeightsError(f"{path} cannot be read ({error}); it may be cut off: copy it again.") from error
    if is_altered(path):  # torch does not look
        raise WeightsError(f"{path} is damaged: its checksums do not fit its content; copy it again.")
    return content


def load_all(model: nn.Module, state: Mapping[str, Tensor], source: str, remedy: str) -> None:
    """Fill every tensor of a model; tensors that the model has no use for are left out.

    Args:
        model: Filled in place.
        state: By name.
        source: Where the tensors come from, for the message.
        remedy: What to do if they do not fit, for the message.

    Raises:
        WeightsError: If a tensor is missing or has another shape.
    """
    own = model.state_dict()
    used = {key: value for key, value in state.items() if key in own}
    if problems := misfits(own, used):
        raise WeightsError(f"The weights {source} do not fit: {listed(problems)}: {remedy}")
    model.load_state_dict(used, strict=False)


def misfits(own: Mapping[str, Tensor], state: Mapping[str, Tensor], but: Container[str] = ()) -> list[str]:
    """What keeps a state dict from being loaded, a line a weight.

    Args:
        own: What a net has.
        state: What it is to get.
        but: Weights that may have another shape.
    """
    return [
        *(
            f"{key} is {tuple(state[key].shape)}, not {tuple(own[key].shape)}"
            for key in own
            if key in state and own[key].shape != state[key].shape and key not in but
        ),
        # Files older than PyTorch 0.4.1 do not count the batches, and nothing here depends on the count.
        *(f"{key} is missing" for key in own if key not in state and not key.endswith("num_batches_tracked")),
        *(f"{key} is unknown" for key in state if key not in own),
    ]


def listed(problems: Sequence[str]) -> str:
    """The first few of them, and how many more there are."""
    return "; ".join(problems[:5]) + (f"; and {len(problems) - 5} more" if len(problems) > 5 else "")
