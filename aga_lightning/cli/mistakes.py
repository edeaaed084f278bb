"""What ends a run: an error that a user can mend is told in a line, any other with where its traceback was written.

Three kinds of error are the user's: those that this package raises for the user, those of files, memory, packages and
of Lightning's settings, and whatever the settings make their parts refuse before work starts. What remains is a fault
of the program, or of a class of the user's own, and is named as such.
"""

import builtins
import errno
import os
import pickle
import re
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import lightning
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException

from aga_lightning.augment.engine.store import StoreError, UnwritableError
from aga_lightning.augment.pretrained import PretrainedError
from aga_lightning.checkpoints.reading import CheckpointError
from aga_lightning.cli.parser import condense
from aga_lightning.cli.verbs.check import CheckError
from aga_lightning.downloads import DownloadError
from aga_lightning.exporting import ExportError
from aga_lightning.images.reading import ImageReadError
from aga_lightning.images.records import DatasetError
from aga_lightning.networks.weights_files import WeightsError
from aga_lightning.paths import PathError
from aga_lightning.preflight import SettingError
from aga_lightning.run_folder import RunFolderError

EXPECTED_ERRORS: tuple[type[Exception], ...] = (
    CheckError,
    CheckpointError,
    DatasetError,
    DownloadError,
    ExportError,
    ImageReadError,
    PathError,
    PretrainedError,
    RunFolderError,
    SettingError,
    StoreError,
    UnwritableError,
    WeightsError,
)
"""The errors of this package that a user can mend; their messages say how."""

TRACEBACK = "AGA_TRACEBACK"
"""The environment variable that has tracebacks printed; the option --traceback sets it."""

_MEMORY = "set a smaller --data.batch_size or --data.image_size, or --trainer.precision bf16-mixed"
_FULL = "free some space there; what is finished is kept, and the same command goes on"
_REMEDIES = (
    (r"shared memory|unable to (?:write to|open) .*</torch_|Bus error",
     "the loaders' processes need more shared memory than /dev/shm has: set --data.num_workers 0, or give the "
     "container more (docker run --shm-size 8g)"),
    (r"DataLoader worker .*(?:killed by signal: Killed|exited unexpectedly)",
     "the system ended a loader's process, mostly for want of memory: set a smaller --data.num_workers"),
    (r"out of memory|DefaultCPUAllocator|std::bad_alloc", _MEMORY),
    (r"PytorchStreamWriter|inline_container|No space left on device", f"the disk is full: {_FULL}"),
    (r"Error\(s\) in loading state_dict",
     "the checkpoint does not fit this network: give the backbone, stem, width and data set that it was trained with"),
    (r"PytorchStreamReader|Weights only load failed|invalid load key",
     "a checkpoint or a file of weights is damaged, or holds more than tensors and plain values: give another one"),
    (r"Expected more than 1 value per channel when training",
     "a batch of one image cannot be normalised: set another --data.batch_size, or a larger --data.image_size"),
    (r"closed by peer|reset by peer|remote process exited|remote worker crash|watchdog",
     "another rank has ended, or cannot be reached: the line or the log of that rank tells why"),
    (r"EADDRINUSE|address already in use", "set the environment variable MASTER_PORT to a port that is free"),
)  # fmt: skip
"""What libraries say where machine or settings are to blame, and what to do about it."""

_BLAMELESS = (RuntimeError, ValueError, OSError, EOFError, pickle.UnpicklingError)

_FILES = {
    errno.ENOENT: "check the path",
    errno.EACCES: "give yourself the permission, or name another place",
    errno.EPERM: "give yourself the permission, or name another place",
    errno.EROFS: "that file system is read-only; name another place",
    errno.ENOSPC: _FULL,
    errno.EDQUOT: f"your quota is used up; {_FULL}",
    errno.EMFILE: "raise the limit of open files (ulimit -n), or set a smaller --data.num_workers",
    errno.ENOTDIR: "a file stands where a folder is needed; name another place",
    errno.EISDIR: "a folder stands where a file is needed; name a file",
    errno.ENAMETOOLONG: "use a shorter name",
}

_LIGHTNING = Path(lightning.__file__).parent
_CAUGHT = re.compile(r"Caught \w+ in .* process \d+\.\s+Original Traceback|-- Process \d+ terminated with")
_RAISED = re.compile(r"^(?P<kind>[A-Za-z_][\w.]*)(?:: (?P<message>.*))?\Z", re.DOTALL | re.MULTILINE)
_ERRNO = re.compile(r"\[Errno (?P<number>\d+)\] (?P<what>[^:]*)(?:: ['\"](?P<file>.*)['\"])?")
_MOST = 1000  # characters of a foreign message


@contextmanager
def told(started: Callable[[], bool], folder: Callable[[], Path | None] = lambda: None) -> Iterator[None]:
    """End the process with exit status 1 and what is to be said, where an error comes out of the block.

    Args:
        started: Whether work has started. Before that, a part that refuses its settings is no fault of the program.
        folder: Where the traceback of a fault of the program goes; None for the system's folder of temporary files.

    Raises:
        SystemExit: Where an error came; caused by it.
    """
    try:
        yield
    except Exception as error:
        shown = os.environ.get(TRACEBACK, "0") not in ("", "0")
        if shown:
            traceback.print_exception(error)
        line = line_of(error, started())
        raise SystemExit(_fault(error, None if shown else folder()) if line is None else line) from error


def line_of(error: Exception, started: bool = True) -> str | None:
    """What to tell a user of an error, with the remedy; None where it is no user's to mend.

    Args:
        error: Raised in this process, or handed on from a worker of a loader or from another rank.
        started: Whether work has started, so that settings are no longer to blame for whatever was raised.
    """
    error = original(error)
    if isinstance(error, SettingError):
        return f"error: {error}"
    said = _one_line(str(error)) or type(error).__name__
    if isinstance(error, EXPECTED_ERRORS):
        return "\n\n".join([f"{type(error).__name__}: {error}", *getattr(error, "__notes__", [])])
    if isinstance(error, MemoryError):
        return f"error: out of memory ({said}): {_MEMORY}"
    for pattern, remedy in _REMEDIES:
        if isinstance(error, _BLAMELESS) and re.search(pattern, said, re.IGNORECASE):
            return f"error: {remedy} ({said})"
    if isinstance(error, ImportError):
        return _missing(error, said)
    if isinstance(error, OSError):
        return _of_a_file(error, said)
    settings = (ValueError, RuntimeError, TypeError, NotImplementedError)
    refused = not started and isinstance(error, settings)
    if isinstance(error, MisconfigurationException) or refused or _lightning_refuses(error):
        return f"error: {condense(str(error)) if 'Does not validate' in said else said}"
    if _restores(error):
        return (
            f"error: the checkpoint of --ckpt_path holds what fit does not write ({type(error).__name__}: {said}): "
            "give another one, or start a new training from its weights: --model.weights without --ckpt_path"
        )
    return None


def original(error: Exception) -> Exception:
    """The error as it was raised, where a worker or a rank has sent its traceback as the message of another one."""
    text = str(error)
    if not _CAUGHT.search(text):
        return error
    end = text.rpartition('\n  File "')[2].rstrip()
    raised = _RAISED.search(end, end.find("\n") + 1)
    if raised is None:
        return error
    kind, message = raised["kind"], (raised["message"] or "").strip()
    known = {f"{one.__module__}.{one.__qualname__}": one for one in EXPECTED_ERRORS}
    known |= {
        f"{one.__module__}.{one.__qualname__}": one for one in (torch.OutOfMemoryError, MisconfigurationException)
    }
    found = known.get(kind, getattr(builtins, kind, RuntimeError))
    if issubclass(found, OSError) and (parts := _ERRNO.match(message)):
        return OSError(int(parts["number"]), parts["what"], parts["file"])
    try:
        made = found(message)
    except TypeError:  # such as UnicodeDecodeError, which wants five arguments
        made = RuntimeError(f"{kind}: {message}")
    return made if isinstance(made, Exception) else error


def _lightning_refuses(error: Exception) -> bool:
    """Whether Lightning itself says that a setting does not fit, such as an interval longer than an epoch."""
    frames = traceback.extract_tb(error.__traceback__)
    raised_there = bool(frames) and Path(frames[-1].filename).is_relative_to(_LIGHTNING)
    return raised_there and isinstance(error, ValueError) and (frames[-1].line or "").startswith("raise ")


def _restores(error: Exception) -> bool:
    """Whether it was raised while Lightning put the state of a checkpoint back, which may hold anything."""
    frames = traceback.extract_tb(error.__traceback__)
    files = {Path(frame.filename) for frame in frames if re.search("restore|resume", frame.name)}
    return any(file.is_relative_to(_LIGHTNING) and file.stem == "checkpoint_connector" for file in files)


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _MOST else f"{line[:_MOST]} ..."


def _of_a_file(error: OSError, said: str) -> str:
    remedy = _FILES.get(error.errno or 0)
    what = f"{error.filename}: {error.strerror}" if error.filename is not None else said
    return f"error: {what}: {remedy}" if remedy else f"error: {what}"


def _missing(error: ImportError, said: str) -> str | None:
    """A package that a setting asks for; None where a file of this package is not there."""
    name = error.name or ""
    if not name:
        found = re.search(r"No module named '([\w.]+)'|[`'\"]([\w-]+)[^`'\"]*[`'\"]", said)
        name = next((group for group in found.groups() if group), "") if found else ""
    if name.split(".")[0] == "aga_lightning":
        return None
    return f"error: {said}: install it (pip install {name.split('.')[0]}), or choose what does not need it"


def _fault(error: Exception, folder: Path | None) -> str:
    """What to tell of an error that is no user's, and its traceback in a file of its own."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f", {frames[-1].filename}, line {frames[-1].lineno}" if frames else ""
    what = f"{type(error).__name__}: {_one_line(str(error))}{where}"
    said = f"internal error: {what}. This is a fault of the program or of a class of your own, not of a setting"
    if os.environ.get(TRACEBACK, "0") not in ("", "0"):
        return said
    place = folder if folder is not None and folder.is_dir() else None
    try:
        handle, name = tempfile.mkstemp(".txt", "traceback-", place)
        with open(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.writelines(traceback.format_exception(error))
    except OSError:
        return f"{said}; --traceback shows the whole"
    return f"{said}; the whole traceback is in {name}: please report it with that file"
