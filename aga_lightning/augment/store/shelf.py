"""One kind of finished things: files, and a journal that says which of them are finished.

A file is written aside, flushed and renamed into place; only then its line is appended. So a process killed at any
instant loses at most the item in flight, and no half-written file is ever read: what the journal does not name does
not exist.
"""

import errno
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from aga_lightning.augment.store.journal import Journal


class StoreError(RuntimeError):
    """The store cannot be read or written; the message names the folder and the remedy."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A finished item.

    Args:
        key: What it was made from, as a digest.
        file: Its file, relative to the shelf's folder; None where facts are all there is.
        size: The file's size in bytes.
        facts: What else is known of it; plain JSON values.
    """

    key: str
    file: str | None = None
    size: int = 0
    facts: Mapping[str, object] = field(default_factory=dict)


class Shelf:
    """A folder of finished items of one kind.

    Args:
        folder: Where the files go.
        index: Where the journal and the unfinished files go; outside `folder`, so that `folder` is nothing but data.
    """

    def __init__(self, folder: Path, index: Path) -> None:
        self.folder = folder
        self.index = index
        self._journal = Journal(index)
        self._swept_by = 0

    def get(self, key: str) -> Entry | None:
        """The finished item of a key, None where there is none (or its file has been lost)."""
        line = self._journal.get(key)
        return None if line is None else self._entry(line)

    def entries(self) -> dict[str, Entry]:
        """All finished items by key, in one scan of the folder; items whose file has been lost are left out."""
        sizes = _file_sizes(self.folder)
        found = {}
        for key, line in self._journal.lines().items():
            file = line.get("file")
            if file is None or sizes.get(str(file)) == line.get("size"):
                found[key] = self._as_entry(line)
        return found

    def put(self, key: str, facts: Mapping[str, object], data: bytes | None = None, file: str | None = None) -> Entry:
        """Finish an item: write its file, then its line. Doing so twice with the same content is harmless.

        Args:
            key: What it was made from, as a digest.
            facts: Plain JSON values to keep in the journal.
            data: The file's content, if it has one.
            file: The file's path, relative to the shelf's folder and with forward slashes.

        Raises:
            StoreError: If the disk is full or the folder cannot be written. Finished items are not touched.
        """
        try:
            if data is not None and file is not None:
                self._write(self.path(file), data)
            line = {"key": key, "file": file, "size": len(data or b""), **facts}
            self._journal.append(line)
        except OSError as error:
            raise StoreError(self._explain(error)) from error
        return self._as_entry(line)

    def read(self, entry: Entry) -> bytes:
        """The content of an item's file."""
        if entry.file is None:
            raise StoreError(f"item {entry.key} of {self.folder} has no file")
        return self.path(entry.file).read_bytes()

    def path(self, file: str) -> Path:
        """Where a file of this shelf lies.

        Raises:
            StoreError: If the path would leave the shelf's folder.
        """
        parts = PurePosixPath(file).parts
        if not parts or file.startswith("/") or ".." in parts or "\\" in file or ":" in parts[0]:
            raise StoreError(f"{self.index}: {file!r} leaves the folder {self.folder}; delete the index to rebuild it")
        return self.folder.joinpath(*parts)

    def write_aside(self, file: str, data: bytes) -> None:
        """Write a file about the shelf (not an item of it) whole, replacing the one before."""
        try:
            self._write(self.path(file), data)
        except OSError as error:
            raise StoreError(self._explain(error)) from error

    def close(self) -> None:
        """Let another process take over this one's file of the journal."""
        self._journal.close()

    def _write(self, path: Path, data: bytes) -> None:
        temporary = self._workbench() / f"{threading.get_ident()}-{path.name}"
        try:
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.replace(path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise

    def _workbench(self) -> Path:
        """A folder for this process's unfinished files; what a dead process left in it is swept out."""
        with self._journal.mutex:
            folder = self.index / f"unfinished-{self._journal.claim()}"
            if self._swept_by != os.getpid():
                folder.mkdir(parents=True, exist_ok=True)
                for orphan in folder.iterdir():
                    orphan.unlink()
                self._swept_by = os.getpid()
            return folder

    def _entry(self, line: Mapping[str, object]) -> Entry | None:
        entry = self._as_entry(line)
        if entry.file is None:
            return entry
        try:
            whole = self.path(entry.file).stat().st_size == entry.size
        except FileNotFoundError:
            whole = False
        return entry if whole else None

    def _as_entry(self, line: Mapping[str, object]) -> Entry:
        facts = {name: value for name, value in line.items() if name not in ("key", "file", "size")}
        file = line.get("file")
        return Entry(str(line["key"]), None if file is None else str(file), int(str(line.get("size", 0))), facts)

    def _explain(self, error: OSError) -> str:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            remedy = "the disk is full. Everything finished is kept: free some space and run the same command again"
        elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            remedy = "it cannot be written. Give yourself the right to, or choose another folder with --data.cache_dir"
        else:
            remedy = f"{error}. Everything finished is kept: mend this and run the same command again"
        return f"{self.folder}: {remedy}"


def _file_sizes(folder: Path) -> dict[str, int]:
    """Sizes of all files below a folder, by path relative to it with forward slashes."""
    sizes: dict[str, int] = {}
    todo = [("", folder)] if folder.is_dir() else []
    while todo:
        prefix, place = todo.pop()
        with os.scandir(place) as found:
            for item in found:
                if item.is_dir(follow_symlinks=False):
                    todo.append((f"{prefix}{item.name}/", Path(item.path)))
                else:
                    sizes[prefix + item.name] = item.stat().st_size
    return sizes
