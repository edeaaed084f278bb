"""Outlines in front of the sky: hills, mountains, tree lines, dunes, mesas, towns."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from aga_lightning.augment.painters.canvas import Canvas, blend, haze, ramp
from aga_lightning.augment.painters.grounds import snow_cover
from aga_lightning.augment.painters.light import Colour, Pixels
from aga_lightning.augment.painters.noise import Field, profile, relief, texture

Outline = npt.NDArray[np.floating]
"""(width,) row of the upper edge at each column."""


def stand(
    canvas: Canvas,
    outline: Outline,
    bottom: int,
    colours: Sequence[Colour],
    distance: float,
    kind: str = "earth",
    scale: float = 0.6,
    stretch: float = 1.0,
    contrast: float = 1.0,
    snow: float = 0.7,
    tone: Field | None = None,
) -> None:
    """Fill from an outline down to a row with a lit, textured surface, seen through the air.

    Args:
        canvas: Painted on.
        outline: The upper edge.
        bottom: The row below the last one painted.
        colours: Dark to light.
        distance: 0 (here) to 1 (at the horizon).
        kind: Texture of the surface.
        scale: Size of the texture, as a part of the picture's size.
        stretch: Its horizontal elongation.
        contrast: Strength of the relief.
        snow: Part that snow covers.
        tone: (rows, width) added to the place on the scale of colours; rows end at `bottom`.
    """
    top = int(np.clip(outline.min() - 1, 0, bottom))
    rows = bottom - top
    if rows < 1:
        return
    surface = texture(canvas.rng, (rows, canvas.width), kind, scale * canvas.unit, stretch)
    if kind == "leaves":
        surface = 0.4 * surface + 0.6 * texture(canvas.rng, surface.shape, "earth", 0.7 * canvas.unit)
    albedo = ramp(colours, surface if tone is None else 0.5 * surface + tone[-rows:])
    y = np.arange(top, bottom, dtype=np.float32)[:, None]
    snow_cover(canvas, albedo, surface, snow)
    pixels = canvas.light.shade(albedo, relief(surface, canvas.sun_side, contrast))
    depth = np.clip((y - outline.min()) / max(1.0, bottom - float(outline.min())), 0, 1)
    # Mist gathers at the foot of distant slopes.
    haze(canvas, pixels, np.broadcast_to(distance * (0.75 + 0.25 * depth), surface.shape))
    blend(canvas.pixels[top:bottom], pixels, np.clip(y - outline[None] + 0.5, 0, 1))


def hills(canvas: Canvas, height: float, roughness: float = 0.45, width: float = 0.8) -> Outline:
    """The outline of hills on the horizon.

    Args:
        canvas: Gives size and randomness.
        height: Height as a part of the picture's height.
        roughness: 0.3 (downs) to 0.65 (peaks).
        width: Width of the largest hill, as a part of the picture's width.
    """
    line = profile(canvas.rng, canvas.width, roughness, width)
    return canvas.horizon - height * canvas.height * (0.55 + 0.45 * line)


def far_hills(canvas: Canvas, layers: int, colours: Sequence[Colour], height: float = 0.12) -> None:
    """A few rows of hills, the far ones paler.

    Args:
        canvas: Painted on.
        layers: Number of rows.
        colours: Dark to light.
        height: Height of the farthest row, as a part of the picture's height.
    """
    bottom = min(canvas.height, canvas.horizon + 2)
    for layer in range(layers):
        share = 1 - layer / max(1, layers)
        outline = hills(canvas, height * (0.4 + 0.6 * share), 0.45, canvas.rng.uniform(0.5, 1.2))
        stand(canvas, outline, bottom, colours, 0.35 + 0.5 * share, "fine", 0.9, contrast=0.6, snow=0.45)


def tree_line(canvas: Canvas, base: float, height: float, conifers: bool, density: float = 1.0) -> Outline:
    """The outline of a row of trees.

    Args:
        canvas: Gives size and randomness.
        base: Row of their feet.
        height: Height of the tallest tree, in pixels.
        conifers: Whether the trees have spires; otherwise they have round crowns.
        density: Density of the trees; larger is denser.
    """
    aspect = 0.22 if conifers else 0.6
    count = int(np.clip(density * 2.0 * canvas.width / (aspect * height + 1), 4, 90))
    centre = canvas.rng.uniform(-0.05, 1.05, (count, 1)) * canvas.width
    tall = height * canvas.rng.uniform(0.45, 1.0, (count, 1))
    off = (np.arange(canvas.width)[None] - centre) / (aspect * tall)
    if conifers:
        # Tiers of boughs make the flanks of a spire uneven.
        crown = np.clip(1 - np.abs(off) + 0.07 * np.cos(22 * off), 0, None) ** 0.85
    else:
        crown = np.sqrt(np.clip(1 - off**2, 0, None))
    fringe = 0.08 * height * profile(canvas.rng, canvas.width, 0.75, 0.1)
    row: Outline = (base - np.max(crown * tall, axis=0) - 0.25 * height + fringe).astype(np.float32)
    return row


def skyline(canvas: Canvas, base: int, height: float, distance: float, colours: Sequence[Colour]) -> None:
    """A row of buildings with windows.

    Args:
        canvas: Painted on.
        base: The row below the last one painted.
        height: Height of the tallest building, as a part of the picture's height.
        distance: 0 (here) to 1 (at the horizon).
        colours: Colours of the walls.
    """
    rng, unit = canvas.rng, canvas.unit
    edges = np.cumsum(rng.uniform(0.035, 0.12, 40)) * unit * (1.3 - 0.7 * distance)
    index = np.searchsorted(edges, np.arange(canvas.width)).clip(0, 39)
    heights = (rng.beta(1.3, 2.2, 40) * 0.85 + 0.15) * height * canvas.height
    outline = (base - heights[index]).astype(np.float32)
    top = int(np.clip(outline.min() - 1, 0, base))
    rows = base - top
    if rows < 2:
        return
    tones = rng.random(40).astype(np.float32)[index]
    pitch = max(3.0, unit * rng.uniform(0.012, 0.02) * (1.3 - 0.5 * distance))
    x, y = np.arange(canvas.width), np.arange(rows)[:, None]
    cell_x, cell_y = (x / pitch).astype(int), (y / (1.3 * pitch)).astype(int)
    window = ((x / pitch) % 1 < 0.6) & ((y / (1.3 * pitch)) % 1 < 0.6)
    lit = rng.random((int(cell_y.max()) + 1, int(cell_x.max()) + 1))[cell_y, cell_x]
    grime = texture(rng, (rows, canvas.width), "earth", 0.5 * unit)
    albedo = ramp(colours, np.clip(tones[None] * 0.8 + 0.3 * grime - 0.05, 0, 1))
    # Every other wall turns its lit side to the viewer.
    facing = np.broadcast_to(np.where(index % 2, 0.75, 0.25).astype(np.float32), grime.shape)
    pixels: Pixels = canvas.light.shade(albedo, facing)
    blend(pixels, pixels * np.float32(0.62), window * np.float32(0.7))
    haze(canvas, pixels, distance)
    if canvas.light.lamps:
        blend(pixels, (1.0, 0.82, 0.50), (window & (lit < 0.3)) * np.float32(0.85 - 0.4 * distance))
    above = np.arange(top, base, dtype=np.float32)[:, None]
    blend(canvas.pixels[top:base], pixels, np.clip(above - outline[None] + 0.5, 0, 1))
