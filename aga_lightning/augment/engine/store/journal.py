"""An append-only index shared by any number of processes: one file a writer, read together as one.

A writer claims the first `rank-<n>.jsonl` that no living process holds, by a lock that the system releases when the
process ends, however it ends. So no two processes write one file, a torn last line can only come from a dead writer,
and the next one to claim the file cuts it off. Readers take complete lines only.

Each line begins with a checksum of its rest. A line that is not as it was written counts as not there, so that its item
is made again. Lines without a checksum are those of earlier releases.
"""

import errno
import json
import os
import stat
import threading
import zlib
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

from filelock import FileLock, Timeout

from aga_lightning.augment.engine.store.locks import open_lock

Line = dict[str, object]

_SEAL = b'{"crc32": "'
_SEALED = len(_SEAL) + 8 + len(b'", ')  # bytes before the rest

# A forked child inherits its parent's lock; letting go of it there would release it for the parent too.
_inherited: list[FileLock] = []


def _anything(line: Line, checked: bool) -> bool:
    return True


class Journal:
    """Lines with a "key", appended durably and read back by every process.

    A key that several processes have finished has a line of each. Their order is that of the files' names, whoever
    reads them and when, so that all readers take the same one. `mutex` keeps the threads of this process apart.

    Args:
        folder: Where the `rank-<n>.jsonl` files lie; made on the first write.
        fits: Whether a line is one that the journal's owner writes, given the line and whether its checksum was
            compared; one that does not fit is passed over.
    """

    def __init__(self, folder: Path, fits: Callable[[Line, bool], bool] = _anything) -> None:
        self.folder = folder
        self.fits = fits
        self._lines: dict[str, dict[str, Line]] = {}
        self._names: tuple[str, ...] = ()
        self._read_up_to: dict[str, int] = {}
        self._lock: FileLock | None = None
        self._owner = 0
        self._rank = 0
        self._file = -1
        self.mutex = threading.RLock()

    def __getstate__(self) -> dict[str, object]:
        """A copy in another process claims a file of its own."""
        return {"folder": self.folder, "fits": self.fits}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__init__(**state)  # type: ignore[misc] # unpickling starts from an empty object

    def get(self, key: str, afresh: bool = False) -> list[Line]:
        """The lines of a key, from whichever processes wrote them, the one to prefer first; none where there is none.

        Args:
            key: The key.
            afresh: Look for new lines also where some are known.
        """
        found = [] if afresh else self._known(key)
        if not found:
            with self.mutex:
                self._refresh()
            found = self._known(key)
        return found

    def lines(self) -> dict[str, list[Line]]:
        """All lines by key, as `get` gives them."""
        found: dict[str, list[Line]] = {}
        with self.mutex:
            self._refresh()
            for name in self._names:
                for key, line in self._lines[name].items():
                    found.setdefault(key, []).append(line)
        return found

    def append(self, line: Line) -> None:
        """Add a line.

        Raises:
            OSError: If it could not be written whole; nothing of it is left in the file then.
        """
        rest = json.dumps(line).encode()[1:]  # of ASCII alone, which holds all that a file's name can hold
        data = b'%s%08x", %s\n' % (_SEAL, zlib.crc32(rest), rest)
        with self.mutex:
            self.claim()
            end = os.lseek(self._file, 0, os.SEEK_END)
            try:
                if os.write(self._file, data) != len(data):
                    raise OSError(errno.ENOSPC, f"{self._path()}: the line was cut short")
            except OSError:
                os.ftruncate(self._file, end)
                raise
            self._keep(self._path().name, line)

    def claim(self) -> int:
        """Claim a file of this process's own, once; its number.

        Files that this process may not write, since they are another user's, are left to others.

        Raises:
            OSError: If the folder cannot be written.
        """
        if self._owner == os.getpid():
            return self._rank
        if self._lock is not None:
            _inherited.append(self._lock)
        for rank in count():
            lock = _taken(self.folder / f"rank-{rank}.lock")
            if lock is None:
                continue
            path = self.folder / f"rank-{rank}.jsonl"
            try:
                self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
            except OSError as error:
                lock.release()
                if _in_the_way(error, path):
                    continue
                raise
            self._lock, self._rank, self._owner = lock, rank, os.getpid()
            break
        _cut_torn_line(self._file)
        return self._rank

    def close(self) -> None:
        """Give the file back to other writers."""
        if self._owner == os.getpid() and self._lock is not None:
            os.close(self._file)
            self._lock.release()
            self._lock, self._owner = None, 0

    def _path(self) -> Path:
        return self.folder / f"rank-{self._rank}.jsonl"

    def _known(self, key: str) -> list[Line]:
        return [line for name in self._names if (line := self._lines[name].get(key)) is not None]

    def _keep(self, name: str, line: Line) -> None:
        if name not in self._lines:
            self._lines[name] = {}
            self._names = tuple(sorted(self._lines, reverse=True))
        self._lines[name][str(line["key"])] = line

    def _refresh(self) -> None:
        for path in self.folder.glob("rank-*.jsonl"):
            for line in self._new_lines(path):
                self._keep(path.name, line)

    def _new_lines(self, path: Path) -> Iterator[Line]:
        start = self._read_up_to.get(path.name, 0)
        status = path.stat()
        if status.st_size <= start or not stat.S_ISREG(status.st_mode):
            return
        with path.open("rb") as file:
            file.seek(start)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._read_up_to[path.name] = start + len(whole)
        for text in whole.split(b"\n"):
            line = self._parsed(text)
            if line is not None:
                yield line

    def _parsed(self, text: bytes) -> Line | None:
        """A line, if it is one that was written here."""
        checked = text.startswith(_SEAL)
        if checked:
            rest = text[_SEALED:]
            if text[:_SEALED] != b'%s%08x", ' % (_SEAL, zlib.crc32(rest)):
                return None
            text = b"{" + rest
        elif not text.startswith(b'{"key": "'):
            return None
        try:
            line = json.loads(text)
        except (ValueError, RecursionError):
            return None
        return line if isinstance(line.get("key"), str) and self.fits(line, checked) else None


def _taken(path: Path) -> FileLock | None:
    """The lock at a path, held; None where another process holds it, or it is another user's."""
    try:
        lock = open_lock(path)
        lock.acquire(timeout=0)
    except Timeout:
        return None
    except OSError as error:
        if _in_the_way(error, path):
            return None
        raise
    return lock


def _in_the_way(error: OSError, path: Path) -> bool:
    """Whether a file cannot be opened because of what is there already."""
    return error.errno in (errno.EACCES, errno.EPERM, errno.EISDIR) and os.path.lexists(path)


def _cut_torn_line(file: int) -> None:
    size = os.lseek(file, 0, os.SEEK_END)
    tail = b""
    start = size
    while start > 0 and b"\n" not in tail:
        step = min(start, 1 << 16)
        start -= step
        os.lseek(file, start, os.SEEK_SET)
        tail = os.read(file, step)
    whole = start + tail.rfind(b"\n") + 1
    if whole < size:
        os.ftruncate(file, whole)
