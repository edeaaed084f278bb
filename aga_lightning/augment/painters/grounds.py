"""The ground below the horizon: soil and plants, stones, sand, water."""

from collections.abc import Sequence

import cv2
import numpy as np

from aga_lightning.augment.painters.canvas import Canvas, blend, haze, ramp
from aga_lightning.augment.painters.light import Colour, Pixels, rgb
from aga_lightning.augment.painters.noise import Field, plane_texture, profile, relief

SNOW: Colour = (0.93, 0.95, 0.98)
SOIL: tuple[Colour, ...] = ((0.24, 0.18, 0.12), (0.40, 0.31, 0.21), (0.54, 0.44, 0.32))
SAND: tuple[Colour, ...] = ((0.66, 0.53, 0.37), (0.82, 0.70, 0.51), (0.92, 0.82, 0.64))
STONE: tuple[Colour, ...] = ((0.26, 0.25, 0.24), (0.46, 0.44, 0.41), (0.68, 0.65, 0.60))


def snow_cover(canvas: Canvas, albedo: Pixels, height: Field, amount: float = 0.8) -> None:
    """Whiten a surface, its hollows last, if the season has snow.

    Args:
        canvas: Gives the light.
        albedo: Changed in place.
        height: The surface, 0..1.
        amount: Part that is covered in full snow.
    """
    if canvas.light.snow > 0:
        blend(albedo, SNOW, np.clip((height - 1 + canvas.light.snow * amount) * 6 + 0.5, 0, 0.96))


def lay(
    canvas: Canvas, colours: Sequence[Colour], height: Field, tone: Field, contrast: float = 1.0, snow: float = 0.8
) -> None:
    """Cover the ground with a lit surface that fades into the distance.

    Args:
        canvas: Painted on.
        colours: Dark to light.
        height: Relief of the ground, 0..1, which the light picks out.
        tone: Position of each point on the scale of colours, 0..1.
        contrast: Strength of the relief.
        snow: Part that snow covers.
    """
    albedo = ramp(colours, tone)
    snow_cover(canvas, albedo, height, snow)
    near = canvas.nearness()
    pixels = canvas.light.shade(albedo, relief(height, canvas.sun_side, contrast))
    haze(canvas, pixels, np.broadcast_to(np.exp(-near * 5), height.shape) * np.float32(0.75))
    canvas.ground[...] = pixels


def plants(canvas: Canvas, colours: Sequence[Colour], patchiness: float = 0.5) -> None:
    """Ground covered with low plants.

    Args:
        canvas: Painted on.
        colours: Dark to light.
        patchiness: Weight of the large patches against the fine grain, 0..1.
    """
    shape, unit = canvas.ground_shape, canvas.unit * canvas.zoom
    patches = plane_texture(canvas.rng, shape, "earth", 1.6 * unit)
    grain = plane_texture(canvas.rng, shape, "fine", 0.9 * unit, stretch=0.6)
    tone = patchiness * patches + (1 - patchiness) * grain
    lay(canvas, colours, 0.35 * patches + 0.65 * grain, tone, 1.0)


def sand(canvas: Canvas, ripples: float = 0.5) -> None:
    """Sand, combed by the wind.

    Args:
        canvas: Painted on.
        ripples: Strength of the ripples.
    """
    shape, unit = canvas.ground_shape, canvas.unit * canvas.zoom
    swell = plane_texture(canvas.rng, shape, "cloud", 2.0 * unit)
    grain = plane_texture(canvas.rng, shape, "fine", 0.5 * unit)
    comb = plane_texture(canvas.rng, shape, "cloud", 0.35 * unit, stretch=canvas.rng.uniform(3, 6))
    height = 0.6 * swell + ripples * 0.35 * comb + 0.1 * grain
    lay(canvas, SAND, height, 0.55 * swell + 0.2 * grain + 0.15, 1.1)


def pebbles(canvas: Canvas, colours: Sequence[Colour] = STONE, size: float = 1.0) -> None:
    """Rounded stones, close together.

    Args:
        canvas: Painted on.
        colours: Dark to light.
        size: Size of the stones.
    """
    shape, unit = canvas.ground_shape, canvas.unit * canvas.zoom * size
    domes = plane_texture(canvas.rng, shape, "stones", 2.2 * unit, depth=0.8)
    earth = plane_texture(canvas.rng, shape, "earth", 1.2 * unit)
    shade = plane_texture(canvas.rng, shape, "leaves", 2.6 * unit, depth=0.8)
    lay(canvas, colours, 0.85 * domes + 0.15 * earth, 0.5 * domes + 0.3 * shade + 0.4 * earth - 0.25, 1.5, snow=0.5)


def water(canvas: Canvas, colour: Colour, choppiness: float, clarity: float = 0.75) -> Field:
    """Water that mirrors what is painted above the horizon.

    Args:
        canvas: Painted on.
        colour: Colour of the depth.
        choppiness: 0 (a mirror) to 1 (waves).
        clarity: Share of the mirror image at a low angle.

    Returns:
        The waves' heights, 0..1, for foam.
    """
    rows, width = canvas.ground_shape
    unit = canvas.unit * canvas.zoom
    ripples = plane_texture(canvas.rng, (rows, width), "earth", 1.1 * unit, stretch=2.2 + 2 * choppiness)
    waves = plane_texture(canvas.rng, (rows, width), "cloud", 0.8 * unit, stretch=4)
    surface = (0.45 * waves + 0.55 * ripples).astype(np.float32)
    near = canvas.nearness()
    mirror = canvas.pixels[max(0, canvas.horizon - rows) : canvas.horizon][::-1]
    mirror = cv2.GaussianBlur(np.ascontiguousarray(mirror), (0, 0), 0.6 + choppiness * canvas.unit / 80)
    bend = (surface - 0.5) * (0.05 + 0.30 * choppiness) * canvas.height * (0.2 + near)
    x = np.broadcast_to(np.arange(width, dtype=np.float32), (rows, width)) + 0.4 * bend
    y = np.arange(rows, dtype=np.float32)[:, None] * np.float32(len(mirror) / rows) + bend
    pixels = cv2.remap(mirror, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    depth = canvas.light.shade(colour, relief(surface, canvas.sun_side, 1 + choppiness))
    blend(pixels, depth, np.clip(1 - clarity + (0.30 + 0.35 * choppiness) * near, 0, 1) * (1.3 - 0.6 * surface))
    glitter = np.clip((surface - 0.66) * 5, 0, 1) * (0.15 + 0.35 * choppiness)
    blend(pixels, np.minimum(rgb(canvas.light.horizon) + rgb(canvas.light.sun) * 0.15, 1), glitter)
    haze(canvas, pixels, np.broadcast_to(np.exp(-near * 9) * 0.8, surface.shape))
    canvas.ground[...] = pixels
    return surface


def breakers(canvas: Canvas, surface: Field, count: int) -> None:
    """Lines of foam on the crests of waves.

    Args:
        canvas: Painted on.
        surface: The result of `water`.
        count: Number of crests.
    """
    rows, width = canvas.ground_shape
    y = np.arange(rows, dtype=np.float32)[:, None]
    foam = np.zeros((rows, width), np.float32)
    for place in np.sort(canvas.rng.uniform(0.12, 0.95, count)):
        line = rows * (place + 0.05 * place * profile(canvas.rng, width, 0.6, 0.7))[None]
        thick = canvas.height * (0.008 + 0.035 * place) * canvas.zoom
        behind = y - line
        foam = np.maximum(foam, np.where(behind < 0, np.exp(behind / (0.25 * thick)), np.exp(-behind / (1.6 * thick))))
    white = canvas.light.shade((0.94, 0.95, 0.95), 0.6)
    blend(canvas.ground, white, np.clip(foam * 1.3 + (surface - 0.62) * 2.5 * foam - 0.25, 0, 0.95))


def shore(canvas: Canvas, under: Pixels, slope: float, level: float) -> Field:
    """Show `under` (the ground before water was painted) on the near side of an uneven line.

    Args:
        canvas: Painted on.
        under: (rows, width, 3) pixels of the dry ground.
        slope: Fall of the line over the width, as a part of the ground's rows.
        level: Height of the line in the middle, 0 (horizon) to 1 (nearest row).

    Returns:
        Coverage of the dry ground.
    """
    rows, width = canvas.ground_shape
    x = np.linspace(-0.5, 0.5, width, dtype=np.float32)
    line = rows * (level + slope * x + 0.06 * profile(canvas.rng, width, 0.5, 0.6))
    below = np.arange(rows, dtype=np.float32)[:, None] - line[None]
    wet = np.exp(-np.clip(below, 0, None) / (0.05 * canvas.height)) * 0.35
    dry = under * (1 - wet[..., None])
    coverage: Field = np.clip(below + 0.5, 0, 1)
    blend(canvas.ground, dry, coverage)
    foam = np.exp(-np.abs(below + 1) / max(0.8, 0.006 * canvas.height)) * 0.55
    blend(canvas.ground, canvas.light.shade((0.92, 0.93, 0.93), 0.5), foam)
    return coverage
