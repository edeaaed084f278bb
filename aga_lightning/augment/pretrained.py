"""Parts with weights: found by a hub's name or in a local folder, loaded at the first use, dropped by `release`."""

import gc
import hashlib
import os
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar

import torch
from lightning.pytorch.utilities import rank_zero_warn
from safetensors import SafetensorError
from torch.utils.data import get_worker_info

from aga_lightning.augment.base import Part
from aga_lightning.files import pointer
from aga_lightning.networks.weights_files import WeightsError
from aga_lightning.paths import NameOrPath

DType = Literal["auto", "float32", "float16", "bfloat16"]

Item = TypeVar("Item")
Result = TypeVar("Result")


FILES = ("weights", "unet", "lora", "text_encoder", "config")
"""Settings of pretrained parts that name files."""


class PretrainedError(RuntimeError):
    """Weights that cannot be found, loaded or fitted into memory; the message names them and the remedy."""


@dataclass(kw_only=True, eq=False)
class Pretrained(Part):
    """A part that owns a model with weights.

    A subclass builds its model in `load`, and adds its settings as further fields. The model is loaded at the first use
    of `model` in each process; it is never pickled, and `release` frees its memory.

    Args:
        weights: A hub's name ("org/name"), or a local folder or file. Local weights enter the keys of the store by
            their content, so they may be moved.
        revision: A commit, tag or branch of the hub's repository; null for its main branch.
        dtype: Numbers to compute with; auto is float32.
        batch_size: Items a call of the model; halved when the device runs out of memory.
        device: Where the model runs ("cuda:1", "cpu"); null for the device of the trainer.
    """

    needs_accelerator = True
    not_in_key = frozenset({"revision", "device", "batch_size"})  # the revision is part of the weights' identity
    half: ClassVar[torch.dtype] = torch.float32
    """What `dtype` auto means on an accelerator; a subclass that sets it says so in the help of `dtype`."""

    weights: NameOrPath | str
    revision: str | None = None
    dtype: DType = "auto"
    batch_size: int
    device: str | None = None

    _model: Any = field(default=None, init=False, repr=False)
    _place: torch.device | None = field(default=None, init=False, repr=False)
    _size: int | None = field(default=None, init=False, repr=False)

    def __setattr__(self, name: str, value: object) -> None:
        """Settings that lead to files are kept absolute, as all paths are."""
        super().__setattr__(name, NameOrPath.of(value) if name in FILES and isinstance(value, str) else value)

    @abstractmethod
    def load(self) -> Any:  # noqa: ANN401 each back end has a model of its own
        """Build the model with its weights, on `torch_device` and in evaluation mode."""

    @property
    def model(self) -> Any:  # noqa: ANN401 as `load`
        """The model; it is loaded at the first use.

        Raises:
            PretrainedError: If the weights cannot be found or loaded, or if this is a loader's worker process and the
                model needs an accelerator.
        """
        if self._model is None:
            if get_worker_info() is not None and self.torch_device.type != "cpu":
                raise PretrainedError(
                    f"{type(self).__name__} ({self.weights}) is needed in a loader's worker process, which can use no "
                    "accelerator: run the verb augment first, with the same configuration"
                )
            self._model = self.load()
        return self._model

    def release(self) -> None:
        """Drop the model and give its memory back."""
        if self._model is None:
            return
        self._model = None
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def on(self, device: torch.device) -> None:
        """Run on this device from now on, unless the setting `device` names another."""
        if device != self._place and self.device is None:
            self._model = None
        self._place = device

    @property
    def torch_device(self) -> torch.device:
        """The device of the model."""
        if self.device is not None:
            return torch.device(self.device)
        if self._place is not None:
            return self._place
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")

    @property
    def torch_dtype(self) -> torch.dtype:
        """The number format of the model."""
        if self.dtype != "auto":
            return {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}[self.dtype]
        return torch.float32 if self.torch_device.type == "cpu" else self.half

    @property
    def address(self) -> str:
        """The publisher's address of weights that torch's cache of downloads may hold; "" for all others."""
        return ""

    @cached_property
    def identity(self) -> str:
        """Identity of the weights: a name and revision, or the digest of local files."""
        return weights_identity(self.weights, self.revision)

    def setting(self, argument: str) -> object:
        """Weights enter a key by their identity, not by their path."""
        return self.identity if argument == "weights" else super().setting(argument)

    def batched(
        self, items: Sequence[Item], call: Callable[[Sequence[Item]], Sequence[Result]], pad: bool = True
    ) -> list[Result]:
        """Run a model over batches; when the device runs out of memory, the batch size is halved for good.

        Args:
            items: The items of all batches.
            call: Runs the model on one batch; returns one result for each item.
            pad: Fill the last batch up with copies of its last item, whose results are dropped. Kernels may round
                differently for other batch sizes; with a single size, a result depends on its own item alone.

        Raises:
            PretrainedError: If not even one item fits into the device's memory.
            ValueError: If `batch_size` is below 1.
        """
        if self.batch_size < 1:
            raise ValueError(f"batch_size is {self.batch_size}; give a number of at least 1")
        results: list[Result] = []
        while len(results) < len(items):
            size = self._size or self.batch_size
            batch = list(items[len(results) : len(results) + size])
            wanted = len(batch)
            if pad:
                batch += [batch[-1]] * (size - wanted)
            try:
                results += list(call(batch))[:wanted]
            except torch.OutOfMemoryError as error:
                self._halve(size, error)
        return results

    def _halve(self, size: int, error: torch.OutOfMemoryError) -> None:
        name = type(self).__name__
        if size == 1:
            raise PretrainedError(
                f"{name} ({self.weights}) does not fit into the memory of {self.torch_device}, even one item at a "
                "time: give it dtype float16, a smaller size, or smaller weights"
            ) from error
        torch.cuda.empty_cache()
        self._size = size // 2
        rank_zero_warn(f"{name} ran out of memory with batches of {size} and goes on with {self._size}")

    def __getstate__(self) -> dict[str, object]:
        """A copy in another process loads the model itself."""
        return {name: value for name, value in vars(self).items() if name not in ("_model", "_place")}


def weights_identity(weights: str, revision: str | None = None) -> str:
    """Identity of weights, independent of the path of local files.

    Args:
        weights: A hub's name, or a local folder or file.
        revision: Revision of the hub's repository.

    Returns:
        `<name>@<revision>` for a hub's name; for local files the digest of their names, sizes, and first and last
        64 KiB each, since reading gigabytes would take long.
    """
    path = Path(weights).expanduser()
    if not path.exists():
        return f"{weights}@{revision or 'main'}"
    digest = hashlib.sha256()
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    for file in files:
        size = file.stat().st_size
        name = file.name if file == path else file.relative_to(path).as_posix()
        digest.update(f"{name}\0{size}\0".encode("utf-8", "surrogateescape"))
        with file.open("rb") as opened:
            digest.update(opened.read(1 << 16))
            opened.seek(max(0, size - (1 << 16)))
            digest.update(opened.read())
    return f"local-{digest.hexdigest()[:32]}"


@contextmanager
def explained(what: str, weights: str) -> Iterator[None]:
    """Turn a library's errors about missing or unsuitable weights into one line with the remedy.

    Args:
        what: The kind of model ("a GroundingDINO checkpoint of transformers").
        weights: The weights as the user named them.

    Raises:
        PretrainedError: In place of an OSError, ValueError, KeyError, RuntimeError or SafetensorError.
    """
    try:
        yield
    except (PretrainedError, WeightsError):
        raise
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        local = Path(weights).expanduser()
        for file in [local, *(sorted(local.rglob("*")) if local.is_dir() else [])]:
            if file.is_file() and (complaint := pointer(file)):
                raise PretrainedError(f"{file} {complaint}") from error
        first = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        if Path(weights).expanduser().exists():
            remedy = f"is it {what}, and complete?"
        else:
            remedy = f"give a folder that exists, or fetch the hub's repository first: hf download {weights}"
        raise PretrainedError(f"{weights} cannot be loaded as {what} ({first}): {remedy}") from error


def from_transformers(auto: str, weights: str, what: str, **options: object) -> Any:  # noqa: ANN401 any model
    """A model of transformers with all of its weights; no remote code is run.

    Args:
        auto: Name of the class of transformers that loads it, such as "AutoModel".
        weights: A hub's name or a local folder.
        what: The kind of model, for the message.
        options: Further arguments of `from_pretrained`.

    Raises:
        PretrainedError: If the weights are missing, incomplete, or of another kind of model.
    """
    import transformers

    transformers.utils.logging.disable_progress_bar()
    with explained(what, weights):
        model, report = getattr(transformers, auto).from_pretrained(
            os.path.expanduser(weights), output_loading_info=True, trust_remote_code=False, **options
        )
    # transformers only warns, and goes on with random numbers.
    if missing := sorted(set(model.state_dict()) & set(report["missing_keys"])):
        raise PretrainedError(
            f"{weights} lacks {len(missing)} tensors of its {type(model).__name__} ({', '.join(missing[:3])}, ...): "
            "fetch the checkpoint again"
        )
    return model.eval()
