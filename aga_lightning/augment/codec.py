"""Images to the bytes of a file and back, always the same bytes for the same pixels."""

import cv2
import numpy as np

from aga_lightning.augment.base import Image, Mask


def encode_jpeg(image: Image, quality: int = 95) -> bytes:
    """RGB pixels as a JPEG without chroma subsampling, which would wash out marks of one or two pixels."""
    options = [cv2.IMWRITE_JPEG_QUALITY, quality]
    options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    return _encode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)


def decode_rgb(data: bytes) -> Image:
    """The RGB pixels of a file this module has written."""
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        raise ValueError("not an image")
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), np.uint8)


def encode_mask(mask: Mask) -> bytes:
    """A mask as a grey PNG, 255 where the subject is."""
    return _encode(".png", mask.astype(np.uint8) * 255, [])


def decode_mask(data: bytes) -> Mask:
    """The mask in a PNG this module has written."""
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    if pixels is None:
        raise ValueError("not an image")
    return np.asarray(pixels >= 128)


def _encode(suffix: str, pixels: np.ndarray, options: list[int]) -> bytes:
    done, data = cv2.imencode(suffix, pixels, options)
    if not done:
        raise ValueError(f"an image of shape {pixels.shape} cannot be written as {suffix}")
    return data.tobytes()
