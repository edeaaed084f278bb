"""An append-only index shared by any number of processes: one file a writer, read together as one.

A writer claims the first `rank-<n>.jsonl` that no living process holds, by a lock that the system releases when the
process ends, however it ends. So no two processes write one file, a torn last line can only come from a dead writer,
and the next one to claim the file cuts it off. Readers take complete lines only.
"""

import json
import os
import threading
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from filelock import FileLock, Timeout

Line = dict[str, object]

# A forked child inherits its parent's lock; letting go of it there would release it for the parent too.
_inherited: list[FileLock] = []


class Journal:
    """Lines with a unique "key", appended durably and read back by every process.

    `mutex` keeps the threads of this process apart.

    Args:
        folder: Where the `rank-<n>.jsonl` files lie; made on the first write.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lines: dict[str, Line] = {}
        self._read_up_to: dict[str, int] = {}
        self._lock: FileLock | None = None
        self._owner = 0
        self._rank = 0
        self._file = -1
        self.mutex = threading.RLock()

    def __getstate__(self) -> dict[str, object]:
        """A copy in another process claims a file of its own."""
        return {"folder": self.folder}

    def __setstate__(self, state: dict[str, Path]) -> None:
        self.__init__(state["folder"])  # type: ignore[misc] # unpickling starts from an empty object

    def get(self, key: str) -> Line | None:
        """The line of a key, from whichever process wrote it; None where there is none."""
        if key not in self._lines:
            with self.mutex:
                self._refresh()
        return self._lines.get(key)

    def lines(self) -> dict[str, Line]:
        """All lines by key."""
        with self.mutex:
            self._refresh()
            return dict(self._lines)

    def append(self, line: Line) -> None:
        """Add a line.

        Raises:
            OSError: If it could not be written whole; nothing of it is left in the file then.
        """
        data = (json.dumps(line, ensure_ascii=False) + "\n").encode()
        with self.mutex:
            self.claim()
            end = os.lseek(self._file, 0, os.SEEK_END)
            try:
                if os.write(self._file, data) != len(data):
                    raise OSError(f"{self._path()}: the line was cut short")
            except OSError:
                os.ftruncate(self._file, end)
                raise
            self._lines[str(line["key"])] = line

    def claim(self) -> int:
        """Claim a file of this process's own, once; its number."""
        if self._owner == os.getpid():
            return self._rank
        if self._lock is not None:
            _inherited.append(self._lock)
        self.folder.mkdir(parents=True, exist_ok=True)
        for rank in count():
            lock = FileLock(self.folder / f"rank-{rank}.lock")
            try:
                lock.acquire(timeout=0)
            except Timeout:
                continue
            self._lock, self._rank, self._owner = lock, rank, os.getpid()
            break
        self._file = os.open(self._path(), os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
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

    def _refresh(self) -> None:
        for path in sorted(self.folder.glob("rank-*.jsonl")):
            for line in self._new_lines(path):
                self._lines[str(line["key"])] = line

    def _new_lines(self, path: Path) -> Iterator[Line]:
        start = self._read_up_to.get(path.name, 0)
        if path.stat().st_size <= start:
            return
        with path.open("rb") as file:
            file.seek(start)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._read_up_to[path.name] = start + len(whole)
        for text in whole.splitlines():
            try:
                line = json.loads(text)
            except ValueError:
                continue  # damaged on disk: its item counts as not made, and is made again
            if isinstance(line, dict) and "key" in line:
                yield line


def _cut_torn_line(file: int) -> None:
    size = os.lseek(file, 0, os.SEEK_END)
    tail = b""
    start = size
    while start > 0 and b"\n" not in tail:
        step = min(start, 1 << 16)
        start -= step
        os.lseek(file, start, os.SEEK_SET)
        tail = os.read(file, step) + tail
    whole = start + tail.rfind(b"\n") + 1
    if whole < size:
        os.ftruncate(file, whole)
