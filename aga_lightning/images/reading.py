"""Read any image file as upright 8-bit RGB; errors name the file and the remedy."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import ExifTags, Image, UnidentifiedImageError

from aga_lightning.files import shown
from aga_lightning.images.colours import decode, foresee
from aga_lightning.images.formats import NotAFileError, foreign, open_image, require_file

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
_WHOLE = (b"\xff\xd9", b"IEND\xaeB`\x82")  # the last bytes of JPEG and PNG files, before zeros of some writers
_MOST_PIXELS = 120_000_000


class ImageReadError(ValueError):
    """An image file that cannot be read; the message names the file and the remedy."""


def read_image(path: Path, max_pixels: int = _MOST_PIXELS) -> Image.Image:
    """Read an image file as RGB.

    Colour profiles are converted to sRGB. Transparent pixels become white, an animation becomes its first frame; values
    of more than 8 bits are scaled, see `colours.decode`.

    Args:
        path: A file of a supported format, whatever its name.
        max_pixels: Larger images are refused before they are decoded. Pillow has a limit of its own
            (twice `PIL.Image.MAX_IMAGE_PIXELS`, 179 million).

    Returns:
        An RGB image, turned upright by its EXIF orientation.

    Raises:
        ImageReadError: If the file is missing, empty, truncated, too large or no image.
    """
    with _explained(path, max_pixels), open_image(path) as image:
        _refuse_large(image, max_pixels)
        pixels, _ = decode(image, path)
        return upright(pixels, image)


def image_size(path: Path) -> tuple[int, int]:
    """Width and height of the upright image, from the file's header alone.

    Raises:
        ImageReadError: If the file is missing, empty or no image.
    """
    with _explained(path), open_image(path) as image:
        return _upright_size(image)


def verify_image(path: Path, whole: bool = False) -> tuple[str, ...]:
    """Check an image file's header and its last bytes; decode it only if they do not suffice.

    Args:
        path: The file; files of formats other than JPEG and PNG are always decoded.
        whole: Decode every file.

    Returns:
        Remarks on its pixels; see `colours`.

    Raises:
        ImageReadError: If the file is missing, empty, truncated, damaged, too large or no image.
    """
    with _explained(path, _MOST_PIXELS), open_image(path) as image:
        _refuse_large(image, _MOST_PIXELS)
        found = None if whole or not _ends_well(path) else foresee(image)
        return (found or decode(image, path)[1]).remarks


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal.

    Raises:
        ImageReadError: If the file cannot be read.
    """
    with _explained(path):
        require_file(path)
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


def pixels_digest(path: Path, digest: str) -> str:
    """Digest of an image file's pixels, in hexadecimal.

    It is the file's own digest, except for files that earlier releases read differently, because they ignored colour
    profiles, unused bits and the sides of TIFF files. Only augmentations of those files are made anew.

    Args:
        path: The file; if it cannot be read, the result is the file's own digest.
        digest: SHA-256 of its bytes.
    """
    try:
        with open_image(path) as image:
            mixed_up = image.format == "TIFF" and _orientation(image) in _SIDEWAYS
            new = mixed_up or (foresee(image) or decode(image, path)[1]).new
    except MemoryError:
        raise
    except Exception:  # as in `_explained`
        return digest
    return hashlib.sha256(f"{digest} with its colour profile".encode()).hexdigest() if new else digest


def upright(pixels: Image.Image, image: Image.Image) -> Image.Image:
    """Turn pixels upright by the EXIF orientation of their file.

    Pillow's `exif_transpose` reads the orientation of the image that it turns, which colour conversion has dropped.

    Args:
        pixels: The pixels, converted or not.
        image: The file, open and decoded. Pillow turns a TIFF while decoding, and drops its orientation.
    """
    turn = _UPRIGHT.get(_orientation(image))
    return pixels if turn is None else pixels.transpose(turn)


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8."""
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # damaged metadata must not cost an image whose pixels are fine
        return 1


def _upright_size(image: Image.Image) -> tuple[int, int]:
    """Width and height of an open file, not yet decoded, when upright."""
    # For a TIFF that lies on its side, some releases of Pillow swap the sides at once, others when decoding.
    tags = getattr(image, "tag_v2", {})
    width, height = (int(tags.get(tag, side)) for tag, side in zip((256, 257), image.size, strict=True))
    return (height, width) if _orientation(image) in _SIDEWAYS else (width, height)


def _ends_well(path: Path) -> bool:
    """Whether a file ends as a whole JPEG or PNG file does."""
    with open(path, "rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL))
        return file.read().rstrip(b"\0").endswith(_WHOLE)


def _refuse_large(image: Image.Image, max_pixels: int) -> None:
    width, height = image.size
    if width * height > max_pixels:
        raise Image.DecompressionBombError(f"{width} x {height} pixels")


@contextmanager
def _explained(path: Path, max_pixels: int = 0) -> Iterator[None]:
    """Turn any error about a file into an ImageReadError."""
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:  # decoders raise nearly anything on damaged bytes: struct.error, IndexError, SyntaxError
        raise ImageReadError(f"{shown(path)} {_complaint(path, error, max_pixels)}") from error


def _complaint(path: Path, error: Exception, max_pixels: int) -> str:
    """A complaint about a file and the remedy, to be read after its name."""
    if isinstance(error, Image.DecompressionBombError):
        return (
            f"is larger than {max_pixels} pixels ({error}): shrink it, or, if you trust it, "
            "raise max_pixels and PIL.Image.MAX_IMAGE_PIXELS"
        )
    if isinstance(error, FileNotFoundError):
        return "does not exist: check the path, and that the data set was copied completely"
    if isinstance(error, NotAFileError | IsADirectoryError):
        kind = "is a folder" if path.is_dir() else str(error)
        return f"{kind}: give the path of an image file"
    if isinstance(error, PermissionError):
        return "may not be read: give yourself read permission"
    if path.stat().st_size == 0:
        return "is empty: fetch it again, or remove it from the data set"
    if isinstance(error, UnidentifiedImageError):
        return foreign(path)
    reason = shown(error)
    return f"cannot be decoded ({reason}): fetch it again, or remove it from the data set"
