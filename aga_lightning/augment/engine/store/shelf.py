"""One kind of finished things: files, and a journal that says which of them are finished.

A file is written aside, flushed and renamed into place; only then its line is appended. So a process killed at any
instant loses at most the item in flight, and no half-written file is ever read: what the journal does not name does
not exist. A line holds its file's digest, so that one that was damaged since is found when it is read, and made again.
"""

import errno
import hashlib
import logging
import os
import stat
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from filelock import Timeout

from aga_lightning.augment.engine.store.journal import Journal, Line
from aga_lightning.augment.engine.store.kinds import Kind, anything
from aga_lightning.augment.engine.store.locks import UNWRITABLE, exclusive

_log = logging.getLogger(__name__)

_KEPT = 100  # characters of a damaged file's name
_OWN = ("key", "file", "size", "sha256")  # what a line says for all shelves; the rest are facts


class StoreError(RuntimeError):
    """The store cannot be read or written; the message names the folder and the remedy."""


class UnwritableError(StoreError):
    """The store may not be written; what is finished can still be read."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A finished item.

    Args:
        key: What it was made from, as a digest.
        file: Its file, relative to the shelf's folder; None where facts are all there is.
        size: The file's size in bytes.
        facts: What else is known of it; plain JSON values.
        sha256: Digest of the file's content; empty where there is no file, and for files of earlier releases.
    """

    key: str
    file: str | None = None
    size: int = 0
    facts: Mapping[str, object] = field(default_factory=dict)
    sha256: str = ""


class Shelf:
    """A folder of finished items of one kind.

    Args:
        folder: Where the files go.
        index: Where the journal and the unfinished files go; outside `folder`, so that `folder` is nothing but data.
        kind: Which facts its lines have.
        opens: Whether content can be used at all; asked of files of earlier releases, which have no digest.
    """

    def __init__(
        self, folder: Path, index: Path, kind: Kind = anything, opens: Callable[[bytes], bool] | None = None
    ) -> None:
        self.folder = folder
        self.index = index
        self.kind = kind
        self.opens = opens
        self._journal = Journal(index, self._is_ours)
        self._swept_by = 0
        self._sound: set[str] = set()

    def get(self, key: str) -> Entry | None:
        """The finished item of a key, None where there is none (or its file has been lost)."""
        with self.explained():
            return next(self._there(key), None)

    def load(self, key: str) -> tuple[Entry, bytes | None] | None:
        """The finished item of a key and the content of its file; None where there is none, or it is damaged."""
        with self.explained():
            for entry in self._there(key):
                data = self._content(entry)
                if data is not None or entry.file is None:
                    return entry, data
        return None

    def sound(self, key: str) -> Entry | None:
        """As `get`, and the content is that which was written; each file is read for that once a process."""
        with self.explained():
            for entry in self._there(key):
                if entry.file is None or key in self._sound:
                    return entry
                if self._content(entry) is not None:
                    self._sound.add(key)
                    return entry
        return None

    def entries(self) -> dict[str, Entry]:
        """All finished items by key, in one scan of the folder; items whose file has been lost are left out."""
        with self.explained():
            lines = self._journal.lines()  # first: each of their files was in place before its line
            sizes = _file_sizes(self.folder)
        found = {}
        for key, written in lines.items():
            line = next((one for one in written if one["file"] is None or sizes.get(one["file"]) == one["size"]), None)
            if line is not None:
                found[key] = _entry(line)
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
        line: Line = {"key": key, "file": file, "size": len(data or b"")}
        with self.explained():
            if data is not None and file is not None:
                self._write(self.path(file), data)
                line["sha256"] = hashlib.sha256(data).hexdigest()
            line |= facts
            self._journal.append(line)
        self._sound.discard(key)
        return _entry(line)

    def path(self, file: str) -> Path:
        """Where a file of this shelf lies.

        Raises:
            StoreError: If the path would leave the shelf's folder.
        """
        if not _is_inside(file):
            raise StoreError(f"{file!r} leaves the folder {self.folder}: it is no name for a file of a store")
        return self.folder.joinpath(*PurePosixPath(file).parts)

    def write_aside(self, file: str, data: bytes) -> None:
        """Write a file about the shelf (not an item of it) whole, replacing the one before."""
        with self.explained():
            self._write(self.path(file), data)

    def set_aside(self, key: str) -> None:
        """Move an item's file out of the way if it is not what was written, so that it is made again, and say so.

        It is kept in the folder `damaged` of the index.

        Raises:
            StoreError: If the store may not be written.
        """
        if self.load(key) is not None or (entry := self.get(key)) is None or entry.file is None:
            return
        path, aside = self.path(entry.file), self.index / "damaged"
        try:
            with self.explained():
                aside.mkdir(parents=True, exist_ok=True)
                path.replace(aside / f"{len(list(aside.iterdir()))}-{path.name[-_KEPT:]}")
        except UnwritableError as error:
            raise UnwritableError(f"{path} is not what was written there, and cannot be made anew: {error}") from error
        _log.warning("%s is not what was written there: it is kept in %s, and made anew", path, aside)

    def rename(self, entry: Entry, file: str) -> None:
        """Give an item's file another name; a process killed meanwhile loses the item, and leaves no second file."""
        assert entry.file is not None
        with self.explained():
            data = self._content(entry)
            if data is None:
                return
            before = self.path(entry.file)
            self._write(self.path(file), data)
            before.unlink()
            with suppress(OSError):
                before.parent.rmdir()  # a folder without images is no class to other readers
        self.put(entry.key, entry.facts, data, file)

    @contextmanager
    def alone(self, name: str) -> Iterator[None]:
        """Keep other processes that do what the name says out of a block, where this shelf can be written."""
        with self.explained():
            with exclusive(self.index / f"{name}.lock"):
                yield

    def close(self) -> None:
        """Let another process take over this one's file of the journal."""
        self._journal.close()

    def _there(self, key: str) -> Iterator[Entry]:
        """The lines of a key whose file is there, in the order in which they count; others' latest at last."""
        known = self._journal.get(key)
        yield from filter(self._is_whole, map(_entry, known))
        if known:  # but none that will do: another process may have made it again
            yield from filter(self._is_whole, map(_entry, self._journal.get(key, afresh=True)))

    def _is_whole(self, entry: Entry) -> bool:
        if entry.file is None:
            return True
        with _missing_at_most():
            status = self.path(entry.file).stat()
            return stat.S_ISREG(status.st_mode) and status.st_size == entry.size
        return False

    def _content(self, entry: Entry) -> bytes | None:
        """The content of an item's file; None where it is not what was written."""
        if entry.file is None:
            return None
        with _missing_at_most():
            data = self.path(entry.file).read_bytes()
            if entry.sha256:
                return data if hashlib.sha256(data).hexdigest() == entry.sha256 else None
            return data if self.opens is None or self.opens(data) else None
        return None

    def _write(self, path: Path, data: bytes) -> None:
        temporary = self._workbench() / f"{threading.get_ident()}{path.suffix}"
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

    def _is_ours(self, line: Line, checked: bool) -> bool:
        """Whether a line is one that `put` writes."""
        file = line.get("file", "")  # which no file is called
        if type(line.get("size")) is not int or not isinstance(line.get("sha256", ""), str):
            return False
        if file is not None and not (isinstance(file, str) and _is_inside(file)):
            return False
        return checked or self.kind({name: line[name] for name in line if name not in _OWN}, file is not None)

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn what the system says into a line for the user.

        Raises:
            StoreError: In place of an OSError, but for the time-out of a lock.
        """
        try:
            yield
        except Timeout:
            raise
        except OSError as error:
            if error.errno in UNWRITABLE:
                path = Path(error.filename or self.folder)
                raise UnwritableError(
                    f"{path} cannot be written, or not be read{_whose(path)}. Give yourself the right to, or choose "
                    "another folder with --data.cache_dir"
                ) from error
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                remedy = "the disk is full. Everything finished is kept: free some space and run the same command again"
            else:
                remedy = f"{error}. Everything finished is kept: mend this and run the same command again"
            raise StoreError(f"{self.folder}: {remedy}") from error


def _entry(line: Line) -> Entry:
    facts = {name: value for name, value in line.items() if name not in _OWN}
    file = line["file"]
    digest = str(line.get("sha256", ""))
    return Entry(str(line["key"]), None if file is None else str(file), int(str(line["size"])), facts, digest)


def _whose(path: Path) -> str:
    """Why a path may be closed to this user, where that shows: whose it is, or the folder that it is to lie in."""
    try:
        place = next(one for one in (path, *path.parents) if one.exists())
        status = place.stat()
    except (OSError, StopIteration):
        return ""
    return f": {place} belongs to user {status.st_uid}, group {status.st_gid}, with {stat.filemode(status.st_mode)}"


def _is_inside(file: str) -> bool:
    """Whether a relative path can be one of a store's, and stays below the shelf's folder on any system."""
    parts = PurePosixPath(file).parts
    if not parts or not file.isascii() or not file.isprintable() or max(map(len, parts)) > 255:
        return False
    return not (file.startswith("/") or ".." in parts or "\\" in file or ":" in parts[0])


@contextmanager
def _missing_at_most() -> Iterator[None]:
    """Leave the block where a file is not there, or is a link that leads to itself; all other errors are told."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            raise


def _file_sizes(folder: Path) -> dict[object, int]:
    """Sizes of all files below a folder, by path relative to it with forward slashes."""
    sizes: dict[object, int] = {}
    todo = [("", folder)] if folder.is_dir() else []
    while todo:
        prefix, place = todo.pop()
        with os.scandir(place) as found:
            for item in found:
                if item.is_dir(follow_symlinks=False):
                    todo.append((f"{prefix}{item.name}/", Path(item.path)))
                    continue
                with _missing_at_most():  # another process has just replaced it, or it is a link to nothing
                    sizes[prefix + item.name] = item.stat().st_size
    return sizes
