"""Single objects on the ground: blades, trunks, foliage, boulders, flowers."""

from collections.abc import Sequence

import cv2
import numpy as np

from aga_lightning.augment.painters.canvas import Canvas, blend, haze, polygons, ramp
from aga_lightning.augment.painters.grounds import SNOW, snow_cover
from aga_lightning.augment.painters.light import Colour
from aga_lightning.augment.painters.noise import Field, relief, texture


def blades(
    canvas: Canvas,
    colours: Sequence[Colour],
    count: int,
    height: float,
    rows: tuple[float, float] = (0.3, 1.15),
    lean: float = 0.25,
    thickness: float = 0.007,
    columns: tuple[float, float] = (0.0, 1.0),
) -> None:
    """Grass, reeds or straw: curved strokes, taller towards the viewer.

    Args:
        canvas: Painted on.
        colours: Dark to light.
        count: Number of blades at a size of 500 x 375; smaller pictures have fewer.
        height: Height of the nearest blade, as a part of the picture's size.
        rows: Range of the rows of their feet, 0 (horizon) to 1 (nearest row).
        lean: Spread of their slant.
        thickness: Width of the nearest blade at its root, as a part of the picture's size.
        columns: Range of the columns of their feet, as parts of the width.
    """
    rng = canvas.rng
    count = max(12, int(count * min(1.3, canvas.unit / 430) ** 0.9))
    place = np.sort(rng.uniform(*rows, count))
    base = np.stack(
        [rng.uniform(*columns, count) * canvas.width, canvas.horizon + place * (canvas.height - canvas.horizon)], axis=1
    )
    near = 0.15 + 0.85 * np.clip(place, 0, None)
    tall = height * canvas.unit * min(canvas.zoom, 1.3) * near * rng.uniform(0.5, 1.1, count)
    slant = rng.normal(rng.normal(0, 0.5 * lean), lean, count)
    # From root to tip and back: the blade bends more towards its tip, and narrows.
    t = np.array([0, 0.35, 0.7, 1, 0.7, 0.35, 0])
    side = np.array([1, 0.9, 0.6, 0, -0.6, -0.9, -1])
    half = np.maximum(0.5 * thickness * canvas.unit * canvas.zoom * near * rng.uniform(0.6, 1.3, count), 0.35)
    x = base[:, :1] + np.outer(tall * slant, t**1.8) + np.outer(half, side)
    y = base[:, 1:] - np.outer(tall, t)
    tones = ramp(colours, rng.beta(1.6, 1.8, count).astype(np.float32))
    seen = canvas.light.shade(tones, rng.uniform(0.05, 0.95, count).astype(np.float32))
    haze(canvas, seen, np.exp(-4 * near) * 0.7)
    polygons(canvas, np.stack([x, y], axis=-1), seen)


def trunks(
    canvas: Canvas,
    count: int,
    width: float,
    colours: Sequence[Colour],
    distance: float,
    foot: float = 0.5,
    lean: float = 0.04,
) -> None:
    """Stems that cross the picture from their feet to its upper edge.

    Args:
        canvas: Painted on.
        count: Number of stems.
        width: Width of the thickest stem, as a part of the picture's size.
        colours: Colours of the bark, dark to light.
        distance: 0 (here) to 1 (at the horizon).
        foot: Row of the feet, 0 (horizon) to 1 (nearest row).
        lean: Spread of their slant.
    """
    rng = canvas.rng
    for x in rng.uniform(-0.02, 1.02, count) * canvas.width:
        half = 0.5 * width * canvas.unit * rng.uniform(0.45, 1.0)
        bottom = int(np.clip(canvas.horizon + (foot + rng.normal(0, 0.08)) * canvas.ground_shape[0], 4, canvas.height))
        up = np.linspace(1, 0, bottom, dtype=np.float32)[:, None]
        bend = rng.normal(0, lean) * canvas.height * up + rng.normal(0, 0.3 * lean) * canvas.height * up**2
        # The stem tapers upwards and spreads at its foot.
        radius = half * (1.05 - 0.3 * up + 0.5 * np.exp(-up * 25))
        left = int(np.clip(x + bend.min() - 2 * half - 1, 0, canvas.width - 1))
        right = int(np.clip(x + bend.max() + 2 * half + 2, left + 1, canvas.width))
        across = (np.arange(left, right, dtype=np.float32)[None] - np.float32(x) - bend) / radius
        bark = texture(rng, (bottom, right - left), "fine", 0.45 * canvas.unit, stretch=0.3)
        facing = 0.5 + 0.45 * canvas.sun_side * across + 0.5 * (relief(bark, canvas.sun_side) - 0.5)
        albedo = ramp(colours, 0.7 * bark + rng.uniform(0, 0.3))
        if canvas.light.snow > 0:
            blend(albedo, SNOW, np.clip((bark - 0.62 - 0.3 * canvas.sun_side * across) * 3, 0, 0.7))
        edge = np.sqrt(np.clip(1 - 0.75 * across**2, 0.08, 1))
        pixels = canvas.light.shade(albedo * edge[..., None], np.clip(facing, 0, 1))
        haze(canvas, pixels, distance)
        blend(canvas.pixels[:bottom, left:right], pixels, np.clip((1 - np.abs(across)) * radius + 0.5, 0, 1))


def foliage(
    canvas: Canvas,
    colours: Sequence[Colour],
    cover: float,
    distance: float,
    rows: tuple[float, float] = (0.0, 1.0),
    leaf: float = 0.5,
    fade: float = 0.35,
    kind: str = "leaves",
) -> None:
    """Clumps of leaves with gaps between them, thinning out downwards.

    Args:
        canvas: Painted on.
        colours: Dark to light.
        cover: Part that is covered at the top, 0..1.
        distance: 0 (here) to 1 (at the horizon).
        rows: Upper and lower end, as parts of the picture's height.
        leaf: Size of the leaves' texture, as a part of the picture's size.
        fade: Part of the rows over which the clumps thin out.
        kind: Texture of the leaves.
    """
    top, bottom = (int(row * canvas.height) for row in rows)
    shape = (max(1, bottom - top), canvas.width)
    rng, unit = canvas.rng, canvas.unit * canvas.zoom
    clumps = texture(rng, shape, "earth", 1.1 * unit)
    leaves = texture(rng, shape, kind, leaf * unit)
    thinning = np.clip((1 - np.linspace(0, 1, shape[0], dtype=np.float32)) / max(fade, 1e-3), 0, 1)[:, None]
    body = 0.72 * clumps + 0.28 * leaves
    alpha = np.clip((body - 1 + 0.5 + 0.62 * (cover * thinning - 0.45)) * 12, 0, 1)
    facing = np.clip(0.9 * relief(clumps, canvas.sun_side, 1.3) + 0.5 * (leaves - 0.5), 0, 1)
    albedo = ramp(colours, 0.55 * leaves + 0.75 * clumps - 0.2)
    snow_cover(canvas, albedo, 0.5 * leaves + 0.5 * clumps, 0.5)
    pixels = canvas.light.shade(albedo * (0.45 + 0.85 * clumps[..., None]), facing)
    haze(canvas, pixels, distance)
    blend(canvas.pixels[top : top + shape[0]], pixels, alpha)


def boulders(
    canvas: Canvas, count: int, size: float, colours: Sequence[Colour], rows: tuple[float, float] = (0.1, 1.0)
) -> None:
    """Rocks, larger towards the viewer.

    Args:
        canvas: Painted on.
        count: Number of rocks.
        size: Size of the nearest rock, as a part of the picture's size.
        colours: Dark to light.
        rows: Range of the rows of their feet, 0 (horizon) to 1 (nearest row).
    """
    rng = canvas.rng
    for place in np.sort(rng.uniform(*rows, count)):
        radius = max(2.0, 0.5 * size * canvas.unit * canvas.zoom * (0.2 + 0.8 * place) * rng.uniform(0.4, 1.2))
        angles = np.linspace(0, 2 * np.pi, 18, endpoint=False)
        # Bulging above, flat below.
        radii = radius * (1 + 0.11 * rng.normal(size=18)) * np.where(np.sin(angles) > 0, 0.45, 1)
        outline = np.stack([np.cos(angles) * rng.uniform(1.0, 1.3), np.sin(angles) * 0.8], axis=1) * radii[:, None]
        foot = (rng.uniform(0, 1) * canvas.width, canvas.horizon + place * canvas.ground_shape[0])
        _boulder(canvas, outline + foot, radius, colours, float(0.5 * np.exp(-4 * place)))


def _boulder(canvas: Canvas, outline: Field, radius: float, colours: Sequence[Colour], distance: float) -> None:
    """One rock and its shadow, in the part of the picture that they cover."""
    reach = int(0.3 * radius) + 1
    left, top = np.clip(np.floor(outline.min(axis=0)).astype(int), 0, None)
    right, bottom = np.minimum(np.ceil(outline.max(axis=0)).astype(int) + reach, (canvas.width, canvas.height))
    if right - left < 2 or bottom - top < 2:
        return
    mask = np.zeros((bottom - top, right - left), np.uint8)
    cv2.fillPoly(mask, [np.round((outline - (left, top)) * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    dome = cv2.GaussianBlur(mask, (0, 0), max(0.6, 0.22 * radius)).astype(np.float32) / 255
    surface = texture(canvas.rng, mask.shape, "earth", 3.0 * radius)
    low, high = outline[:, 1].min(), outline[:, 1].max()
    down = np.clip((np.arange(top, bottom) - low) / (high - low), 0, 1).astype(np.float32)[:, None]
    albedo = ramp(colours, surface)
    snow_cover(canvas, albedo, 0.8 - 1.6 * down + 0.5 * (surface - 0.5))
    facing = 0.65 * relief(dome, canvas.sun_side, 1.4) + 0.35 * relief(surface, canvas.sun_side)
    # Dark at the foot, where little of the sky reaches.
    pixels = canvas.light.shade(albedo * (1 - 0.75 * down**2)[..., None], facing)
    haze(canvas, pixels, distance)
    window = canvas.pixels[top:bottom, left:right]
    shadow = cv2.blur(mask, (reach, reach), anchor=(reach // 2, reach - 1))
    window *= (1 - shadow * np.float32(0.5 / 255))[..., None]
    blend(window, pixels, mask * np.float32(1 / 255))


def flowers(
    canvas: Canvas, colours: Sequence[Colour], count: int, size: float, rows: tuple[float, float] = (0.15, 1.05)
) -> None:
    """Blossoms: a ring of petals about a centre, larger towards the viewer.

    Args:
        canvas: Painted on.
        colours: Colours of the petals; each blossom has one colour.
        count: Number of blossoms at a size of 500 x 375; smaller pictures have fewer.
        size: Size of the nearest blossom, as a part of the picture's size.
        rows: Range of their rows, 0 (horizon) to 1 (nearest row).
    """
    rng = canvas.rng
    count = max(10, int(count * min(1.0, canvas.unit / 430) ** 0.7))
    place = np.sort(rng.uniform(*rows, count))
    radius = 0.5 * size * canvas.unit * canvas.zoom * (0.2 + 0.8 * place) * rng.uniform(0.7, 1.2, count)
    centre = np.stack([rng.uniform(0, canvas.width, count), canvas.horizon + place * canvas.ground_shape[0]], axis=1)
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    circle = np.stack([np.cos(angles), 0.8 * np.sin(angles)], axis=1) * np.maximum(radius, 0.7)[:, None, None]
    petals = np.cos(rng.integers(5, 8, (count, 1)) * angles + rng.uniform(0, 2 * np.pi, (count, 1)))
    corolla = circle * (0.74 + 0.26 * petals * (radius > 2.5)[:, None])[..., None]
    tint = np.array(colours)[rng.integers(len(colours), size=count)] * rng.uniform(0.8, 1.1, (count, 1))
    seen = canvas.light.shade(tint.astype(np.float32), 0.6)
    hearts = np.where(radius[:, None] > 2, canvas.light.shade((0.80, 0.62, 0.16), 0.5), seen)
    # The heart of a blossom comes right after its petals, so that nearer blossoms hide both.
    outlines = centre[:, None, None] + np.stack([corolla, 0.25 * circle], axis=1)
    polygons(canvas, outlines.reshape(2 * count, -1, 2), np.stack([seen, hearts], axis=1).reshape(2 * count, 3))
