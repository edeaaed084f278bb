"""What an image looks like where only some of its pixels are known: the others are interpolated between them.

No torch here: worker processes import this file and start in a fraction of a second.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay

Triangulation = Literal["exact", "reduced"]
"""Which known pixels are triangulated: all of them, or only those that an unknown pixel can lie between."""


def random_mask(height: int, width: int, seed: int, fraction: float = 0.01) -> NDArray[np.bool_]:
    """A few pixels drawn at random: all that is known of a fully hidden image.

    Args:
        height: Of the image, in pixels.
        width: The same.
        seed: Decides the draw; at least 0.
        fraction: Of the pixels, rounded down to whole ones; 0 to 1.

    Returns:
        Boolean (H, W), true where the pixel is known.
    """
    known = np.zeros(height * width, dtype=bool)
    known[np.random.default_rng(seed).choice(known.size, int(known.size * fraction), replace=False)] = True
    return known.reshape(height, width)


def reconstruct(
    image: NDArray[np.uint8], known: NDArray[np.bool_], triangulation: Triangulation = "exact"
) -> NDArray[np.uint8]:
    """An image from some of its pixels: linear interpolation in the Delaunay triangles of the known ones.

    The corners are always known. Images one pixel wide or high are interpolated along their line.

    Args:
        image: uint8 (H, W, C).
        known: Boolean (H, W).
        triangulation: "exact" triangulates all known pixels, and equals `create_blurred_image` of the `saliency`
            package (Kapishnikov et al. 2019, arXiv:1906.02825) in every pixel. "reduced" leaves out known pixels
            whose four neighbours are known: no unknown pixel lies in a triangle of theirs. It is faster, and differs
            only where four or more known pixels lie on one empty circle, so that their triangles are a free choice.

    Returns:
        uint8 (H, W, C); known pixels are unchanged.

    Raises:
        ValueError: If the types or the sizes are others.
    """
    _check(image, known, triangulation)
    height, width, _ = image.shape
    known = known.copy()
    known[:: max(height - 1, 1), :: max(width - 1, 1)] = True
    if known.all():
        return image.copy()
    if min(height, width) == 1:
        return _along_a_line(image, known)
    corners = np.flatnonzero(known if triangulation == "exact" else _beside_unknown(known))
    rows, columns = np.divmod(corners, width)
    triangles = Delaunay(np.stack([rows, columns], axis=1)).simplices
    return _fill(image, known, corners[triangles])


def _check(image: NDArray[np.uint8], known: NDArray[np.bool_], triangulation: str) -> None:
    if image.dtype != np.uint8 or image.ndim != 3 or 0 in image.shape:
        raise ValueError(f"The image must be uint8 (height, width, channels), not {image.dtype} {image.shape}.")
    if known.dtype != bool or known.shape != image.shape[:2]:
        raise ValueError(
            f"The known pixels must be a boolean mask of the image's size {image.shape[:2]}, "
            f"not {known.dtype} {known.shape}."
        )
    if triangulation not in ("exact", "reduced"):
        raise ValueError(f'The triangulation is "exact" or "reduced", not {triangulation!r}.')


def _along_a_line(image: NDArray[np.uint8], known: NDArray[np.bool_]) -> NDArray[np.uint8]:
    line, there = image.reshape(-1, image.shape[2]), np.flatnonzero(known)
    everywhere = np.arange(len(line))
    channels = [np.interp(everywhere, there, line[there, channel]) for channel in range(line.shape[1])]
    return np.round(np.stack(channels, axis=1).astype(np.float32)).astype(np.uint8).reshape(image.shape)


def _beside_unknown(known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The known pixels with an unknown one among their four neighbours, and the corners."""
    padded = np.pad(known, 1, constant_values=True)
    inside = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    beside = known & ~inside
    beside[[0, 0, -1, -1], [0, -1, 0, -1]] = True
    return beside


def _fill(image: NDArray[np.uint8], known: NDArray[np.bool_], triangles: NDArray[np.int64]) -> NDArray[np.uint8]:
    """The image with its unknown pixels interpolated in triangles (T, 3) of flat positions of known pixels."""
    height, width, channels = image.shape
    r, c = np.divmod(triangles, width)
    area = (r[:, 1] - r[:, 0]) * (c[:, 2] - c[:, 0]) - (r[:, 2] - r[:, 0]) * (c[:, 1] - c[:, 0])
    # Twice the area is 1: no pixel lies inside or on the sides (Pick's theorem).
    large = np.abs(area) > 1
    r, c, area, triangles = r[large], c[large], area[large], triangles[large]
    j, k = [1, 2, 0], [2, 0, 1]
    sign = np.sign(area)[:, None]
    by_row = -(c[:, k] - c[:, j]) * sign
    by_column = (r[:, k] - r[:, j]) * sign
    constant = -(by_row * r[:, j] + by_column * c[:, j])
    area = np.abs(area)
    heights = np.ptp(r, axis=1) + 1
    of = np.repeat(np.arange(len(r)), heights)
    row = r.min(axis=1)[of] + np.arange(len(of)) - (np.cumsum(heights) - heights)[of]
    at = by_row[of] * row[:, None] + constant[of]
    slope = by_column[of]
    divisor = np.where(slope == 0, 1, slope)
    first = np.where(slope > 0, -(at // divisor), 0).max(axis=1)
    last = np.where(slope < 0, -at // divisor, width - 1).min(axis=1)
    unknown_before = np.zeros((height, width + 1), dtype=np.int64)
    np.cumsum(~known, axis=1, out=unknown_before[:, 1:])
    used = last >= first
    used[used] = unknown_before[row[used], last[used] + 1] > unknown_before[row[used], first[used]]
    of, row, first, last = of[used], row[used], first[used], last[used]
    lengths = last - first + 1
    span = np.repeat(np.arange(len(lengths)), lengths)
    column = first[span] + np.arange(len(span)) - (np.cumsum(lengths) - lengths)[span]
    row, of = row[span], of[span]
    unknown = ~known[row, column]
    row, column, of = row[unknown], column[unknown], of[unknown]
    weights = by_row[of] * row[:, None] + by_column[of] * column[:, None] + constant[of]
    values = image.reshape(-1, channels)[triangles[of]].astype(np.int64)
    interpolated = (weights[:, :, None] * values).sum(axis=1) / area[of, None]
    filled = image.copy()
    filled[row, column] = np.round(interpolated.astype(np.float32)).astype(np.uint8)
    return filled
