"""A subject cut out of its photo, as RGBA with a margin around its box, and its way to another place."""

import math
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from aga_lightning.augment.placement import Landing, Vector
from aga_lightning.images.pixels import Alpha, Image, Mask

Floats = npt.NDArray[np.float32]

KERNEL_REACH = 3  # pixels beyond the outline that an interpolation kernel gives weight to
_SMALL_AREA = 128 * 128  # up to here the best resampling costs little, and field marks are few pixels wide
_LARGE_AREA = 300 * 300  # beyond it a plain linear warp is good enough
_DENSITY = 1.5  # samples per landing pixel before the final linear warp
_LANCZOS_MIN_SCALE = 0.7  # further down it would alias


def extended(colours: Image, solid: Image, reach: int) -> Image:
    """The subject as RGBA with a margin of `reach` pixels, filled with local means of the subject's colours."""
    height, width = (length + 2 * reach for length in solid.shape)
    # Means of the known pixels over 5 x 5 cells; smoothly enlarged, they are right up to 1.5 cells from the subject.
    # Small cells are closer to the outline's own colours, but slow.
    fewest = 1 if solid.size <= _SMALL_AREA else 2
    halvings = max(fewest, math.ceil(math.log2(max(reach, 1) / 1.5)))
    cell = 2**halvings
    rows, columns = math.ceil(height / cell), math.ceil(width / cell)
    inner = (slice(reach, height - reach), slice(reach, width - reach))
    opaque = cv2.cvtColor(colours, cv2.COLOR_RGB2RGBA)
    canvas = np.zeros((rows * cell, columns * cell, 4), np.uint8)
    cv2.copyTo(opaque, solid, canvas[inner])
    if reach == 0:
        return canvas[:height, :width]
    coarse = canvas
    for _ in range(halvings):
        coarse = _bytes(cv2.resize(coarse, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
    sums = cv2.boxFilter(coarse, cv2.CV_16U, (5, 5), normalize=False, borderType=cv2.BORDER_CONSTANT)
    known = cv2.extractChannel(sums, 3)
    means = cv2.divide(sums, cv2.merge([known] * 4), scale=255, dtype=cv2.CV_8U)  # far from the subject: 0 / 0 is 0
    means[..., 3] = 0
    enlarged = cv2.resize(means, (columns * cell, rows * cell), interpolation=cv2.INTER_LINEAR)
    cv2.copyTo(opaque, solid, enlarged[inner])
    return _bytes(enlarged[:height, :width])


def unmixed(image: Image, alpha: Alpha, box: Sequence[int], margin: int) -> Image:
    """The subject as RGBA, without what the colours of its soft edge have of the old background.

    A pixel of the edge is a mixture by its alpha. The subject's colour in it is the mean of the subject's
    colours nearby, and by what the pixel differs from the mixture of the means of both (after Forte 2021).

    Args:
        image: (height, width, 3).
        alpha: (height, width).
        box: Left, top, width and height of the subject's box.
        margin: Pixels around the box, at least `beyond(alpha, box)`.
    """
    left, top, width, height = box
    reach = max(3, beyond(alpha, box)) + 1  # of what is nearby
    pad = margin + reach
    near = (slice(top, top + height + 2 * pad), slice(left, left + width + 2 * pad))
    padded = cv2.copyMakeBorder(np.dstack([image, alpha]), pad, pad, pad, pad, cv2.BORDER_REPLICATE)[near]
    pixels, share = padded[..., :3].astype(np.float32), padded[..., 3:].astype(np.float32) / np.float32(255)
    subject, behind, rest = pixels, pixels, np.float32(1) - share
    for _ in range(2):  # the means of the first round still hold something of each other
        mean, behind = _mean(subject, share, reach), _mean(behind, rest, reach)
        subject = np.asarray(mean + share * (pixels - share * mean - rest * behind), np.float32)
    framed = cv2.copyMakeBorder(alpha, pad, pad, pad, pad, cv2.BORDER_CONSTANT)[near]
    whole = np.dstack([np.clip(np.round(subject), 0, 255).astype(np.uint8), framed])
    return np.ascontiguousarray(whole[reach:-reach, reach:-reach])


def _mean(pixels: Floats, weight: Floats, reach: int) -> Floats:
    """The weighted mean of the pixels around each; 0 where no weight is."""
    window = (2 * reach + 1, 2 * reach + 1)
    sums = cv2.blur(pixels * weight, window)
    return np.asarray(sums / np.maximum(cv2.blur(weight, window), 1e-4)[..., None], np.float32)


def beyond(alpha: Alpha, box: Sequence[int]) -> int:
    """By how many pixels a soft edge reaches beyond the box of the mask (left, top, width, height)."""
    left, top, width, height = cv2.boundingRect(alpha)
    right, bottom = left + width - box[0] - box[2], top + height - box[1] - box[3]
    return max(box[0] - left, box[1] - top, right, bottom)


def continued(cutout: Image, margin: int, held: Mask) -> None:
    """Fill the margin beyond the sides where a subject was cut off with what is there; nothing would fade into it.

    Args:
        cutout: (height, width, 4); it is changed.
        margin: Its margin in pixels.
        held: (2, 2); the left and the top side, the right and the bottom one.
    """
    if margin == 0:
        return
    for axis, lines in ((0, cutout.swapaxes(0, 1)), (1, cutout)):
        if held[0, axis]:
            lines[:margin] = lines[margin]
        if held[1, axis]:
            lines[-margin:] = lines[-margin - 1]


def moved(cutout: Image, landing: Landing, softness: int, frame: tuple[int, ...]) -> tuple[Image, tuple[slice, slice]]:
    """The part of a cut-out that is in the frame, as it lands there, and its rows and columns.

    Args:
        cutout: (height, width, 4), with a margin.
        landing: Where it lands.
        softness: By how many pixels its edge reaches beyond it there.
        frame: Height and width of the frame.
    """
    start = np.maximum(np.floor(landing.low) - softness, 0).astype(int)
    stop = np.minimum(np.ceil(landing.high) + softness, frame[::-1]).astype(int)
    onto = (slice(start[1], stop[1]), slice(start[0], stop[0]))
    if landing.resampled:
        return _warped(cutout, landing.linear, landing.scale, landing.centre - start, stop - start), onto
    skipped = (start + softness - landing.low).astype(int)  # the margin beyond the frame
    cutout = cutout[skipped[1] :, skipped[0] :]
    return cutout[: stop[1] - start[1], : stop[0] - start[0]], onto


def _warped(
    cutout: Image, linear: npt.NDArray[np.float64], scale: float, centre: Vector, canvas: npt.NDArray[np.int_]
) -> Image:
    """The cut-out after a linear map, with its centre at a point of a canvas (width and height)."""
    size = np.array(cutout.shape[1::-1])
    area = size.prod()
    shrinks = scale < _LANCZOS_MIN_SCALE
    kernel = cv2.INTER_LANCZOS4 if area <= _SMALL_AREA and not shrinks else cv2.INTER_LINEAR
    if shrinks or _SMALL_AREA < area <= _LARGE_AREA:
        # A fast cubic (or area) resize beyond the final resolution, then a linear warp: nearly as sharp as a cubic warp
        # in a quarter of its time, and free of aliasing at any scale.
        dense = np.maximum(np.round(size * _DENSITY * scale), 1).astype(int)
        resize = cv2.INTER_CUBIC if _DENSITY * scale > 1 else cv2.INTER_AREA
        cutout = _bytes(cv2.resize(cutout, dense.tolist(), interpolation=resize))
        linear = linear * (size / dense)
        size = dense
    # OpenCV counts from the middle of the first pixel, we from its corner.
    offset = centre - 0.5 - linear @ (size / 2 - 0.5)
    return _bytes(cv2.warpAffine(cutout, np.column_stack([linear, offset]), canvas.tolist(), flags=kernel))


def _bytes(array: npt.NDArray[np.generic]) -> Image:
    """An array of OpenCV as bytes; OpenCV's own types leave the kind of number open."""
    return np.asarray(array, dtype=np.uint8)
