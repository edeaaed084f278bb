"""Anti-aliased painting in unit coordinates, so that a drawing is the same picture at any size."""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]
"""(n, 2): x to the right and y down; the frame is the unit square."""

Colour = npt.NDArray[np.float32]
"""(3,) RGB in 0..255."""

Field = npt.NDArray[np.float32]
"""(size, size): one number a pixel."""

Rng = np.random.Generator

_SUBPIXEL_BITS = 4


def points(*pairs: tuple[float, float]) -> Points:
    """Points given as x, y pairs."""
    return np.array(pairs, dtype=np.float64)


def shifted(shape: Points, right: float = 0.0, down: float = 0.0) -> Points:
    """The same shape elsewhere."""
    moved: Points = shape + np.array([right, down])
    return moved


def vary(rng: Rng, colour: Sequence[float] | Colour, spread: float = 12.0) -> Colour:
    """A colour near the given one.

    Args:
        rng: The source of the difference.
        colour: RGB in 0..255.
        spread: Standard deviation of each channel.
    """
    return np.clip(np.asarray(colour) + rng.normal(0.0, spread, 3), 0, 255).astype(np.float32)


def mix(first: Sequence[float] | Colour, second: Sequence[float] | Colour, share: float) -> Colour:
    """The colour that lies `share` of the way from the first to the second."""
    start = np.asarray(first, dtype=np.float32)
    return start + (np.asarray(second, dtype=np.float32) - start) * np.float32(share)


def spline(knots: Points, closed: bool = True, steps: int = 6) -> Points:
    """A smooth Catmull-Rom curve through the knots.

    Args:
        knots: (n, 2) points the curve passes through.
        closed: Join the last knot to the first.
        steps: Points from one knot to the next.

    Returns:
        (n * steps, 2) points, or ((n - 1) * steps + 1, 2) of an open curve, which ends in its last knot.
    """
    count = len(knots)
    first = np.arange(count if closed else count - 1)[:, None]
    corners = first + np.arange(-1, 3)
    corners = corners % count if closed else np.clip(corners, 0, count - 1)
    t = np.arange(steps) / steps
    weights = 0.5 * np.array([-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, t**3 - t**2])
    curve: Points = np.einsum("fkd,ks->fsd", knots[corners], weights).reshape(-1, 2)
    return curve if closed else np.concatenate([curve, knots[-1:]])


def ribbon(line: Points, start: float, end: float | None = None) -> Points:
    """The outline of a line drawn with a brush.

    Args:
        line: (n, 2) points along the line, n >= 2.
        start: Width at the first point.
        end: Width at the last point; `start` unless given.
    """
    inner = np.arange(len(line))
    along = line[np.minimum(inner + 1, len(line) - 1)] - line[np.maximum(inner - 1, 0)]
    length = np.sqrt((along**2).sum(axis=1, keepdims=True)) + 1e-9
    half = np.linspace(start, start if end is None else end, len(line))[:, None] / 2
    normal = along[:, ::-1] * [-1, 1] / length * half
    return np.concatenate([line + normal, (line - normal)[::-1]])


def ellipse(x: float, y: float, across: float, down: float, turn: float = 0.0, corners: int = 20) -> Points:
    """An ellipse around (x, y) with the given radii, turned by `turn` radians."""
    t = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    u, v = across * np.cos(t), down * np.sin(t)
    return np.stack([x + u * np.cos(turn) - v * np.sin(turn), y + u * np.sin(turn) + v * np.cos(turn)], axis=1)


def noise(rng: Rng, size: int, cells: int | tuple[int, int] = 3, octaves: int = 4) -> Field:
    """Cloudy noise in 0..1 around 0.5.

    Args:
        rng: The source of the clouds; the number of draws does not depend on `size`.
        size: Width and height of the result.
        cells: Blobs down and across the frame at the coarsest octave.
        octaves: Each has blobs half as large, and counts a little more than half as much.
    """
    down, across = cells if isinstance(cells, tuple) else (cells, cells)
    cloud = np.zeros((down, across), np.float32)
    weight, total = 1.0, 0.0
    for octave in range(octaves):
        grid = rng.random((down << octave, across << octave), dtype=np.float32)
        cloud = cv2.resize(cloud, grid.shape[::-1], interpolation=cv2.INTER_LINEAR) + np.float32(weight) * grid
        total += weight
        weight *= 0.55
    smooth = cv2.resize(cloud, (size, size), interpolation=cv2.INTER_CUBIC)
    clouds: Field = np.clip(smooth / total, 0, 1).astype(np.float32)
    return clouds


class Canvas:
    """A square picture, and the share of each pixel that belongs to the subject.

    Shapes that are painted while `painting_subject` is true belong to the subject; shapes that cover it later do not.

    Args:
        size: Width and height in pixels.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.pixels = np.zeros((size, size, 3), np.uint8)
        self.coverage = np.zeros((size, size), np.uint8)
        self.painting_subject = False
        ramp = (np.arange(size, dtype=np.float32) + 0.5) / size
        self.x, self.y = ramp[None, :], ramp[:, None]

    @property
    def subject(self) -> Field:
        """The share, 0..1, of each pixel that belongs to the subject."""
        share: Field = self.coverage * np.float32(1 / 255)
        return share

    def mask(self, shapes: Points | Sequence[Points]) -> Field:
        """The share, 0..1, of each pixel that is inside the shapes."""
        ink = np.zeros((self.size, self.size), np.uint8)
        _pour(ink, self._corners(shapes), 255)
        share: Field = ink * np.float32(1 / 255)
        return share

    def fill(
        self,
        shapes: Points | Sequence[Points],
        colour: Colour | Sequence[float],
        opacity: float = 1.0,
        soft: float = 0.0,
        within: Field | None = None,
    ) -> None:
        """Paint closed outlines in one colour.

        Args:
            shapes: One outline or several, which may overlap.
            colour: RGB in 0..255.
            opacity: 1 hides the pixels below.
            soft: Width over which the edge fades out.
            within: (size, size) in 0..1: paint only there.
        """
        corners = self._corners(shapes)
        colour = np.clip(colour, 0, 255)
        belongs = 255 if self.painting_subject else 0
        blur = soft * self.size
        if opacity == 1.0 and blur < 0.3 and within is None:
            _pour(self.pixels, corners, tuple(colour.tolist()))
            _pour(self.coverage, corners, belongs)
            return
        everywhere = np.concatenate(corners) / (1 << _SUBPIXEL_BITS)
        margin = 2 + 3 * blur
        left, top = np.clip(everywhere.min(axis=0) - margin, 0, self.size).astype(int)
        right, bottom = np.clip(everywhere.max(axis=0) + margin, 0, self.size).astype(int)
        if left >= right or top >= bottom:
            return
        window = (slice(top, bottom), slice(left, right))
        ink = np.zeros((bottom - top, right - left), np.uint8)
        _pour(ink, [outline - np.array([left, top], np.int32) * (1 << _SUBPIXEL_BITS) for outline in corners], 255)
        if blur >= 0.3:
            ink = cv2.GaussianBlur(ink, (0, 0), blur)
        share = ink * np.float32(opacity / 255)
        if within is not None:
            share *= within[window]
        below = self.pixels[window]
        below[...] = below + (colour.astype(np.float32) - below) * share[..., None] + np.float32(0.5)
        covered = self.coverage[window]
        covered[...] = covered + (belongs - covered.astype(np.float32)) * share + np.float32(0.5)

    def gradient(self, top: Colour, bottom: Colour, start: float = 0.0, end: float = 1.0) -> None:
        """Paint the rows from `start` to `end` in a vertical gradient."""
        rows = slice(round(start * self.size), round(end * self.size))
        share = np.clip((self.y[rows] - start) / max(end - start, 1e-6), 0, 1)[..., None]
        self.pixels[rows] = np.clip(top + (bottom - top) * share, 0, 255)

    def shade(self, factor: npt.NDArray[np.floating]) -> None:
        """Multiply the pixels by a factor that spreads to (size, size), or to (size, size, 3) to tint them."""
        tint = factor if factor.ndim == 3 else factor[..., None]
        self.pixels[...] = np.clip(self.pixels * tint.astype(np.float32), 0, 255)

    def blur(self, radius: float) -> None:
        """Put everything painted so far out of focus."""
        if radius * self.size >= 0.3:
            self.pixels[...] = cv2.GaussianBlur(self.pixels, (0, 0), radius * self.size)

    def _corners(self, shapes: Points | Sequence[Points]) -> list[npt.NDArray[np.int32]]:
        """Outlines in OpenCV's sub-pixel units, which count from the centre of the first pixel."""
        outlines = [shapes] if isinstance(shapes, np.ndarray) else shapes
        scale = self.size * (1 << _SUBPIXEL_BITS)
        origin = (1 << _SUBPIXEL_BITS) / 2
        return [np.rint(outline * scale - origin).astype(np.int32) for outline in outlines]


def _pour(target: npt.NDArray[np.uint8], corners: list[npt.NDArray[np.int32]], value: int | tuple[float, ...]) -> None:
    # One call for each outline: given several, OpenCV leaves their overlap empty.
    for outline in corners:
        cv2.fillPoly(target, [outline], value, cv2.LINE_AA, _SUBPIXEL_BITS)
