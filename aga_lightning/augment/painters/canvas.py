"""The canvas of a scene, which is painted from back to front, and the operations that all layers use."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from aga_lightning.augment.painters.light import Colour, Light, Pixels
from aga_lightning.augment.painters.noise import Field

Bytes = npt.NDArray[np.uint8]
"""(height, width, 3) RGB in 0..255."""


@dataclass(eq=False, slots=True)
class Canvas:
    """An unfinished picture.

    Args:
        rng: The source of all randomness.
        light: The time or season.
        pixels: (height, width, 3) RGB.
        horizon: The first row of the ground.
        zoom: Size of near things; larger is a closer viewpoint.
        sun_side: -1 (light from the left) to 1 (from the right).
    """

    rng: np.random.Generator
    light: Light
    pixels: Pixels
    horizon: int
    zoom: float
    sun_side: float

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.pixels.shape[1])

    @property
    def unit(self) -> float:
        """Pixels in one unit of size: the side of a square of the picture's area."""
        return float(np.sqrt(self.height * self.width))

    @property
    def ground_shape(self) -> tuple[int, int]:
        """Height and width of the ground."""
        return self.height - self.horizon, self.width

    @property
    def ground(self) -> Pixels:
        """The rows from the horizon down (a view)."""
        return self.pixels[self.horizon :]

    def nearness(self) -> Field:
        """(rows, 1): 0 at the horizon to 1 at the nearest row of the ground."""
        rows = self.height - self.horizon
        return ((np.arange(rows, dtype=np.float32) + 0.5) / rows)[:, None]


def ramp(colours: Sequence[Colour], t: Field) -> Pixels:
    """Colours along a scale.

    Args:
        colours: From t = 0 to t = 1, evenly spaced.
        t: Any shape, clipped to 0..1.

    Returns:
        The shape of `t` with RGB as its last axis.
    """
    return _ramp_table(tuple(colours))[to_bytes(t)]


@lru_cache(maxsize=256)
def _ramp_table(colours: tuple[Colour, ...]) -> Pixels:
    steps = np.linspace(0, 1, len(colours))
    scale = np.linspace(0, 1, 256)
    table = np.stack([np.interp(scale, steps, channel) for channel in zip(*colours, strict=True)], axis=1)
    return table.astype(np.float32)


def blend(under: Pixels, over: Pixels | Colour, alpha: Field | float) -> None:
    """Lay `over` on `under`, in place.

    Args:
        under: Any array whose last axis is RGB.
        over: The same shape, or one colour.
        alpha: Coverage 0..1; the shape of `under` without its last axis.
    """
    under += (np.asarray(over, np.float32) - under) * np.asarray(alpha, np.float32)[..., None]


def haze(canvas: Canvas, pixels: Pixels, distance: Field | float) -> None:
    """Fade pixels towards the horizon's colour, in place.

    Args:
        canvas: Gives the light.
        pixels: The pixels behind the haze.
        distance: 0 (here) to 1 (at the horizon).
    """
    blend(pixels, canvas.light.horizon, np.clip(np.asarray(distance) * (0.25 + 0.75 * canvas.light.haze), 0, 1))


@contextmanager
def eight_bit(canvas: Canvas) -> Iterator[Bytes]:
    """The canvas as an 8-bit picture, the only kind on which OpenCV draws smooth edges."""
    picture = to_bytes(canvas.pixels)
    yield picture
    np.multiply(picture, np.float32(1 / 255), out=canvas.pixels)


def to_bytes(pixels: npt.NDArray[np.floating]) -> Bytes:
    """Values of 0..1 as 0..255, in the same shape; others are clipped."""
    picture: Bytes = cv2.convertScaleAbs(np.maximum(pixels, 0), alpha=255).reshape(pixels.shape)
    return picture


def polygons(canvas: Canvas, outlines: npt.NDArray[np.floating], colours: Pixels) -> None:
    """Fill many smooth-edged polygons, one after another.

    Args:
        canvas: Drawn on.
        outlines: (n, points, 2) x and y in pixels.
        colours: (n, 3) as seen, 0..1.
    """
    shades = np.clip(colours * 255, 0, 255).tolist()
    with eight_bit(canvas) as picture:
        for outline, shade in zip(_sixteenths(outlines), shades, strict=True):
            cv2.fillPoly(picture, [outline], shade, cv2.LINE_AA, 4)


def strokes(canvas: Canvas, lines: npt.NDArray[np.floating], colours: Pixels, thickness: int = 1) -> None:
    """Draw many smooth-edged lines of few colours.

    Args:
        canvas: Drawn on.
        lines: (n, points, 2) x and y in pixels.
        colours: (k, 3) as seen, 0..1; the lines take turns.
        thickness: In pixels.
    """
    points = _sixteenths(lines)
    with eight_bit(canvas) as picture:
        for index, colour in enumerate(colours):
            turn = list(points[index :: len(colours)])
            cv2.polylines(picture, turn, False, _drawable(colour), thickness, cv2.LINE_AA, 4)


def _sixteenths(points: npt.NDArray[np.floating]) -> npt.NDArray[np.int32]:
    """Positions as OpenCV's fixed-point numbers with four fractional bits."""
    return np.round(points * 16).astype(np.int32)


def _drawable(colour: Pixels) -> tuple[float, ...]:
    return tuple(float(value) for value in np.clip(colour * 255, 0, 255))
