"""Perceptual hashes, which hardly change when a picture is resized, compressed or made brighter."""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from aga_lightning.images.pixels import Image

Hashes = npt.NDArray[np.uint64]

_SIDE = 32
_KEPT = 8
_ONES = np.array([number.bit_count() for number in range(256)], np.uint8)


def perceptual_hash(image: Image) -> int:
    """The DCT hash of a picture ("pHash", Zauner 2010).

    The picture is reduced to 32 x 32 grey pixels; each of its 8 x 8 lowest frequencies sets a bit, row by row from the
    highest bit, if its coefficient is above the median. The highest bit, for the mean brightness, is never set. Hashes
    of unrelated pictures differ in about half of the other 63 bits.

    Args:
        image: (height, width, 3) RGB, of any size; the proportions are lost.

    Returns:
        0 to 2**63 - 1; 0 for a picture of one colour.
    """
    grey = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY).astype(np.float32)
    small = cv2.resize(grey, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    coefficients = cv2.dct(small)[:_KEPT, :_KEPT].ravel().round(1)  # flat pictures have zeros, not noise
    bits = coefficients > np.median(coefficients[1:])
    bits[0] = False
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def mirrored(image: Image) -> Image:
    """The picture with left and right exchanged."""
    return np.ascontiguousarray(image[:, ::-1])


def as_hashes(hashes: Sequence[int]) -> Hashes:
    """Hashes as an array, in their order."""
    return np.asarray(hashes, np.uint64).reshape(-1)


def distances(one: int, hashes: Hashes) -> npt.NDArray[np.int64]:
    """Number of bits, 0 to 63, in which a hash differs from each of several hashes."""
    differing = np.ascontiguousarray(hashes ^ np.uint64(one)).view(np.uint8).reshape(-1, 8)
    return np.asarray(_ONES[differing].sum(axis=1, dtype=np.int64))
