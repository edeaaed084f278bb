"""Read any image file as upright 8-bit RGB, or say which file is wrong and what to do about it."""

import hashlib
import os
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageCms, UnidentifiedImageError

from aga_lightning.data.base import DatasetError

IMAGE_SUFFIXES = frozenset(
    ".avif .bmp .gif .jfif .jp2 .jpe .jpeg .jpg .pbm .pgm .png .pnm .ppm .tif .tiff .webp".split()
)
"""Endings (lower case) of the files that `find_images` takes for images."""

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = (5, 6, 7, 8)
_TAIL = 64
_WHOLE = (b"\xff\xd9", b"IEND\xaeB`\x82")  # how JPEG and PNG files end, but for zeros that some writers pad with


class ImageReadError(ValueError):
    """An image file that cannot be read; the message names the file and the remedy."""


def read_image(path: Path, max_pixels: int = 120_000_000) -> Image.Image:
    """Read an image file as RGB.

    Transparent pixels come out on white, an animation as its first frame; values of more than 8 bits are scaled.

    Args:
        path: Any file Pillow can read, whatever its name ends in.
        max_pixels: Larger images are refused before they are decoded. Pillow has a limit of its own
            (twice `PIL.Image.MAX_IMAGE_PIXELS`, 179 million).

    Returns:
        An RGB image, turned upright by its EXIF orientation.

    Raises:
        ImageReadError: If the file is missing, empty, truncated, too large or no image.
    """
    try:
        with _silence, Image.open(path) as image:
            width, height = image.size
            if width * height > max_pixels:
                raise Image.DecompressionBombError(f"{width} x {height} pixels")
            image.load()
            turn = _UPRIGHT.get(_orientation(image))
            rgb = _rgb(image)
            return rgb.transpose(turn) if turn is not None else rgb
    except MemoryError:
        raise
    except Exception as error:  # decoders raise nearly anything on damaged bytes: struct.error, IndexError, SyntaxError
        raise ImageReadError(f"{path} {_complaint(path, error, max_pixels)}") from error


def image_size(path: Path) -> tuple[int, int]:
    """Width and height of an image when upright, from the file's header alone.

    Raises:
        ImageReadError: If the file is missing, empty or no image.
    """
    try:
        with _silence, Image.open(path) as image:
            width, height = image.size
            return (height, width) if _orientation(image) in _SIDEWAYS else (width, height)
    except MemoryError:
        raise
    except Exception as error:  # as in `read_image`
        raise ImageReadError(f"{path} {_complaint(path, error, 0)}") from error


def verify_image(path: Path) -> None:
    """Look at an image file's header and its last bytes; decode it only where they are not as a whole file's are.

    Args:
        path: The file; one of a format other than JPEG and PNG is always decoded.

    Raises:
        ImageReadError: If the file is missing, empty, truncated or no image.
    """
    image_size(path)
    try:
        with open(path, "rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL))
            end = file.read().rstrip(b"\0")
    except OSError as error:
        raise ImageReadError(f"{path} {_complaint(path, error, 0)}") from error
    if not end.endswith(_WHOLE):
        read_image(path)


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal.

    Raises:
        ImageReadError: If the file cannot be read.
    """
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ImageReadError(f"{path} {_complaint(path, error, 0)}") from error


def find_images(folder: Path, root: Path | None = None) -> list[Path]:
    """All images under a folder, by the ending of their names; hidden files and folders are passed over.

    Args:
        folder: Where to look, at any depth.
        root: Symbolic links may lead anywhere inside it; by default `folder` itself.

    Returns:
        Paths below `folder`, sorted by name, and so in the same order on every machine.

    Raises:
        DatasetError: If `folder` is missing, or a link leads out of `root`, to nothing, or round in a circle.
    """
    if not folder.is_dir():
        raise DatasetError(f"{folder} is not a folder: check the path")
    home = (root or folder).resolve()
    return sorted(_walk(folder, home, (folder.resolve(),)), key=lambda path: path.as_posix())


def check_link(path: Path, home: Path) -> Path:
    """Where a path really leads, if that is inside `home` (itself without links).

    Raises:
        DatasetError: If it leads out of `home`, or to nothing.
    """
    target = path.resolve()
    if not target.is_relative_to(home):
        raise DatasetError(
            f"{path} leads out of {home}, to {target}: put the files themselves there, or remove the link"
        )
    if not target.exists():
        raise DatasetError(f"{path} is a link to nothing ({target}): restore its target, or remove the link")
    return target


def _walk(folder: Path, home: Path, above: tuple[Path, ...]) -> Iterator[Path]:
    with os.scandir(folder) as entries:
        for entry in entries:
            path = Path(entry.path)
            image = path.suffix.lower() in IMAGE_SUFFIXES
            if entry.name.startswith("."):
                continue
            if entry.is_symlink() and (image or entry.is_dir()):
                target = check_link(path, home)
                if target in above:
                    raise DatasetError(f"{path} is a link to a folder that holds it: remove the link")
            if entry.is_dir():
                yield from _walk(path, home, (*above, path.resolve()))
            elif image and entry.is_file():
                yield path


class _Silence:
    """Hides warnings while any thread is inside; Python's own context manager is not safe with threads."""

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


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1..8; Pillow itself has already turned a TIFF, and then says 1."""
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # damaged metadata must not cost an image whose pixels are fine
        return 1


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB" and image.format == "JPEG":
        return image  # decoded into memory of its own; a copy would only cost time
    if image.mode.startswith(("I", "F")):
        return Image.fromarray(_eight_bits(image)).convert("RGB")
    if image.mode == "LAB":  # the one mode that Pillow converts only through a colour profile
        lab, rgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, lab, rgb, outputMode="RGB")
        assert converted is not None  # only None when converting in place
        return converted
    if image.has_transparency_data:
        opaque = Image.new("RGBA", image.size, "white")
        opaque.alpha_composite(image.convert("RGBA"))
        return opaque.convert("RGB")
    return image.convert("RGB")


def _eight_bits(image: Image.Image) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    """Grey values of 16 or 32 bits or floats, scaled by the smallest usual full scale that holds them all."""
    values = np.asarray(image)
    if image.mode.startswith("I;16"):
        low, scale = 0.0, 65535.0
    else:
        values = np.nan_to_num(values.astype(np.float64), posinf=0.0, neginf=0.0)
        low, high = float(values.min()), float(values.max())
        usual = (1.0, 255.0, 65535.0) if image.mode == "F" else (255.0, 65535.0)
        scale = next((full for full in usual if 0 <= low and high <= full), 0.0)
        low, scale = (0.0, scale) if scale else (low, high - low)
    return np.round((values - low) * (255.0 / max(scale, 1e-12))).astype(np.uint8)


def _complaint(path: Path, error: Exception, max_pixels: int) -> str:
    """What is wrong with a file and what to do, to be read after its name."""
    if isinstance(error, Image.DecompressionBombError):
        return (
            f"is larger than {max_pixels} pixels ({error}): shrink it, or, if you trust it, "
            "raise max_pixels and PIL.Image.MAX_IMAGE_PIXELS"
        )
    if isinstance(error, FileNotFoundError):
        return "does not exist: check the path, and that the data set was copied completely"
    if path.is_dir():
        return "is a folder: give the path of an image file"
    if isinstance(error, PermissionError):
        return "may not be read: give yourself read permission"
    if path.stat().st_size == 0:
        return "is empty: fetch it again, or remove it from the data set"
    if isinstance(error, UnidentifiedImageError):
        return "is not an image that Pillow can read: convert it to PNG or JPEG, or remove it from the data set"
    return f"cannot be decoded ({error}): fetch it again, or remove it from the data set"
