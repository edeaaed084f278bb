"""How Lightning writes and reads checkpoints here: whole or not at all, and as plain data."""

import re
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO
from lightning.pytorch.strategies import Strategy

from aga_lightning.checkpoints.reading import CheckpointError, read_checkpoint
from aga_lightning.files import written_aside

_ASIDE = re.compile(r"\.[0-9a-f]{16}\.ckpt")
_LEFT_SECONDS = 3600.0


class WholeCheckpoints(TorchCheckpointIO):
    """Writes a checkpoint beside its final name and renames it, so that no cut file ever has that name.

    Lightning's own writes into the folder for temporary files; where that is another file system, the checkpoint is
    then copied, which a kill or a full disk cuts short.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None) -> None:  # noqa: ANN401 Lightning's
        """Write a checkpoint; an earlier one of that name stays until the new one is complete.

        Args:
            checkpoint: The content.
            path: The file. An address (`s3://...`) is left to Lightning.
            storage_options: Not used.

        Raises:
            CheckpointError: If the disk is full or refuses; nothing is left behind then.
        """
        if "://" in str(path):
            super().save_checkpoint(checkpoint, path, storage_options)
            return
        try:
            with written_aside(Path(path)) as aside:
                _save(checkpoint, aside)
        except OSError as error:
            kept = "; the one before it is still there" if Path(path).is_file() else ""
            raise CheckpointError(f"the checkpoint {path} cannot be written ({error.strerror}){kept}") from error
        _clear_leftovers(Path(path).parent)

    def load_checkpoint(
        self,
        path: str | Path,
        map_location: Callable[..., Any] | None = lambda storage, location: storage,
        weights_only: bool | None = None,
    ) -> dict[str, Any]:
        """Read a checkpoint as plain data, also where Lightning would not insist on that.

        Args:
            path: The file or address.
            map_location: As `torch.load` takes it.
            weights_only: Not used: pickled objects are never read.

        Raises:
            CheckpointError: If it cannot be read.
        """
        return read_checkpoint(path, map_location)


def _clear_leftovers(folder: Path) -> None:
    """Remove what killed writers have left, under names of `written_aside`; a writer at work is younger than that."""
    for path in folder.glob(".*.ckpt"):
        with suppress(OSError):
            if _ASIDE.fullmatch(path.name) and time.time() - path.stat().st_mtime > _LEFT_SECONDS:
                path.unlink()


def use_whole_checkpoints(strategy: Strategy) -> None:
    """Let a strategy write and read in this way, unless it was given a way of its own."""
    if type(strategy.checkpoint_io) is TorchCheckpointIO:
        strategy.checkpoint_io = WholeCheckpoints()


def _save(checkpoint: dict[str, Any], path: Path) -> None:
    """`torch.save`, whose own error for a full disk names neither the file nor the disk."""
    with path.open("wb") as file:
        try:
            torch.save(checkpoint, file)
            file.flush()
        except RuntimeError as error:
            # The writer of torch hides the system's error in the context, or in its words.
            cause = error.__context__ if isinstance(error.__context__, OSError) else None
            if cause is None:
                raise
            raise OSError(cause.errno, cause.strerror) from error
