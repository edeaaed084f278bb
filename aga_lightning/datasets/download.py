"""Unpack a published archive as a whole or not at all, each entry checked; torchvision unpacks without a check."""

import shutil
import stat
import tarfile
import zipfile
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PureWindowsPath

from filelock import FileLock
from tqdm import tqdm  # type: ignore[import-untyped] # it ships no type information

from aga_lightning.downloads import DownloadError, Published, download, fault_of, part_of
from aga_lightning.images.records import DatasetError

# Photos hardly shrink and lists shrink five- to tenfold, so no archive of photos comes near the ratio. Sizes below the
# floor are harmless at any ratio: a small archive of blank masks may well exceed it.
_RATIO = 20
_FLOOR = 1 << 30
_BLOCK = 4096  # bytes on disk of even an empty entry


def fetch_archive(archive: Published, folder: Path, member: str) -> Path:
    """Download an archive and unpack one of its top-level entries, unless that exists already.

    `folder / member` appears when it is complete, so this may be killed at any time, and the next call continues the
    download; one process works while others wait. Other top-level entries are not unpacked. A complete archive that the
    user has put at `folder / archive.name` is used instead of a download, and is kept. A download has a hidden name of
    its own, and is removed after unpacking.

    Args:
        archive: The archive. A file name that ends in .zip is a zip, any other a tar, compressed or not.
        folder: The folder to download and unpack to; made if it is missing.
        member: The name of a file or folder at the top of the archive.

    Returns:
        folder / member.

    Raises:
        DatasetError: If the archive cannot be downloaded, differs from the published one (a download is then removed, a
            user's file is not), would write outside `folder`, or finds no room. A partial download is kept.
    """
    place, path = folder / member, folder / archive.name
    if place.exists():
        return place
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f".{archive.name}.lock"):
            if not place.exists():
                _fetch(archive, path, place)
    except DownloadError as error:
        raise DatasetError(str(error)) from error
    except OSError as error:
        raise DatasetError(
            f"{place} cannot be written ({error}): see that there is room and that you may write there, then run again"
        ) from error
    return place


def _fetch(archive: Published, path: Path, place: Path) -> None:
    """Unpack the user's own copy of the archive, or download it, unpack it and remove it."""
    part = part_of(path)
    if path.exists():
        fault = fault_of(archive, path)
        if fault:
            raise DatasetError(
                f"{path} is not what was published at {archive.url}: {fault}; remove it to have it downloaded, or "
                "download it by hand again"
            )
        _unpack(path, path, place)
    else:
        download(archive, path)
        try:
            _unpack(part, path, place)
        except DatasetError:
            part.unlink()
            raise
    part.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A file, folder or link in an archive."""

    name: str
    size: int
    ordinary: bool
    """Whether the entry is a file, a folder or a link, and no device."""
    target: str
    """The target of a link; empty for other entries."""
    extract: Callable[[Path], object]

    def objection(self) -> str | None:
        """Reason why the entry must not be unpacked; None if it may."""
        if not _leads_down(self.name):
            return "would lie outside the folder"
        # Links that only lead down never leave the folder. Following `..` through other links is what the `data` filter
        # of older Pythons gets wrong (CVE-2025-4517).
        if not _leads_down(self.target):
            return f"links to {self.target!r}, which may lie outside the folder"
        return None if self.ordinary else "is neither a file nor a folder"


def _leads_down(name: str) -> bool:
    path = PureWindowsPath(name)  # it knows both kinds of slashes, and drives
    return not path.anchor and ".." not in path.parts


def _unpack(source: Path, path: Path, place: Path) -> None:
    """Unpack the archive's entry with the name of `place` into a hidden folder beside `place`, then move it there.

    The archive is at `source`; messages call it `path`.
    """
    aside = place.with_name(f".{place.name}.partial")
    shutil.rmtree(aside, ignore_errors=True)  # of a process that was killed
    aside.mkdir()
    try:
        _extract(source, path, aside, place.name)
        (aside / place.name).rename(place)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _extract(source: Path, path: Path, aside: Path, member: str) -> None:
    """Unpack one top-level entry with all its contents into a folder; every entry of the archive is checked."""
    allowed = max(_FLOOR, _RATIO * source.stat().st_size)
    unpacked = 0
    seen: set[str] = set()
    try:
        with closing(_entries(source, zipped=path.suffix.lower() == ".zip")) as entries:
            for entry in tqdm(entries, desc=f"unpacking {path.name}", unit=" files", disable=None, leave=False):
                complaint = entry.objection()
                unpacked += entry.size + _BLOCK
                if unpacked > allowed:
                    complaint = f"takes the unpacked size above {allowed:,} bytes, far more than {path.name} has"
                if complaint:
                    raise DatasetError(
                        f"{path} is refused and nothing of it was unpacked, because its entry {entry.name!r} "
                        f"{complaint}: unpack it by hand if you trust it"
                    )
                top = next(iter(PureWindowsPath(entry.name).parts), "")
                seen.add(top)
                if top == member:
                    entry.extract(aside)
    except (DatasetError, OSError):
        raise
    except Exception as error:  # tarfile and zipfile raise a dozen kinds of errors
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise DatasetError(f"{path} cannot be unpacked ({reason}): unpack it by hand") from error
    if (aside / member).is_symlink() or not (aside / member).exists():
        raise DatasetError(f"{path} has no {member!r} at its top, but {sorted(seen)[:5]}: unpack it by hand")


def _entries(path: Path, zipped: bool) -> Generator[_Entry, None, None]:
    """The entries of a zip or a tar, in their order."""
    if zipped:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                kind = stat.S_IFMT(info.external_attr >> 16)  # 0 where the archive was not made on a Unix
                ordinary = kind in (0, stat.S_IFREG, stat.S_IFDIR)
                yield _Entry(info.filename, info.file_size, ordinary, "", partial(archive.extract, info))
        return
    with tarfile.open(path) as tar:
        # The form that works from Python 3.11.0 on; the filter came with 3.11.4.
        tar.extraction_filter = getattr(tarfile, "data_filter", None)
        for item in tar:
            target = item.linkname if item.issym() or item.islnk() else ""
            ordinary = item.isfile() or item.isdir() or bool(target)
            yield _Entry(item.name, item.size, ordinary, target, partial(tar.extract, item))
