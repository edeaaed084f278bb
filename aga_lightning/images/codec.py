"""Encode images to the bytes of a file and decode them; the same pixels always give the same bytes."""

import cv2
import numpy as np
import numpy.typing as npt

from aga_lightning.images.pixels import Alpha, Image, Mask


def encode_jpeg(image: Image, quality: int = 95) -> bytes:
    """RGB pixels as a JPEG without chroma subsampling, which would blur marks of one or two pixels."""
    options = [cv2.IMWRITE_JPEG_QUALITY, quality]
    options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    return _encode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)


def suffix(data: bytes) -> str:
    """The ending of a file name for some content: .jpg, .png, .safetensors, or .bin for anything else."""
    if data[8:9] == b"{":
        return ".safetensors"
    return next((ending for start, ending in _STARTS.items() if data.startswith(start)), ".bin")


_STARTS = {b"\xff\xd8\xff": ".jpg", b"\x89PNG\r\n": ".png"}


def decode_rgb(data: bytes) -> Image:
    """The RGB pixels of a file that this module has written.

    Raises:
        ValueError: If the bytes are no image.
    """
    return np.asarray(cv2.cvtColor(_decode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB), np.uint8)


def is_image(data: bytes) -> bool:
    """Whether the bytes can be decoded."""
    try:
        decode_rgb(data)
    except (ValueError, cv2.error):  # the latter if a damaged header claims a billion pixels
        return False
    return True


def encode_mask(mask: Mask) -> bytes:
    """A mask as a grey PNG, 255 where the subject is."""
    return encode_alpha(mask.astype(np.uint8) * np.uint8(255))


def encode_alpha(alpha: Alpha) -> bytes:
    """Levels from 0 to 255 as a grey PNG."""
    return _encode(".png", alpha, [])


def decode_mask(data: bytes) -> Mask:
    """The mask in a PNG that this module has written.

    Raises:
        ValueError: If the bytes are no image.
    """
    return np.asarray(decode_alpha(data) >= 128)


def decode_alpha(data: bytes) -> Alpha:
    """The levels in a grey PNG that this module has written.

    Raises:
        ValueError: If the bytes are no image.
    """
    return _decode(data, cv2.IMREAD_GRAYSCALE)


def _decode(data: bytes, mode: int) -> npt.NDArray[np.uint8]:
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), mode) if data else None  # OpenCV takes no empty buffer
    if pixels is None:
        raise ValueError("not an image")
    return np.asarray(pixels, np.uint8)


def _encode(suffix: str, pixels: np.ndarray, options: list[int]) -> bytes:
    done, data = cv2.imencode(suffix, pixels, options)
    if not done:
        raise ValueError(f"an image of shape {pixels.shape} cannot be written as {suffix}")
    return data.tobytes()
