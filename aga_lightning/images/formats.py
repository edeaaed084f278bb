"""The supported formats of image files, and the only place where image files are opened."""

import importlib
import os
import stat
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from PIL import Image, features

from aga_lightning.files import pointer

_ENDINGS = {
    "JPEG": ".jfif .jpe .jpeg .jpg .mpo",
    "PNG": ".apng .png",
    "WEBP": ".webp",
    "TIFF": ".tif .tiff",
    "BMP": ".bmp",
    "GIF": ".gif",
    "PPM": ".pbm .pgm .pnm .ppm",
    "JPEG2000": ".j2k .jp2 .jpf .jpx",
    "AVIF": ".avif",
    "HEIF": ".heic .heif .hif",
}
"""Pillow's name of each format, the most frequent first, and the endings of its file names."""

_CODECS = {"WEBP": "webp", "JPEG2000": "jpg_2000", "AVIF": "avif"}  # Pillow may have been built without these

_READERS = {
    "AVIF": "pip install 'pillow>=11.3'",
    "HEIF": "pip install 'aga-lightning[heic]'",
    "JPEG2000": "take a Pillow built with OpenJPEG",
    "WEBP": "take a Pillow built with libwebp",
}
"""How to install a reader of a format that not every installation reads."""

_BRANDS = {b"avif": "AVIF", b"avis": "AVIF"} | dict.fromkeys((b"heic", b"heix", b"hevc", b"heim", b"mif1"), "HEIF")

_RAW = frozenset(
    ".3fr .arw .cr2 .cr3 .dng .erf .iiq .kdc .mef .mos .mrw .nef .nrw .orf .pef .raf .raw .rw2 .rwl .sr2 .srf .srw .x3f"
    .split()
)  # fmt: skip

_KINDS = {
    stat.S_ISDIR: "is a folder",
    stat.S_ISFIFO: "is a named pipe",
    stat.S_ISSOCK: "is a socket",
    stat.S_ISCHR: "is a device",
    stat.S_ISBLK: "is a device",
}


class NotAFileError(OSError):
    """A folder, a named pipe, a socket or a device, which is never opened."""


@contextmanager
def open_image(path: Path) -> Iterator[Image.Image]:
    """Open an image file, to read its header or to decode it.

    Only the supported formats are tried, whatever the file name: Pillow alone would pass PostScript to Ghostscript.
    Pillow's warnings are hidden while the file is open.

    Args:
        path: The file.

    Raises:
        NotAFileError: If it is no regular file.
        UnidentifiedImageError: If it has another format.
    """
    require_file(path)
    # Opened by name, Pillow maps some files into memory, where it confuses the sides of a TIFF that lies on its side,
    # and where a file that is truncated meanwhile ends the process.
    with _silence, open(path, "rb") as file, Image.open(file, formats=_formats()) as image:
        yield image


def require_file(path: Path) -> None:
    """Refuse anything but a regular file, since opening a named pipe would wait for ever.

    Raises:
        NotAFileError: If it is no regular file; the message says what it is.
    """
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode):
        raise NotAFileError(next((kind for is_kind, kind in _KINDS.items() if is_kind(mode)), "is no file"))


@cache
def image_endings() -> frozenset[str]:
    """Endings of the names of image files, in lower case."""
    return frozenset(ending for name in _formats() for ending in _ENDINGS[name].split())


def missing_reader(ending: str) -> str:
    """The remedy for photos that cannot be read here, by the ending of their names; empty for other files."""
    name = next((name for name, endings in _ENDINGS.items() if ending in endings.split()), "")
    if name:
        return "" if name in _formats() else f"no reader is installed: {_READERS[name]}"
    return "a camera's raw data is not read: convert to JPEG or TIFF" if ending in _RAW else ""


def foreign(path: Path) -> str:
    """A complaint about a file of an unsupported format, by its first bytes; to be read after its name."""
    if complaint := pointer(path):
        return complaint
    with open(path, "rb") as file:
        start = file.read(64)
    name = _BRANDS.get(start[8:12], "") if start[4:8] == b"ftyp" else ""
    if name and name not in _formats():
        return f"is a {name} image, and no reader is installed: {_READERS[name]}, or convert it to JPEG"
    return "is not an image of a format that is read: convert it to PNG or JPEG, or remove it from the data set"


@cache
def _formats() -> tuple[str, ...]:
    """Pillow's names of the formats that this installation reads."""
    for name in ("pillow_heif", "pi_heif"):  # the same reader, with and without an encoder
        try:
            importlib.import_module(name).register_heif_opener()
            break
        except ImportError:
            continue
    Image.init()
    supported = set(features.get_supported())
    return tuple(name for name in _ENDINGS if name in Image.OPEN and _CODECS.get(name) in {None, *supported})


class _Silence:
    """Hides warnings while any thread is inside the block; Python's own context manager is not thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._caught = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._caught = warnings.catch_warnings()
                self._caught.__enter__()
                warnings.simplefilter("ignore")
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._caught.__exit__(None, None, None)


_silence = _Silence()
