"""Locks on files, which all who share a folder may use."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock

UNWRITABLE = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
"""What the system says where a file or folder may not be written."""


def open_lock(path: Path) -> FileLock:
    """A lock that the system releases when its process ends, however it ends; not held yet.

    The file gets the permissions that the umask leaves, so that a group can share its folder; filelock before 4.0 would
    give it those of its own.

    Args:
        path: The lock's file; its folder is made if it is missing.

    Raises:
        OSError: If the file cannot be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666))
    mode = path.stat().st_mode & 0o777 | 0o600
    # Not of a thread alone: whichever thread of this process closes a shelf gives its lock back.
    return FileLock(path, mode=mode, thread_local=False)


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Keep other processes out of a block; where nothing can be written, there is nothing to keep them from.

    Args:
        path: The lock's file; its folder is made if it is missing.

    Raises:
        OSError: If the file cannot be made for another reason than permissions.
    """
    lock = None
    try:
        lock = open_lock(path)
        lock.acquire()
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        lock = None
    try:
        yield
    finally:
        if lock is not None:
            lock.release()
