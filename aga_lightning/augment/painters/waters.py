"""By the water: lakeshore, coast, beach, river, marsh."""

import numpy as np

from aga_lightning.augment.painters import grounds, motifs, ridges
from aga_lightning.augment.painters.canvas import Canvas, blend
from aga_lightning.augment.painters.landscapes import ROCK, grasses
from aga_lightning.augment.painters.light import Colour
from aga_lightning.augment.painters.noise import plane_texture
from aga_lightning.augment.painters.skies import sky

LAKE: Colour = (0.12, 0.22, 0.26)
SEA: Colour = (0.10, 0.30, 0.38)
BROOK: Colour = (0.16, 0.22, 0.20)
PEAT: Colour = (0.14, 0.13, 0.09)
REEDS: tuple[Colour, ...] = ((0.34, 0.32, 0.14), (0.58, 0.52, 0.26), (0.74, 0.66, 0.40))


def _far_bank(canvas: Canvas, conifers: bool) -> None:
    grass = grasses(canvas.light)
    ridges.far_hills(canvas, int(canvas.rng.integers(1, 4)), grass, canvas.rng.uniform(0.08, 0.2))
    height = canvas.rng.uniform(0.03, 0.09) * canvas.height
    trees = ridges.tree_line(canvas, canvas.horizon + 2, height, conifers)
    colours = ((0.07, 0.11, 0.08), (0.18, 0.24, 0.15)) if conifers else canvas.light.leaves
    ridges.stand(canvas, trees, min(canvas.height, canvas.horizon + 2), colours, 0.4, "leaves", 0.22)


def lakeshore(canvas: Canvas) -> None:
    """A calm lake behind reeds."""
    rng = canvas.rng
    sky(canvas)
    _far_bank(canvas, bool(rng.random() < 0.5))
    grounds.water(canvas, LAKE, rng.uniform(0.05, 0.35))
    reeds = REEDS if canvas.light.grass[0][0] > 0.3 else (canvas.light.grass[0], *REEDS[1:])
    side = rng.uniform(-0.2, 0.6)
    motifs.blades(canvas, reeds, 260, 0.34, (0.65, 1.0), 0.10, 0.008, (side, side + rng.uniform(0.4, 0.7)))
    motifs.blades(canvas, reeds, 220, 0.55, (0.9, 1.4), 0.12, 0.009)


def coast(canvas: Canvas) -> None:
    """Breaking waves between rocks."""
    rng = canvas.rng
    sky(canvas)
    if rng.random() < 0.6:
        # A headland that falls to the sea on one side.
        fall = rng.choice([-1, 1]) * np.linspace(-1, 1, canvas.width) + rng.uniform(-0.6, 0.3)
        outline = ridges.hills(canvas, 0.16, 0.55) + np.clip(fall, 0, None) * 0.4 * canvas.height
        ridges.stand(canvas, outline.astype(np.float32), canvas.horizon, ROCK, 0.5, contrast=1.5)
    surface = grounds.water(canvas, SEA, rng.uniform(0.6, 1.0), 0.55)
    grounds.breakers(canvas, surface, int(rng.integers(2, 6)))
    motifs.boulders(canvas, int(rng.integers(5, 12)), 0.34, (*((r * 0.8, g * 0.8, b * 0.8) for r, g, b in ROCK),))
    spray = plane_texture(rng, canvas.ground_shape, "fine", 0.8 * canvas.unit)
    blend(canvas.ground, canvas.light.shade((0.94, 0.95, 0.96)), np.clip((spray - 0.70) * 4, 0, 0.6))


def beach(canvas: Canvas) -> None:
    """Sand, a line of foam, the sea."""
    rng = canvas.rng
    sky(canvas)
    grounds.sand(canvas, 0.35)
    dry = canvas.ground.copy()
    surface = grounds.water(canvas, SEA, rng.uniform(0.3, 0.7), 0.6)
    grounds.breakers(canvas, surface, int(rng.integers(1, 4)))
    grounds.shore(canvas, dry, rng.uniform(-0.7, 0.7), rng.uniform(0.15, 0.6))
    if rng.random() < 0.5:
        motifs.blades(
            canvas, REEDS, 130, 0.28, (0.85, 1.3), 0.3, 0.008, (0.6, 1.1) if rng.random() < 0.5 else (-0.1, 0.4)
        )


def riverbank(canvas: Canvas) -> None:
    """Running water beside pebbles."""
    rng = canvas.rng
    sky(canvas)
    _far_bank(canvas, bool(rng.random() < 0.6))
    grounds.pebbles(canvas, size=rng.uniform(0.6, 1.3))
    dry = canvas.ground.copy()
    surface = grounds.water(canvas, BROOK, rng.uniform(0.3, 0.7), 0.6)
    white = canvas.light.shade((0.9, 0.92, 0.92), 0.6)
    blend(canvas.ground, white, np.clip((surface - 0.6) * 4, 0, 0.6) * canvas.nearness())
    grounds.shore(canvas, dry, float(rng.choice([-1, 1])) * rng.uniform(0.4, 1.4), rng.uniform(0.25, 0.55))
    motifs.boulders(canvas, int(rng.integers(3, 10)), 0.22, grounds.STONE)


def marsh(canvas: Canvas) -> None:
    """Pools among tufts of sedge."""
    rng = canvas.rng
    sky(canvas)
    grass = grasses(canvas.light)
    ridges.far_hills(canvas, int(rng.integers(0, 2)), grass, 0.06)
    grounds.plants(canvas, (grass[0], (0.34, 0.32, 0.16), grass[2]), 0.5)
    land = canvas.ground.copy()
    grounds.water(canvas, PEAT, rng.uniform(0.0, 0.12), 0.9)
    islands = plane_texture(rng, canvas.ground_shape, "cloud", 1.7 * canvas.unit * canvas.zoom, stretch=1.4)
    rough = plane_texture(rng, canvas.ground_shape, "fine", 0.8 * canvas.unit * canvas.zoom)
    blend(canvas.ground, land, np.clip((islands + 0.25 * (rough - 0.5) - rng.uniform(0.40, 0.52)) * 14, 0, 1))
    motifs.blades(canvas, grass, 420, 0.10, (0.1, 1.0), 0.3)
    for _ in range(int(rng.integers(2, 5))):
        left = rng.uniform(-0.1, 0.9)
        motifs.blades(canvas, (grass[0], *REEDS[1:]), 70, 0.24, (0.6, 1.1), 0.22, 0.008, (left, left + 0.16))
