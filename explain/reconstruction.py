"""What an image looks like where only some of its pixels are known: the others are interpolated between them.

No torch here: worker processes import this file and start in a fraction of a second.
"""

from typing import Any, Literal

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
    height, width = known.shape
    known = known.copy()
    known[:: max(height - 1, 1), :: max(width - 1, 1)] = True
    if known.all():
        return image.copy()
    if min(height, width) == 1:
        return _along_a_line(image, known)
    corners = np.flatnonzero(known if triangulation == "exact" else _beside_unknown(known))
    filled = _fill(image, corners, Delaunay(np.stack(np.divmod(corners, width), axis=1)).simplices)
    # Known pixels that were not triangulated lie inside triangles.
    np.copyto(filled.reshape(-1), image.reshape(-1), where=np.repeat(known, image.shape[2]))
    return filled


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


def _fill(image: NDArray[np.uint8], corners: NDArray[np.intp], triangles: NDArray[np.int32]) -> NDArray[np.uint8]:
    """The image with all pixels of the triangles interpolated between their corners.

    In whole numbers up to the one division, so that the result depends on no order of summation.

    Args:
        image: uint8 (H, W, C).
        corners: Flat positions of known pixels (P,).
        triangles: Three indices into them (T, 3), in any order.
    """
    height, width, channels = image.shape
    # Sums may wrap around, but not what they come to: the area of a triangle times a value.
    whole = np.int32 if 255 * height * width < 2**31 else np.int64
    rows, columns = (part.astype(whole) for part in np.divmod(corners, width))
    a, b, c = triangles.T
    row, column = rows[a], columns[a]
    row_b, column_b = rows[b] - row, columns[b] - column
    row_c, column_c = rows[c] - row, columns[c] - column
    area = row_b * column_c - row_c * column_b
    # Twice the signed area. Where it is 1, no pixel but the corners lies inside or on a side (Pick's theorem).
    large = np.flatnonzero(np.abs(area) > 1)
    corners_of = corners[triangles[large].T]
    row, column, row_b, column_b, row_c, column_c, area = (
        part[large] for part in (row, column, row_b, column_b, row_c, column_c, area)
    )
    of, span_row, first, lengths = _spans(
        np.stack([row, row + row_b, row + row_c]), np.stack([column, column + column_b, column + column_c])
    )
    start = span_row * width + first
    at = np.repeat((start - (np.cumsum(lengths) - lengths)).astype(whole), lengths)
    at += np.arange(len(at), dtype=whole)
    divisor = np.repeat(area[of].astype(np.float64), lengths)
    filled = image.copy()
    values, place = filled.reshape(-1), at.astype(np.intp) * channels
    span_row = span_row.astype(whole)
    for channel in range(channels):
        value, value_b, value_c = image.reshape(-1, channels)[corners_of, channel].astype(whole)
        value_b -= value
        value_c -= value
        # The plane through the three values, times the area: constant + by_row * row + by_column * column.
        by_row, by_column = value_b * column_c - value_c * column_b, value_c * row_b - value_b * row_c
        constant = value * area - by_row * row - by_column * column
        by_row -= by_column * width  # since a flat position, row * width + column, stands for the column
        plane = np.repeat(by_column[of], lengths)
        plane *= at
        plane += np.repeat(constant[of] + by_row[of] * span_row, lengths)
        # The reference keeps values as float32 before it rounds them, which decides ties.
        values[place] = np.rint((plane / divisor).astype(np.float32)).astype(np.uint8)
        place += 1
    return filled


def _spans(
    rows: NDArray[np.signedinteger[Any]], columns: NDArray[np.signedinteger[Any]]
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """The pixels inside and on the sides of triangles, row by row, but for rows that only a corner touches.

    Args:
        rows: Of the corners (3, T).
        columns: The same; no triangle is flat.

    Returns:
        Of each span: the triangle's index, the row, the first column and the number of columns, at least 1.
    """
    order = np.argsort(rows, axis=0)
    r0, r1, r2 = np.take_along_axis(rows, order, axis=0).astype(np.float64)
    c0, c1, c2 = np.take_along_axis(columns, order, axis=0).astype(np.float64)
    # Two halves, above and below the middle corner, which share the long side. A side along a row is never followed.
    long, above, below = (
        rise / np.where(run == 0, 1, run) for rise, run in ((c2 - c0, r2 - r0), (c1 - c0, r1 - r0), (c2 - c1, r2 - r1))
    )
    top = np.concatenate([r0 + 1, r1]).astype(np.intp)
    bottom = np.concatenate([np.where(r1 == r2, r1 + 1, r1), r2]).astype(np.intp)
    counts = np.maximum(bottom - top, 0)
    half = np.repeat(np.arange(len(counts)), counts)
    row = np.arange(len(half)) + np.repeat(top - (np.cumsum(counts) - counts), counts)
    one = np.tile(c0 - long * r0, 2)[half] + np.tile(long, 2)[half] * row
    two = np.concatenate([c0 - above * r0, c1 - below * r1])[half] + np.concatenate([above, below])[half] * row
    # A side meets a row at a whole column or at least 1 / height away from one: far more than the sums are off.
    first = np.ceil(np.minimum(one, two) - 1e-6).astype(np.intp)
    lengths = np.floor(np.maximum(one, two) + 1e-6).astype(np.intp) - first + 1
    filled = np.flatnonzero(lengths > 0)
    return half[filled] % max(len(r0), 1), row[filled], first[filled], lengths[filled]
