"""Fetch a published file: go on where a download was interrupted, and compare the checksum.

Our dependencies do not suffice: torch.hub and fsspec cannot resume; torchvision cannot either, and repeats a failed
https download over plain http; huggingface_hub serves its own hub only. The standard library's client is used because
it passes on the published bytes: requests would decompress an archive that a server labels as gzip-encoded.
"""

import hashlib
import os
import re
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

TIMEOUT = 60.0
"""Seconds without a byte after which a connection is given up."""

_CHECKSUM = re.compile("md5:[0-9a-f]{32}|sha256:[0-9a-f]{64}")
_EXTENT = re.compile(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)")
_CHUNK = 1 << 16


class DownloadError(ValueError):
    """A file that cannot be downloaded; the message names its address and the remedy, `reason` what went wrong."""

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason or message


@dataclass(frozen=True, slots=True)
class Published:
    """A published file.

    Args:
        url: An http or https address.
        checksum: "md5:<hex>" or "sha256:<hex>".
        size: Its length in bytes, if known.

    Raises:
        DownloadError: If the address or the checksum has another form.
    """

    url: str
    checksum: str
    size: int | None = None

    def __post_init__(self) -> None:
        if urlsplit(self.url).scheme not in ("http", "https") or self.name in ("", ".."):
            raise DownloadError(f"{self.url!r} is not the http or https address of a file: correct it")
        if not _CHECKSUM.fullmatch(self.checksum):
            raise DownloadError(f"{self.checksum!r} is neither md5:<32 digits> nor sha256:<64 digits>: correct it")

    @property
    def name(self) -> str:
        """The file name at the end of the address."""
        return PureWindowsPath(unquote(urlsplit(self.url).path)).name


def offline() -> bool:
    """Whether the user has forbidden the network, by HF_HUB_OFFLINE=1, which the Hugging Face libraries heed too."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


def fetch(published: Published, folder: Path, timeout: float = TIMEOUT) -> Path:
    """Download a file, unless it is there already.

    The file appears under its name when it is complete, so this may be killed at any time, and the next call continues
    the download; one process works while others wait.

    Args:
        published: The file.
        folder: The folder to download to; made if it is missing.
        timeout: Seconds without a byte after which a connection is given up.

    Returns:
        The file in the folder.

    Raises:
        DownloadError: If it cannot be downloaded, differs from the published one, or finds no room.
    """
    path = folder / published.name
    if path.exists():
        return path
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f".{published.name}.lock"):
            if not path.exists():
                download(published, path, timeout).rename(path)
    except OSError as error:
        raise DownloadError(
            f"{path} cannot be written ({error}): see that there is room and that you may write there, then run again"
        ) from error
    return path


class _Interrupted(Exception):
    """The connection ended before the file did."""


class _Redirects(HTTPRedirectHandler):
    """Follows redirects to other hosts, where large files often are, but not from https to another protocol."""

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


def part_of(path: Path) -> Path:
    """Path of a download until it is complete and moved: a name that no browser or person gives."""
    return path.with_name(f".{path.name}.part")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def download(published: Published, path: Path, timeout: float = TIMEOUT) -> Path:
    """Download a file beside its path, under `part_of` it, and compare it with the published one.

    A partial file of an earlier call is continued, and fetched once more from its start if it turns out to be wrong.

    Returns:
        part_of(path), complete.

    Raises:
        DownloadError: If the file cannot be downloaded or differs from the published one; a partial download is kept.
        OSError: If nothing can be written there.
    """
    part = part_of(path)
    for again in (False, True):
        continued = _receive_all(published, path, timeout)
        fault = fault_of(published, part)
        if fault is None:
            return part
        part.unlink()
        if again or not continued:
            break
    raise _failure(published, path, f"what came is not what was published: {fault}; it was removed")


def _receive_all(published: Published, path: Path, timeout: float) -> bool:
    """Download the missing bytes, with a new connection as long as each one brings some.

    Returns:
        Whether the file begins with bytes from an earlier connection.
    """
    part = part_of(path)
    while (start := _size(part)) == 0 or start != published.size:
        try:
            return _receive(published, path, start, timeout)
        except _Interrupted as interruption:
            if _size(part) <= start:
                kept = f"; the {_size(part):,} bytes that came are kept" if start else ""
                raise _failure(published, path, f"{interruption}{kept}") from interruption
    return True


def _receive(published: Published, path: Path, start: int, timeout: float) -> bool:
    """Download a file from a byte on, over one connection; from the beginning if the server insists.

    Returns:
        Whether the file begins with earlier bytes.

    Raises:
        _Interrupted: If fewer bytes came than were announced.
    """
    part = part_of(path)
    headers = {"User-Agent": "aga-lightning"} | ({"Range": f"bytes={start}-"} if start else {})
    try:
        response = build_opener(_Redirects).open(Request(published.url, headers=headers), timeout=timeout)
    except HTTPError as error:
        with error:
            if start and error.code == 416:
                return True  # the file has no more bytes; the checksum shows whether it is complete
            raise _failure(published, path, f"{_host(error.url)} answers {error.code} {error.reason}") from error
    except (OSError, HTTPException, ValueError) as error:
        raise _Interrupted(getattr(error, "reason", None) or str(error) or type(error).__name__) from error
    with response:
        offset, total = _extent(response) if response.status == 206 else (0, response.length)
        if offset not in (0, start):
            raise _Interrupted(f"{_host(response.url)} sends another part than the one from byte {start:,} on")
        if published.size is not None and total not in (None, published.size):
            complaint = f"{_host(response.url)} has {total:,} bytes, {published.size:,} were published"
            raise _failure(published, path, complaint)
        total = total or published.size
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


def fault_of(published: Published, path: Path) -> str | None:
    """How a file differs from the published one; None if it is the same."""
    if published.size not in (None, _size(path)):
        return f"it has {_size(path):,} bytes, {published.size:,} are expected"
    kind = published.checksum.partition(":")[0]
    with path.open("rb") as file:
        found = hashlib.file_digest(file, partial(hashlib.new, kind, usedforsecurity=False)).hexdigest()
    same = published.checksum == f"{kind}:{found}"
    return None if same else f"its {kind} is {found}, {published.checksum} is expected"


def _failure(published: Published, path: Path, complaint: str) -> DownloadError:
    complaint = " ".join(complaint.split())  # some of urllib's have several lines
    return DownloadError(
        f"{published.url} cannot be downloaded ({complaint}): run again, or download it by hand and put it at {path}",
        complaint,
    )
