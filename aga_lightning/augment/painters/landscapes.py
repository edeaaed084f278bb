"""Open country: meadow, mountains, dunes, moor, wheat, canyon."""

import cv2
import numpy as np

from aga_lightning.augment.painters import grounds, motifs, ridges
from aga_lightning.augment.painters.canvas import Canvas
from aga_lightning.augment.painters.light import Colour, Light
from aga_lightning.augment.painters.noise import profile, relief, texture
from aga_lightning.augment.painters.skies import sky

ROCK: tuple[Colour, ...] = ((0.30, 0.29, 0.30), (0.46, 0.45, 0.45), (0.64, 0.62, 0.60))
RED_ROCK: tuple[Colour, ...] = ((0.38, 0.16, 0.09), (0.62, 0.30, 0.17), (0.74, 0.42, 0.26), (0.82, 0.58, 0.42))
HEATHER: tuple[Colour, ...] = ((0.20, 0.18, 0.12), (0.44, 0.28, 0.36), (0.62, 0.38, 0.56), (0.74, 0.52, 0.68))
WITHERED_HEATHER: tuple[Colour, ...] = ((0.20, 0.16, 0.11), (0.38, 0.26, 0.20), (0.52, 0.36, 0.30), (0.60, 0.46, 0.38))
WHEAT: tuple[Colour, ...] = ((0.46, 0.34, 0.14), (0.74, 0.58, 0.28), (0.90, 0.76, 0.44))
MEADOW_FLOWERS: tuple[Colour, ...] = ((0.94, 0.92, 0.88), (0.92, 0.78, 0.20), (0.62, 0.46, 0.74))


def grasses(light: Light) -> tuple[Colour, ...]:
    """The season's grass with a shadow below its dark colour."""
    dark, pale = light.grass
    return (dark[0] * 0.55, dark[1] * 0.55, dark[2] * 0.55), dark, pale


def meadow(canvas: Canvas) -> None:
    """Tall grass, trees far off."""
    sky(canvas)
    grass = grasses(canvas.light)
    ridges.far_hills(canvas, int(canvas.rng.integers(0, 3)), grass, 0.10)
    if canvas.rng.random() < 0.7:
        trees = ridges.tree_line(canvas, canvas.horizon + 2, canvas.rng.uniform(0.04, 0.11) * canvas.height, False)
        ridges.stand(canvas, trees, min(canvas.height, canvas.horizon + 2), canvas.light.leaves, 0.45, "leaves", 0.25)
    grounds.plants(canvas, grass, 0.45)
    motifs.blades(canvas, grass, 700, 0.16)
    if canvas.light.snow == 0 and canvas.rng.random() < 0.5:
        motifs.flowers(canvas, MEADOW_FLOWERS[: int(canvas.rng.integers(1, 4))], 45, 0.022, (0.2, 1.0))
    motifs.blades(canvas, grass, 160, 0.30, (0.85, 1.3))


def mountains(canvas: Canvas) -> None:
    """Peaks behind peaks, a slope in front."""
    sky(canvas)
    rng = canvas.rng
    bottom = min(canvas.height, canvas.horizon + 2)
    layers = int(rng.integers(2, 4))
    for layer in range(layers):
        share = 1 - layer / layers
        outline = ridges.hills(canvas, rng.uniform(0.26, 0.42) * share + 0.05, 0.58, rng.uniform(0.6, 1.2))
        rows = np.arange(canvas.height, dtype=np.float32)[:bottom, None]
        # Snow lies high up all the year.
        height = np.clip((bottom - rows) / (0.30 * canvas.height), 0, 1)
        rock = (*ROCK, (0.62, 0.60, 0.58), grounds.SNOW, grounds.SNOW) if layer == 0 else ROCK
        tone = np.broadcast_to(0.75 * height**1.5 - 0.05, (bottom, canvas.width))
        ridges.stand(canvas, outline, bottom, rock, 0.25 + 0.4 * share, "earth", 0.55, 0.8, 1.5, 0.55, tone)
    grass = grasses(canvas.light)
    if rng.random() < 0.6:
        trees = ridges.tree_line(canvas, canvas.horizon + 3, rng.uniform(0.05, 0.10) * canvas.height, True)
        ridges.stand(canvas, trees, bottom, ((0.06, 0.10, 0.08), (0.14, 0.20, 0.13)), 0.25, "fine", 0.3)
    grounds.plants(canvas, (ROCK[0], *grass[1:], ROCK[2]), 0.6)
    motifs.boulders(canvas, int(rng.integers(2, 9)), 0.20, ROCK)


def dunes(canvas: Canvas) -> None:
    """Sand dunes with sharp crests, one behind the other."""
    sky(canvas)
    rng = canvas.rng
    grounds.sand(canvas)
    count = int(rng.integers(3, 6))
    for layer in range(count):
        near = (layer + rng.uniform(0.2, 0.8)) / count
        crest = canvas.horizon + canvas.ground_shape[0] * (0.95 * near**1.4 - 0.04)
        swing = canvas.height * (0.05 + 0.17 * near)
        _dune(
            canvas, (crest - swing * profile(rng, canvas.width, 0.32, rng.uniform(0.9, 1.8))).astype(np.float32), near
        )


def _dune(canvas: Canvas, outline: ridges.Outline, near: float) -> None:
    """A dune whose flanks are lit or shaded, divided by spines that run down from its peaks."""
    rng = canvas.rng
    top = int(np.clip(outline.min() - 1, 0, canvas.height - 1))
    slope = cv2.blur(np.gradient(outline)[None].astype(np.float32), (max(3, canvas.width // 40), 1))[0]
    down = np.arange(canvas.height - top, dtype=np.float32)[:, None]
    bend = rng.uniform(0.5, 1.6) * canvas.sun_side * down + 0.02 * canvas.width * np.sin(down / (0.06 * canvas.height))
    column = np.arange(canvas.width, dtype=np.float32)[None] + bend
    flank = slope[np.clip(column, 0, canvas.width - 1).astype(np.int32)]
    lit = 0.5 + 0.5 * np.tanh(-canvas.sun_side * flank * 9)
    ridges.stand(
        canvas, outline, canvas.height, ((0.36, 0.27, 0.20), *grounds.SAND), 0.6 * (1 - near), "cloud",
        0.5 * canvas.zoom, 4.0, 0.7, snow=0.75, tone=(0.62 * lit + 0.05).astype(np.float32),
    )  # fmt: skip


def moor(canvas: Canvas) -> None:
    """Heather to the horizon, in bloom but in the cold months."""
    sky(canvas)
    colours = WITHERED_HEATHER if canvas.light.snow > 0 else HEATHER
    ridges.far_hills(canvas, int(canvas.rng.integers(1, 4)), (*colours[:3],), 0.13)
    grounds.pebbles(canvas, (*colours[:2], canvas.light.grass[0], *colours[2:]), canvas.rng.uniform(0.5, 1.1))
    motifs.boulders(canvas, int(canvas.rng.integers(0, 4)), 0.16, ROCK)
    motifs.blades(canvas, (*colours[:2], canvas.light.grass[1]), 320, 0.07, (0.3, 1.1), 0.4)
    motifs.flowers(canvas, colours[1:], 260, 0.012, (0.25, 1.05))


def wheat(canvas: Canvas) -> None:
    """Ripe ears in front of a wide field."""
    sky(canvas)
    ridges.far_hills(canvas, int(canvas.rng.integers(0, 3)), grasses(canvas.light), 0.07)
    trees = ridges.tree_line(canvas, canvas.horizon + 2, canvas.rng.uniform(0.02, 0.07) * canvas.height, False, 0.6)
    ridges.stand(canvas, trees, min(canvas.height, canvas.horizon + 2), canvas.light.leaves, 0.5, "leaves", 0.25)
    grounds.plants(canvas, WHEAT, 0.35)
    motifs.blades(canvas, WHEAT, 900, 0.15, (0.15, 1.1), 0.10)
    motifs.blades(canvas, WHEAT[1:], 420, 0.34, (0.8, 1.35), 0.14, 0.006)


def canyon(canvas: Canvas) -> None:
    """Banded red cliffs and mesas over dry ground."""
    sky(canvas)
    rng = canvas.rng
    bottom = min(canvas.height, canvas.horizon + 2)
    for distance in (0.75, 0.45, 0.2)[int(rng.integers(0, 2)) :]:
        # Steep steps between plateaus: a smooth outline pressed against a few levels.
        wave = profile(rng, canvas.width, 0.45, rng.uniform(0.5, 1.0))
        mesa = np.tanh(5 * (wave - rng.uniform(-0.2, 0.4)))
        outline = canvas.horizon - canvas.height * (0.17 + 0.13 * mesa + 0.02 * wave) * (1.25 - 0.6 * distance)
        rows = (bottom, canvas.width)
        strata = texture(rng, rows, "earth", 0.5 * canvas.unit, stretch=20, angle=rng.uniform(-0.06, 0.06))
        cracks = relief(texture(rng, rows, "earth", 0.6 * canvas.unit, stretch=0.3), canvas.sun_side)
        tone = 1.3 * strata + 0.25 * cracks - 0.55
        ridges.stand(canvas, outline.astype(np.float32), bottom, RED_ROCK, distance, "earth", 0.6, 0.5, 1.3, 0.4, tone)
    grounds.plants(canvas, (RED_ROCK[0], RED_ROCK[1], RED_ROCK[2]), 0.6)
    motifs.boulders(canvas, int(rng.integers(4, 12)), 0.16, RED_ROCK[:3])
    motifs.blades(canvas, grasses(canvas.light), 90, 0.06, (0.2, 1.0), 0.6)
