"""A folder that is written under a temporary name and renamed when it is complete."""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

PLAN = "dataset.json"
"""The first file of an export; its entry "export" holds the plan, by which an unfinished export is recognised."""

_LOCK = ".lock"


class ExportError(RuntimeError):
    """A set that cannot be exported; the message names the folder or the file, and the remedy."""


@contextmanager
def partial_folder(target: Path, plan: Mapping[str, object]) -> Iterator[Path]:
    """A folder beside the target, `<target>.partial`, that takes the target's name when the block ends well.

    An unfinished export with the same plan, left by a killed process, is started again. If the block fails, nothing is
    left. Nothing is written outside the two folders, whatever links they hold.

    Args:
        target: A folder that does not exist, or is empty.
        plan: The settings of the export, in plain JSON values.

    Raises:
        ExportError: If the target is in use, another process exports to it, or a file cannot be written.
    """
    target = target.expanduser().resolve()
    aside = target.with_name(f"{target.name}.partial") if target.name else target
    try:
        _refuse_taken(target)
        lock = _claim(aside, plan)
        try:
            write(aside / PLAN, json.dumps({"export": plan}).encode())
            yield aside
            if target.is_dir():
                target.rmdir()
            if os.name == "nt":  # Windows renames no folder with open files; elsewhere the lock is held until then
                lock.release()
            aside.rename(target)
            (target / _LOCK).unlink(missing_ok=True)
        except BaseException:
            shutil.rmtree(aside, ignore_errors=True)
            raise
        finally:
            lock.release()
    except OSError as error:
        what = f"{error.filename or aside}: {error.strerror or error}"
        raise ExportError(f"{what}: mend this, or name another folder with --to") from error


def write(path: Path, data: bytes) -> None:
    """Write a complete file, and make its folders.

    Raises:
        ExportError: If the disk is full or refuses; no partial file is left.
    """
    with no_half_file(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


@contextmanager
def no_half_file(path: Path) -> Iterator[None]:
    """Removes an incomplete file if the block fails, and names the file if the disk is the cause."""
    try:
        yield
    except BaseException as error:
        path.unlink(missing_ok=True)
        if not isinstance(error, OSError):
            raise
        remedy = "free some space, or choose another folder with --to, and run the same command again"
        raise ExportError(f"{path} could not be written ({error.strerror or error}): {remedy}") from error


def _refuse_taken(target: Path) -> None:
    if target == Path.cwd() or os.path.ismount(target):
        raise ExportError(f"{target} cannot be replaced by the finished export: name a new folder inside it")
    if target.exists() and not target.is_dir():
        raise ExportError(f"{target} is a file: name a folder that is empty or does not exist")
    if target.is_dir() and any(target.iterdir()):
        raise ExportError(f"{target} is not empty: name another folder, or delete it")


def _claim(aside: Path, plan: Mapping[str, object]) -> FileLock:
    """Make the folder, or clear an unfinished export with the same plan; the lock ends with this process."""
    if aside.is_symlink() or (aside.exists() and not aside.is_dir()):
        raise ExportError(f"{aside} is in the way: it is no folder; remove it, or name another target")
    left = [path for path in aside.iterdir() if path.name != _LOCK] if aside.is_dir() else []
    if left and _plan_of(aside) != json.loads(json.dumps(plan)):
        raise ExportError(f"{aside} is no unfinished export of this set with these settings: delete it, if you may")
    aside.mkdir(parents=True, exist_ok=True)
    lock = FileLock(aside / _LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ExportError(f"another process is exporting to {aside}: wait for it") from None
    for path in left:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    return lock


def _plan_of(aside: Path) -> object:
    try:
        found = json.loads((aside / PLAN).read_bytes())
    except (OSError, ValueError):
        return None
    return found.get("export") if isinstance(found, dict) else None
