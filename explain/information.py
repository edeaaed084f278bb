"""How much information an image holds: the bytes that it takes as a lossless WebP file.

No torch here: worker processes import this file and start in a fraction of a second.
"""

import hashlib
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, features


def lossless_bytes(image: NDArray[np.uint8]) -> int:
    """The length of an image as a lossless WebP file, the estimate of Kapishnikov et al. 2019 (arXiv:1906.02825).

    The settings are those of the `saliency` package. Cheaper ones are biased: they move areas by several hundredths.

    Args:
        image: uint8 (H, W, C), with one or three channels.

    Returns:
        Bytes. They depend on the version of libwebp: see `webp_version`.

    Raises:
        ValueError: If the image has another type or shape.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] not in (1, 3):
        raise ValueError(f"The image must be uint8 (height, width, 1 or 3), not {image.dtype} {image.shape}.")
    file = io.BytesIO()
    Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image).save(
        file, format="webp", lossless=True, quality=100
    )
    return file.tell()


def webp_version() -> str:
    """The version of libwebp, to be noted beside numbers that are compared: another may encode to other lengths."""
    return str(features.version("webp"))


class InformationMemory:
    """Keeps what does not depend on the model: the lengths of an image and of its fully hidden form.

    It holds two numbers an image, about 300 bytes, whatever the image's size.
    """

    def __init__(self) -> None:
        self._lengths: dict[bytes, tuple[int, int]] = {}

    def __len__(self) -> int:
        return len(self._lengths)

    @staticmethod
    def key(image: NDArray[np.uint8], known: NDArray[np.bool_], triangulation: str) -> bytes:
        """A digest of all that the two lengths depend on.

        Args:
            image: uint8 (H, W, C).
            known: Boolean (H, W): what is known of the fully hidden image.
            triangulation: How it is reconstructed.
        """
        digest = hashlib.blake2b(f"{image.shape} {triangulation}".encode(), digest_size=16)
        digest.update(image.tobytes())
        digest.update(known.tobytes())
        return digest.digest()

    def recall(self, key: bytes) -> tuple[int, int] | None:
        """The bytes of the image and of its fully hidden form, or None if they were not measured yet."""
        return self._lengths.get(key)

    def keep(self, key: bytes, original: int, hidden: int) -> None:
        """Remember both lengths, in bytes."""
        self._lengths[key] = (original, hidden)
