"""Fractal fields: the irregularity of clouds, earth, bark and leaves.

A few square tiles of noise are made once from fixed seeds; a picture takes its own piece of a tile (place, size,
stretch, angle), flat or in perspective. A warp is far cheaper than new noise, and no two pieces are alike.
"""

import math
from functools import cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Field = npt.NDArray[Any]
"""(height, width) floats in 0..1; `Any`, since OpenCV's stubs forget the type of its results."""

TILE = 512
SPECTRA = {"cloud": 1.9, "earth": 1.35, "fine": 0.85, "grain": 0.25}
"""Amplitude falls with spatial frequency f as f^-exponent."""
CELLS = 2200
"""Voronoi cells in a tile of "stones" (shaded cells) or "leaves" (one value a cell)."""


def _spectral_tile(exponent: float) -> Field:
    rng = np.random.default_rng(int(100 * exponent))
    fy, fx = np.fft.fftfreq(TILE, 1 / TILE)[:, None], np.fft.rfftfreq(TILE, 1 / TILE)[None]
    frequency = np.hypot(fy, fx)
    frequency[0, 0] = np.inf
    spectrum = frequency**-exponent * np.exp(2j * np.pi * rng.random(frequency.shape))
    noise = np.fft.irfft2(spectrum, s=(TILE, TILE))
    field: Field = np.clip(0.5 + 0.2 * noise / noise.std(), 0, 1).astype(np.float32)
    return field


def _cell_tile(kind: str) -> Field:
    rng = np.random.default_rng(CELLS)
    points = rng.integers(0, TILE, (CELLS, 2))
    values = rng.random(CELLS).astype(np.float32)
    # The points are repeated beyond all sides, so that the middle of the larger square wraps around.
    larger = np.concatenate([points + TILE * np.array(shift) for shift in np.ndindex(3, 3)])
    values = np.tile(values, 9)
    empty = np.full((3 * TILE, 3 * TILE), 255, np.uint8)
    empty[larger[:, 0], larger[:, 1]] = 0
    distance, labels = cv2.distanceTransformWithLabels(empty, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    middle = slice(TILE, 2 * TILE)
    if kind == "stones":
        domes: Field = np.clip(1 - distance[middle, middle] / (0.75 * TILE / math.sqrt(CELLS)), 0, 1)
        return domes
    by_label: Field = np.zeros(labels.max() + 1, np.float32)
    by_label[labels[larger[:, 0], larger[:, 1]]] = values
    shades: Field = by_label[labels[middle, middle]]
    return shades


@cache
def _tile(kind: str, level: int) -> Field:
    """A tile at 1 / 2**level of its size."""
    if level > 0:
        size = TILE >> level
        return cv2.resize(_tile(kind, level - 1), (size, size), interpolation=cv2.INTER_AREA)
    return _spectral_tile(SPECTRA[kind]) if kind in SPECTRA else _cell_tile(kind)


def _level(texels_per_pixel: float) -> int:
    return int(np.clip(math.log2(max(texels_per_pixel, 1)) + 0.3, 0, 6))


def texture(
    rng: np.random.Generator,
    shape: tuple[int, int],
    kind: str,
    scale: float,
    stretch: float = 1.0,
    angle: float = 0.0,
) -> Field:
    """A piece of noise seen straight on.

    Args:
        rng: Chooses the piece.
        shape: Height and width in pixels.
        kind: A key of `SPECTRA`, "stones" or "leaves".
        scale: Size of the tile in pixels: larger is coarser.
        stretch: Horizontal elongation; below 1 it is vertical.
        angle: Rotation in radians.

    Returns:
        The field.
    """
    level = _level(TILE / scale / max(min(stretch, 1), 0.25))
    source = _tile(kind, level)
    step = source.shape[0] / scale
    cosine, sine = math.cos(angle) * step, math.sin(angle) * step
    offset = rng.random(2) * source.shape[0]
    matrix = np.array([[cosine / stretch, sine / stretch, offset[0]], [-sine, cosine, offset[1]]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(source, matrix, shape[::-1], flags=flags, borderMode=cv2.BORDER_WRAP)


def plane_texture(
    rng: np.random.Generator,
    shape: tuple[int, int],
    kind: str,
    scale: float,
    stretch: float = 1.0,
    depth: float = 1.0,
) -> Field:
    """A piece of noise on a level plane that runs to a horizon just above the field's first row.

    Args:
        rng: Chooses the piece.
        shape: Height (from the horizon to the nearest row) and width in pixels.
        kind: As for `texture`.
        scale: Size of the tile in pixels at the nearest row.
        stretch: Sideways elongation.
        depth: Elongation away from the viewer: larger is a higher camera.

    Returns:
        The field; distant rows are averaged, as a lens would, and so lose contrast.
    """
    height, width = shape
    field = np.empty(shape, np.float32)
    offset = rng.random(2)
    # Turned, so that the repeats of the tile do not line up towards the vanishing point.
    angle = rng.uniform(0.3, 1.2)
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    focal = 1.1 * width / depth
    bottom = height
    while bottom > 0:
        # One band of rows at a time, each from the tile whose texels are about as large as its pixels.
        top = int(0.65 * bottom) if bottom > 10 else 0
        distance = height / (0.5 * (top + bottom) + 0.5)
        source = _tile(kind, _level(TILE / scale * distance * math.sqrt(distance * focal / height)))
        size = source.shape[0]
        step = size / scale * height
        # The pixel (x, y) shows the point (x - width / 2, focal) * height / (y + 1/2) of the plane.
        matrix = np.array([[step / stretch, 0, -0.5 * width * step / stretch], [0, 0, focal * step], [0, 1, top + 0.5]])
        matrix[:2] = turn @ matrix[:2] + size * offset[:, None] * matrix[2]
        field[top:bottom] = cv2.warpPerspective(
            source,
            matrix,
            (width, bottom - top),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_WRAP,
        )
        bottom = top
    far = max(1, height // 12)
    mean = float(field.mean())
    field[:far] = mean + (field[:far] - mean) * np.linspace(0, 1, far, dtype=np.float32)[:, None]
    return field


def profile(rng: np.random.Generator, width: int, roughness: float, scale: float = 1.0) -> Field:
    """A fractal line, such as the outline of hills.

    Args:
        rng: The source of all randomness.
        width: Number of points.
        roughness: Ratio of the amplitudes of an octave and the one below it, in 0..1.
        scale: Length of the longest waves in units of the width.

    Returns:
        (width,) values about zero, mostly in -1..1.
    """
    line = np.zeros(width, np.float32)
    positions = np.linspace(0, 1, width, dtype=np.float32) / scale
    for octave in range(max(1, int(math.log2(width)) - 1)):
        knots = 2 + math.ceil(2 ** (octave + 1) / scale)
        heights = rng.uniform(-1, 1, knots)
        place = positions * 2 ** (octave + 1)
        left = np.minimum(place.astype(int), knots - 2)
        along = place - left
        smooth = along if roughness > 0.55 else along * along * (3 - 2 * along)
        line += roughness**octave * (heights[left] * (1 - smooth) + heights[left + 1] * smooth)
    return line


def relief(height: Field, sun_side: float, contrast: float = 1.0) -> Field:
    """The share in which a surface of these heights faces a light at the upper left or right.

    Args:
        height: The surface.
        sun_side: -1 (light from the left) to 1 (from the right).
        contrast: Spread of the result.

    Returns:
        About 0.5 where level, lighter towards the light.
    """
    kernel = np.zeros((3, 3), np.float32)
    kernel[0, 1], kernel[2, 1] = -0.7, 0.7
    kernel[1, 0], kernel[1, 2] = sun_side, -sun_side
    slope = cv2.filter2D(np.asarray(height, np.float32), cv2.CV_32F, kernel, borderType=cv2.BORDER_REFLECT)
    spread = float(cv2.meanStdDev(slope)[1][0, 0]) + 1e-4
    facing: Field = np.clip(slope * (0.2 * contrast / spread) + 0.5, 0, 1)
    return facing
