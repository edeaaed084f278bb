"""Among trees: pine forest, broadleaf woodland, jungle."""

import numpy as np

from aga_lightning.augment.painters import grounds, motifs, ridges
from aga_lightning.augment.painters.canvas import Canvas, blend, polygons, ramp, strokes
from aga_lightning.augment.painters.light import Colour, rgb
from aga_lightning.augment.painters.noise import texture
from aga_lightning.augment.painters.skies import sky

NEEDLES: tuple[Colour, ...] = ((0.05, 0.09, 0.06), (0.13, 0.20, 0.12), (0.24, 0.33, 0.19))
PINE_BARK: tuple[Colour, ...] = ((0.18, 0.12, 0.09), (0.40, 0.28, 0.21), (0.56, 0.42, 0.33))
GREY_BARK: tuple[Colour, ...] = ((0.18, 0.17, 0.14), (0.40, 0.38, 0.32), (0.60, 0.57, 0.50))
JUNGLE: tuple[Colour, ...] = ((0.03, 0.08, 0.03), (0.10, 0.24, 0.07), (0.24, 0.44, 0.13), (0.46, 0.62, 0.24))
NEEDLE_LITTER: tuple[Colour, ...] = ((0.16, 0.11, 0.07), (0.34, 0.24, 0.15), (0.36, 0.36, 0.18))


def pine_forest(canvas: Canvas) -> None:
    """Straight stems over needles, dark spires behind."""
    rng = canvas.rng
    sky(canvas)
    bottom = min(canvas.height, canvas.horizon + 3)
    for distance in (0.65, 0.40, 0.2)[: int(rng.integers(2, 4))]:
        height = canvas.height * rng.uniform(0.35, 0.75) * (1.2 - 0.5 * distance)
        outline = ridges.tree_line(canvas, canvas.horizon, height, True, 1.4)
        ridges.stand(canvas, outline, bottom, NEEDLES, distance, "fine", 0.5, 0.6, 1.2, 0.45)
    grounds.plants(canvas, NEEDLE_LITTER, 0.55)
    motifs.trunks(canvas, int(rng.integers(4, 10)), 0.035, PINE_BARK, 0.35, 0.12, 0.02)
    motifs.trunks(canvas, int(rng.integers(2, 5)), 0.09 * canvas.zoom, PINE_BARK, 0.05, 0.6)
    if rng.random() < 0.6:
        motifs.foliage(canvas, NEEDLES, rng.uniform(0.3, 0.6), 0.1, (0, 0.5), 0.5, 0.9, "fine")
    motifs.blades(canvas, (NEEDLES[1], canvas.light.grass[0], canvas.light.grass[1]), 150, 0.10, (0.3, 1.2), 0.5)


def woodland(canvas: Canvas) -> None:
    """Stems under a leafy roof; bare in winter."""
    rng = canvas.rng
    sky(canvas)
    leaves = canvas.light.leaves
    bare = canvas.light.snow > 0
    bottom = min(canvas.height, canvas.horizon + 3)
    outline = ridges.tree_line(canvas, canvas.horizon, canvas.height * rng.uniform(0.3, 0.6), False, 1.5)
    ridges.stand(
        canvas, outline, bottom, leaves, 0.75 if bare else 0.55, "fine" if bare else "leaves", 0.3, 0.5, snow=0.3
    )
    litter = (grounds.SOIL[0], *leaves[:2]) if rng.random() < 0.6 else (grounds.SOIL[0], *canvas.light.grass)
    grounds.plants(canvas, litter, 0.5)
    motifs.trunks(canvas, int(rng.integers(5, 12)), 0.03, GREY_BARK, 0.4, 0.1, 0.05)
    if not bare:
        motifs.foliage(canvas, leaves, rng.uniform(0.5, 0.85), 0.35, (0, 0.7), 0.32, 0.6)
    motifs.trunks(canvas, int(rng.integers(1, 5)), 0.12 * canvas.zoom, GREY_BARK, 0.05, 0.65, 0.06)
    if bare:
        _branches(canvas, int(rng.integers(5, 12)))
    else:
        motifs.foliage(canvas, leaves, rng.uniform(0.35, 0.75), 0.0, (0, 0.6), 0.6, 0.7)
        motifs.flowers(canvas, leaves[1:], 60, 0.02, (0.2, 1.0))


def _branches(canvas: Canvas, count: int) -> None:
    """Bare boughs that reach up and fork into twigs."""
    rng = canvas.rng
    shades = canvas.light.shade(ramp(GREY_BARK, np.linspace(0, 0.6, 4, dtype=np.float32)), 0.4)
    roots = rng.uniform((0, 0.1), (1, 0.75), (count, 2)) * (canvas.width, canvas.height)
    headings = -np.pi / 2 + rng.normal(0, 0.8, count)
    length = 0.30 * canvas.unit
    for thickness in (0.011, 0.006, 0.003):
        turns = headings[:, None] + np.cumsum(rng.normal(0, 0.13, (len(roots), 8)), axis=1)
        steps = (
            np.stack([np.cos(turns), np.sin(turns)], axis=-1)
            * (rng.uniform(0.5, 1, len(roots)) * length / 8)[:, None, None]
        )
        boughs = roots[:, None] + np.cumsum(steps, axis=1)
        strokes(canvas, boughs, shades, max(1, round(thickness * canvas.unit)))
        # Twigs leave a bough in its outer half, to either side.
        roots = boughs[:, 3:].reshape(-1, 2)
        headings = turns[:, 3:].ravel() + rng.choice([-1, 1], len(roots)) * rng.uniform(0.3, 0.9, len(roots))
        keep = rng.random(len(roots)) < 0.6
        roots, headings, length = roots[keep], headings[keep], 0.5 * length


def jungle(canvas: Canvas) -> None:
    """Leaves upon leaves, broad and long, with dark gaps."""
    rng = canvas.rng
    sky(canvas)
    shape = (canvas.height, canvas.width)
    depth = texture(rng, shape, "cloud", 1.2 * canvas.unit)
    gap = np.clip((depth - rng.uniform(0.55, 0.8)) * 4, 0, 1)
    shade = np.broadcast_to(canvas.light.shade(JUNGLE[0], 0.3), canvas.pixels.shape)
    mist = 0.75 * shade + 0.25 * rgb(canvas.light.horizon)
    blend(canvas.pixels, mist, 0.95 - 0.85 * gap)
    motifs.foliage(canvas, JUNGLE, 0.85, 0.35, (0, 1), 0.45, 0.05)
    motifs.trunks(canvas, int(rng.integers(1, 5)), 0.06, GREY_BARK, 0.2, 0.9, 0.12)
    motifs.foliage(canvas, JUNGLE, 0.62, 0.1, (0, 1), 0.8, 0.05)
    for _ in range(int(rng.integers(5, 12))):
        _frond(canvas)


def _frond(canvas: Canvas) -> None:
    """A palm leaf: a bent rib with leaflets on both sides."""
    rng = canvas.rng
    length = canvas.unit * canvas.zoom * rng.uniform(0.2, 0.6)
    start = np.array([rng.uniform(-0.1, 1.1) * canvas.width, rng.uniform(0.1, 1.2) * canvas.height])
    heading = -np.pi / 2 + rng.normal(0, 0.9)
    joints = int(np.clip(length / 4, 8, 22))
    sweep = heading + np.linspace(0, rng.normal(0, 1.1), joints)
    rib = start + np.cumsum(np.stack([np.cos(sweep), np.sin(sweep)], axis=1), axis=0) * length / joints
    reach = length * rng.uniform(0.22, 0.38) * np.sin(np.linspace(0.5, 3.0, joints))
    side = np.array([[-1.0], [1.0]])
    angle = sweep + side * rng.uniform(0.8, 1.1, (2, joints))
    along = np.stack([np.cos(angle), np.sin(angle)], axis=-1) * reach[:, None]
    across = along[..., ::-1] * np.array([-1, 1]) * 2.0 / joints
    leaflet = np.stack([0 * along, 0.5 * along + across, along, 0.5 * along - across], axis=2) + rib[:, None]
    colour = np.array(JUNGLE[int(rng.integers(1, 4))]) * rng.uniform(0.7, 1.2, (2, joints, 1))
    facing = np.broadcast_to(np.where(side * canvas.sun_side > 0, 0.75, 0.2), (2, joints)).astype(np.float32)
    polygons(canvas, leaflet.reshape(2 * joints, 4, 2), canvas.light.shade(colour, facing).reshape(2 * joints, 3))
