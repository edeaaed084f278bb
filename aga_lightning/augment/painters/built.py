"""Scenes with buildings: brick wall, wooden fence, skyline, garden."""

import math

import numpy as np

from aga_lightning.augment.painters import grounds, motifs, ridges
from aga_lightning.augment.painters.canvas import Canvas, blend, ramp
from aga_lightning.augment.painters.landscapes import grasses
from aga_lightning.augment.painters.light import Colour, Pixels
from aga_lightning.augment.painters.noise import Field, plane_texture, relief, texture
from aga_lightning.augment.painters.skies import sky

BRICKS: tuple[tuple[Colour, ...], ...] = (
    ((0.34, 0.15, 0.11), (0.56, 0.27, 0.20), (0.70, 0.42, 0.32)),
    ((0.36, 0.24, 0.17), (0.58, 0.42, 0.30), (0.72, 0.58, 0.44)),
    ((0.26, 0.22, 0.21), (0.44, 0.37, 0.34), (0.60, 0.53, 0.48)),
    ((0.52, 0.48, 0.43), (0.70, 0.66, 0.60), (0.82, 0.79, 0.74)),
)
MORTAR: tuple[Colour, ...] = ((0.44, 0.42, 0.38), (0.66, 0.63, 0.57), (0.78, 0.75, 0.70))
TIMBER: tuple[tuple[Colour, ...], ...] = (
    ((0.24, 0.22, 0.20), (0.48, 0.45, 0.41), (0.66, 0.63, 0.58)),
    ((0.22, 0.15, 0.10), (0.46, 0.33, 0.22), (0.64, 0.49, 0.34)),
    ((0.16, 0.20, 0.16), (0.36, 0.42, 0.34), (0.58, 0.62, 0.52)),
)
WALLS: tuple[Colour, ...] = ((0.30, 0.29, 0.30), (0.52, 0.48, 0.45), (0.66, 0.60, 0.54), (0.76, 0.74, 0.72))
ROOFS: tuple[Colour, ...] = ((0.20, 0.13, 0.11), (0.46, 0.25, 0.18), (0.62, 0.44, 0.36), (0.50, 0.50, 0.52))
PETALS: tuple[tuple[Colour, ...], ...] = (
    ((0.82, 0.14, 0.18), (0.94, 0.44, 0.50), (0.96, 0.86, 0.86)),
    ((0.94, 0.76, 0.14), (0.96, 0.54, 0.12), (0.96, 0.92, 0.70)),
    ((0.46, 0.26, 0.66), (0.72, 0.52, 0.82), (0.90, 0.86, 0.94)),
    ((0.90, 0.36, 0.62), (0.96, 0.94, 0.92), (0.58, 0.36, 0.74)),
)


def _surface(canvas: Canvas, albedo: Pixels, height: Field, contrast: float) -> None:
    """A wall that fills the picture: relief, the fall of light over it, shadows of leaves in summer."""
    rng, light = canvas.rng, canvas.light
    x = np.linspace(-1, 1, canvas.width, dtype=np.float32)[None]
    y = np.linspace(-1, 1, canvas.height, dtype=np.float32)[:, None]
    facing = relief(height, canvas.sun_side, contrast) + 0.2 * canvas.sun_side * x - 0.15 * y
    if max(light.sun) > 0.6 and rng.random() < 0.65:
        shadow = texture(rng, height.shape, "earth", rng.uniform(0.5, 1.2) * canvas.unit, angle=rng.uniform(-1, 1))
        facing = facing * np.clip((shadow - 0.42) * 7, 0.05, 1)
    if light.snow > 0:
        grounds.snow_cover(canvas, albedo, np.clip(0.75 * height + 0.35 * (1 - y) / 2 - 0.25, 0, 1), 0.35)
    pixels = light.shade(albedo, np.clip(facing, 0, 1))
    if light.rain > 0.5:
        streaks = texture(rng, height.shape, "earth", 0.8 * canvas.unit, stretch=0.25)
        pixels *= (0.62 + 0.5 * streaks)[..., None]
    blend(pixels, light.horizon, 0.35 * max(0.0, light.haze - 0.3))
    canvas.pixels[...] = pixels


def _creepers(canvas: Canvas) -> None:
    """Leaves that hang over a wall from one edge."""
    if canvas.light.snow == 0 and canvas.rng.random() < 0.55:
        motifs.foliage(
            canvas, canvas.light.leaves, canvas.rng.uniform(0.4, 0.8), 0, (0, 1), 0.35, canvas.rng.uniform(0.5, 1.0)
        )


def brick_wall(canvas: Canvas) -> None:
    """Courses of brick, a little askew."""
    rng = canvas.rng
    course = canvas.unit * rng.uniform(0.07, 0.16) * canvas.zoom
    angle, squeeze = rng.normal(0, 0.03), rng.normal(0, 0.12)
    x = np.arange(canvas.width, dtype=np.float32)[None] - 0.5 * canvas.width
    y = np.arange(canvas.height, dtype=np.float32)[:, None] - 0.5 * canvas.height
    # Seen at a slant, the wall recedes to one side.
    recede = 1 + squeeze * x / canvas.width
    along = (x * math.cos(angle) + y * math.sin(angle)) / recede / (course * rng.uniform(2.4, 3.2)) + 50
    down = (y * math.cos(angle) - x * math.sin(angle)) / recede / course + 50
    row = np.floor(down).astype(np.int32)
    along = along + np.float32(0.5) * (row & 1)
    column = np.floor(along).astype(np.int32)
    shades = rng.beta(2, 2, (64, 64)).astype(np.float32)[row & 63, column & 63]
    joint = rng.uniform(0.05, 0.10)
    from_edge = np.minimum(0.5 - np.abs(down - row - 0.5), 2.8 * (0.5 - np.abs(along - column - 0.5)))
    rough = texture(rng, from_edge.shape, "earth", 0.7 * canvas.unit)
    grit = texture(rng, from_edge.shape, "fine", 0.6 * canvas.unit)
    brick = np.clip((from_edge - joint + 0.06 * (rough - 0.5)) * course * 0.6 + 0.5, 0, 1)
    albedo = ramp(MORTAR, 0.6 * rough + 0.4 * grit)
    blend(albedo, ramp(BRICKS[int(rng.integers(len(BRICKS)))], 0.5 * shades + 0.35 * rough + 0.35 * grit - 0.1), brick)
    _surface(canvas, albedo, 0.45 * brick + 0.3 * grit + 0.25 * rough, 1.3)
    _creepers(canvas)


def wooden_fence(canvas: Canvas) -> None:
    """Boards side by side, upright or level, with gaps."""
    rng = canvas.rng
    upright = rng.random() < 0.7
    shape = (canvas.height, canvas.width) if upright else (canvas.width, canvas.height)
    board = canvas.unit * rng.uniform(0.09, 0.2) * canvas.zoom
    place = np.arange(shape[1], dtype=np.float32) / board + rng.random()
    index = place.astype(np.int32)
    tones = rng.random(int(index.max()) + 1).astype(np.float32)[index]
    from_edge = 0.5 - np.abs(place - index - 0.5)
    gap = np.clip((from_edge - rng.uniform(0.02, 0.06)) * board * 0.7, 0, 1)[None]
    grain = texture(rng, shape, "fine", 1.2 * canvas.unit, stretch=0.06)
    figure = texture(rng, shape, "cloud", 0.7 * canvas.unit, stretch=0.15)
    wood = 0.45 * grain + 0.35 * figure + 0.3 * tones[None] - 0.05
    height = (0.5 * np.minimum(gap, 1) + 0.5 * grain) * np.ones_like(wood)
    wood = wood * (0.35 + 0.65 * gap)
    if not upright:
        wood, height, gap = wood.T, height.T, gap.T
    albedo = ramp(TIMBER[int(rng.integers(len(TIMBER)))], np.ascontiguousarray(wood))
    albedo *= np.float32(0.25) + np.float32(0.75) * gap[..., None]
    _surface(canvas, albedo, np.ascontiguousarray(height), 1.1)
    _creepers(canvas)
    canvas.horizon = int(0.75 * canvas.height)
    if rng.random() < 0.6:
        motifs.blades(canvas, grasses(canvas.light), 260, 0.26, (0.8, 1.5), 0.25)


def skyline(canvas: Canvas) -> None:
    """Towers in the haze behind roofs."""
    rng = canvas.rng
    sky(canvas)
    base = min(canvas.height, canvas.horizon + int(0.06 * canvas.height) + 2)
    for distance in (0.7, 0.45, 0.2)[int(rng.integers(0, 2)) :]:
        ridges.skyline(canvas, base, rng.uniform(0.25, 0.5) * (1.15 - 0.4 * distance), distance, WALLS)
    canvas.pixels[base:] = canvas.light.shade(ROOFS[0], 0.2)
    for near in np.linspace(0.1, 1.0, int(rng.integers(2, 5))):
        _roofs(canvas, base + near * (canvas.height - base) * 0.9, float(near))


def _roofs(canvas: Canvas, row: float, near: float) -> None:
    """A row of gables and ridged roofs, each of its own colour, with courses of tiles."""
    rng = canvas.rng
    width = canvas.unit * (0.16 + 0.3 * near)
    place = np.arange(canvas.width, dtype=np.float32) / np.float32(width) + np.float32(rng.random())
    index = place.astype(np.int32)
    count = int(index.max()) + 1
    across = 2 * (place - index) - 1
    # A gable is a triangle; a roof seen from the side is a slab.
    gable = (rng.random(count) < 0.5)[index]
    tall = width * rng.uniform(0.25, 0.45, count)[index]
    lift = width * rng.uniform(-0.08, 0.12, count)[index]
    outline = row - lift - tall * np.where(gable, 1 - np.abs(across), 0.8 - 0.15 * (np.abs(across) > 0.93))
    y = np.arange(canvas.height, dtype=np.float32)[:, None]
    courses = 0.07 * np.cos((y - row) * np.float32(2 * np.pi / max(3.0, 0.035 * width)))
    slope = np.where(gable, np.sign(across) * canvas.sun_side * 0.16, 0)
    tone = (0.7 * rng.random(count)[index] + slope - 0.05)[None] + courses
    ridges.stand(
        canvas, outline.astype(np.float32), canvas.height, ROOFS, 0.3 * (1 - near), "earth", 0.8,
        contrast=0.4, snow=0.9, tone=tone.astype(np.float32),
    )  # fmt: skip


def garden(canvas: Canvas) -> None:
    """Flower beds in front of a hedge."""
    rng = canvas.rng
    sky(canvas)
    bottom = min(canvas.height, canvas.horizon + 3)
    hedge = ridges.tree_line(canvas, canvas.horizon, canvas.height * rng.uniform(0.15, 0.5), False, 1.5)
    ridges.stand(canvas, hedge, bottom, canvas.light.leaves, 0.15, "leaves", 0.4, contrast=1.2)
    grounds.plants(canvas, (grasses(canvas.light)[0], *canvas.light.leaves[:2]), 0.35)
    petals = PETALS[int(rng.integers(len(PETALS)))]
    shape, unit = canvas.ground_shape, canvas.unit * canvas.zoom
    cells = plane_texture(rng, shape, "leaves", 0.9 * unit)
    beds = plane_texture(rng, shape, "cloud", 0.8 * unit, stretch=1.5)
    cover = np.clip((cells - 0.45) * 8, 0, 1) * np.clip((beds - 0.40) * 6, 0, 1)
    blossoms = canvas.light.shade(ramp(petals, np.clip(2 * cells - 1, 0, 1)), relief(cells, canvas.sun_side))
    blend(canvas.ground, blossoms, cover * (0.75 - 0.45 * canvas.light.snow))
    motifs.blades(canvas, canvas.light.leaves, 260, 0.10, (0.2, 1.1), 0.4)
    motifs.flowers(canvas, petals, 170, 0.075, (0.12, 1.1))
