"""Download a published archive: resume if interrupted, compare the checksum, and unpack it as a whole or not at all.

Our dependencies do not suffice: torch.hub and fsspec cannot resume; torchvision cannot either, repeats a failed https
download over plain http, and unpacks without checking the entries; huggingface_hub serves its own hub only. The
standard library's client is used because it passes on the published bytes: requests would decompress an archive that a
server labels as gzip-encoded.
"""

import hashlib
import re
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from http.client import HTTPException, HTTPMessage, HTTPResponse
from pathlib import Path, PureWindowsPath
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from filelock import FileLock
from tqdm import tqdm  # type: ignore[import-untyped] # it ships no type information

from aga_lightning.images.records import DatasetError

_CHECKSUM = re.compile("md5:[0-9a-f]{32}|sha256:[0-9a-f]{64}")
_EXTENT = re.compile(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)")
_CHUNK = 1 << 16
_TIMEOUT = 60  # seconds without a byte

# Photos hardly shrink and lists shrink five- to tenfold, so no archive of photos comes near the ratio. Sizes below the
# floor are harmless at any ratio: a small archive of blank masks may well exceed it.
_RATIO = 20
_FLOOR = 1 << 30
_BLOCK = 4096  # bytes on disk of even an empty entry


@dataclass(frozen=True, slots=True)
class Archive:
    """A published archive.

    Args:
        url: An http or https address. A file name that ends in .zip is a zip, any other a tar, compressed or not.
        checksum: "md5:<hex>" or "sha256:<hex>".
        size: Its length in bytes, if known.

    Raises:
        DatasetError: If the address or the checksum has another form.
    """

    url: str
    checksum: str
    size: int | None = None

    def __post_init__(self) -> None:
        if urlsplit(self.url).scheme not in ("http", "https") or self.name in ("", ".."):
            raise DatasetError(f"{self.url!r} is not the http or https address of a file: correct it")
        if not _CHECKSUM.fullmatch(self.checksum):
            raise DatasetError(f"{self.checksum!r} is neither md5:<32 digits> nor sha256:<64 digits>: correct it")

    @property
    def name(self) -> str:
        """The file name at the end of the address."""
        return PureWindowsPath(unquote(urlsplit(self.url).path)).name


def fetch_archive(archive: Archive, folder: Path, member: str) -> Path:
    """Download an archive and unpack one of its top-level entries, unless that exists already.

    `folder / member` appears when it is complete, so this may be killed at any time, and the next call continues the
    download; one process works while others wait. Other top-level entries are not unpacked. A complete archive that the
    user has put at `folder / archive.name` is used instead of a download, and is kept. A download has a hidden name of
    its own, and is removed after unpacking.

    Args:
        archive: The archive.
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
    except OSError as error:
        raise DatasetError(
            f"{place} cannot be written ({error}): see that there is room and that you may write there, then run again"
        ) from error
    return place


def _fetch(archive: Archive, path: Path, place: Path) -> None:
    """Unpack the user's own copy of the archive, or download it, unpack it and remove it."""
    part = _part(path)
    if path.exists():
        fault = _fault(archive, path)
        if fault:
            raise DatasetError(
                f"{path} is not what was published at {archive.url}: {fault}; remove it to have it downloaded, or "
                "download it by hand again"
            )
        _unpack(path, path, place)
    else:
        _download(archive, path)
        try:
            _unpack(part, path, place)
        except DatasetError:
            part.unlink()
            raise
    part.unlink(missing_ok=True)


class _Interrupted(Exception):
    """The connection ended before the file did."""


class _Redirects(HTTPRedirectHandler):
    """Follows redirects to other hosts, where archives often are, but not from https to another protocol."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        if urlsplit(newurl).scheme not in ("https", req.type):
            fp.close()
            raise URLError(f"it leads on to {_host(newurl)}, which is not https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _host(url: str) -> str:
    """Protocol and host alone, since the rest of an address may hold a key of hundreds of characters."""
    return f"{urlsplit(url).scheme}://{urlsplit(url).hostname}"


def _part(path: Path) -> Path:
    """Path of a download until it is unpacked: a name that no browser or person gives."""
    return path.with_name(f".{path.name}.part")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _download(archive: Archive, path: Path) -> None:
    """Download an archive and compare it with the published one; restart once if an older partial file was wrong."""
    part = _part(path)
    for again in (False, True):
        continued = _receive_all(archive, path)
        fault = _fault(archive, part)
        if fault is None:
            return
        part.unlink()
        if again or not continued:
            raise _failure(archive, path, f"what came is not what was published: {fault}; it was removed")


def _receive_all(archive: Archive, path: Path) -> bool:
    """Download the missing bytes, with a new connection as long as each one brings some.

    Returns:
        Whether the file begins with bytes from an earlier connection.
    """
    part = _part(path)
    while (start := _size(part)) == 0 or start != archive.size:
        try:
            return _receive(archive, path, start)
        except _Interrupted as interruption:
            if _size(part) <= start:
                kept = f"; the {_size(part):,} bytes that came are kept" if start else ""
                raise _failure(archive, path, f"{interruption}{kept}") from interruption
    return True


def _receive(archive: Archive, path: Path, start: int) -> bool:
    """Download a file from a byte on, over one connection; from the beginning if the server insists.

    Returns:
        Whether the file begins with earlier bytes.

    Raises:
        _Interrupted: If fewer bytes came than were announced.
    """
    part = _part(path)
    headers = {"User-Agent": "aga-lightning"} | ({"Range": f"bytes={start}-"} if start else {})
    try:
        response = build_opener(_Redirects).open(Request(archive.url, headers=headers), timeout=_TIMEOUT)
    except HTTPError as error:
        with error:
            if start and error.code == 416:
                return True  # the file has no more bytes; the checksum shows whether it is complete
            raise _failure(archive, path, f"{_host(error.url)} answers {error.code} {error.reason}") from error
    except (OSError, HTTPException, ValueError) as error:
        raise _Interrupted(getattr(error, "reason", None) or str(error) or type(error).__name__) from error
    with response:
        offset, total = _extent(response) if response.status == 206 else (0, response.length)
        if offset not in (0, start):
            raise _Interrupted(f"{_host(response.url)} sends another part than the one from byte {start:,} on")
        if archive.size is not None and total not in (None, archive.size):
            complaint = f"{_host(response.url)} has {total:,} bytes, {archive.size:,} were published"
            raise _failure(archive, path, complaint)
        total = total or archive.size
        bar = tqdm(desc=path.name, initial=offset, total=total, unit="B", unit_scale=True, disable=None, leave=False)
        with bar, part.open("ab" if offset else "wb") as file:
            # Bytes beyond the announced length are not read, so that no server can fill the disk.
            while (chunk := _read(response)) and (total is None or file.tell() <= total):
                bar.update(file.write(chunk))
    if total and _size(part) < total:
        raise _Interrupted("the connection ended too early")
    return offset > 0


def _extent(answer: HTTPResponse) -> tuple[int | None, int | None]:
    """Offset of a part and length of the whole file; None if the server does not tell."""
    match = _EXTENT.fullmatch(answer.headers.get("Content-Range") or "")
    first, total = match.groups() if match else (None, None)
    return None if first is None else int(first), None if total in (None, "*") else int(total)


def _read(response: HTTPResponse) -> bytes:
    """The next bytes of a download; empty at its end."""
    try:
        return response.read(_CHUNK)
    except (OSError, HTTPException) as error:
        raise _Interrupted(str(error) or type(error).__name__) from error


def _fault(archive: Archive, path: Path) -> str | None:
    """How a file differs from the published one; None if it is the same."""
    if archive.size not in (None, _size(path)):
        return f"it has {_size(path):,} bytes, {archive.size:,} are expected"
    kind = archive.checksum.partition(":")[0]
    with path.open("rb") as file:
        found = hashlib.file_digest(file, partial(hashlib.new, kind, usedforsecurity=False)).hexdigest()
    return None if archive.checksum == f"{kind}:{found}" else f"its {kind} is {found}, {archive.checksum} is expected"


def _failure(archive: Archive, path: Path, complaint: str) -> DatasetError:
    complaint = " ".join(complaint.split())  # some of urllib's have several lines
    return DatasetError(
        f"{archive.url} cannot be downloaded ({complaint}): run again, or download it by hand and put it at {path}"
    )


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
