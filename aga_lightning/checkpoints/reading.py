"""Read a checkpoint of Lightning as tensors and plain values: nothing in it is imported, called or made an object."""

import pickle
import re
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.utilities.cloud_io import get_filesystem

from aga_lightning.checkpoints.integrity import is_altered, is_whole

_VERSION = "pytorch-lightning_version"


class CheckpointError(ValueError):
    """A checkpoint that cannot be found, read, or used on the data at hand; the message names it and the remedy."""


def read_checkpoint(path: str | Path, map_location: Any = "cpu") -> dict[str, Any]:  # noqa: ANN401 torch's
    """The content of a checkpoint.

    Args:
        path: The file, or an address that fsspec can open. No pickled objects are read, whatever its origin.
        map_location: Where the tensors go, as `torch.load` takes it.

    Raises:
        CheckpointError: If there is no such file, it is damaged, holds more than tensors and plain values, or is no
            checkpoint of Lightning.
    """
    try:
        with get_filesystem(path).open(str(path), "rb") as file:
            content: Any = torch.load(file, map_location=map_location, weights_only=True)
    except FileNotFoundError as error:
        raise CheckpointError(f"there is no checkpoint {path}{_others_of(path)}") from error
    except IsADirectoryError as error:
        raise CheckpointError(f"{path} is a folder, not a checkpoint{_others_of(Path(path) / 'any')}") from error
    except PermissionError as error:
        raise CheckpointError(f"the checkpoint {path} may not be read ({error.strerror})") from error
    except pickle.UnpicklingError as error:
        # torch says so both of objects that it refuses and of bytes that are no pickle.
        if is_whole(path) or "global" in str(error).lower():
            raise CheckpointError(
                f"{path} holds more than tensors and plain values; it was not loaded, because it could run code"
            ) from error
        raise CheckpointError(_damaged(path, error)) from error
    except Exception as error:  # a damaged file raises whatever its bytes happen to spell
        raise CheckpointError(_damaged(path, error)) from error
    state = content.get("state_dict") if isinstance(content, dict) else None
    if is_altered(path):
        raise CheckpointError(_damaged(path, ValueError("its checksums do not fit")))
    tensors = isinstance(state, dict) and all(isinstance(value, torch.Tensor) for value in state.values())
    if not tensors or not isinstance(content.get(_VERSION), str):
        raise CheckpointError(f"{path} is no checkpoint that fit has written; plain weights are for --model.weights")
    return dict(content)


def _damaged(path: str | Path, error: Exception) -> str:
    reason = re.split(r"[.\n]", str(error))[0] or type(error).__name__
    return f"the checkpoint {path} is cut off or damaged ({reason[:120]}){_others_of(path)}"


def _others_of(path: str | Path) -> str:
    """The end of a message: which whole checkpoints lie beside one that cannot be used."""
    folder = Path(path).parent
    beside = sorted(folder.glob("[!.]*.ckpt")) if folder.is_dir() else []
    whole = [str(other) for other in beside if other != Path(path) and other.is_file() and is_whole(other)]
    return f"; whole ones beside it: {', '.join(whole[:3])}" if whole else ""
