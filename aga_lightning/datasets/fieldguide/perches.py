"""Paint the perch of a bird."""

from collections.abc import Callable

import numpy as np

from aga_lightning.datasets.fieldguide.canvas import (
    Canvas,
    Points,
    Rng,
    ellipse,
    mix,
    points,
    ribbon,
    shifted,
    spline,
    vary,
)

_BARK = (96, 76, 58)
_SNOW = (240, 244, 250)


def branch(canvas: Canvas, rng: Rng, feet: Points) -> None:
    """A branch across the picture, thinner towards one end, with a few twigs."""
    _branch(canvas, rng, feet)


def snowy_branch(canvas: Canvas, rng: Rng, feet: Points) -> None:
    """A branch with snow on it."""
    line, thick = _branch(canvas, rng, feet)
    canvas.fill(ribbon(shifted(line, down=-0.42 * thick), 0.5 * thick, 0.35 * thick), vary(rng, _SNOW, 5))


def post(canvas: Canvas, rng: Rng, feet: Points) -> None:
    """A weathered post."""
    x, y = feet.mean(axis=0)
    half = rng.uniform(0.07, 0.10)
    wood = vary(rng, (128, 110, 90), 10)
    canvas.fill(points((x - half, y + 0.01), (x + half, y + 0.01), (x + half, 1.1), (x - half, 1.1)), wood)
    canvas.fill(points((x + half * 0.3, y), (x + half, y), (x + half, 1.1), (x + half * 0.3, 1.1)), wood * 0.68)
    cracks = [points((c, y + 0.03), (c + 0.008, y + 0.03), (c, 1.1)) for c in x + half * rng.uniform(-0.9, 0.9, 4)]
    canvas.fill(cracks, wood * 0.5)
    canvas.fill(ellipse(x, y + 0.015, half, half * 0.22), wood * 1.2)


def stone(canvas: Canvas, rng: Rng, feet: Points) -> None:
    """A boulder that rises from below the picture."""
    x, y = feet.mean(axis=0)
    wide = rng.uniform(0.24, 0.36)
    rock = vary(rng, (140, 136, 130), 10)
    outline = spline(
        points((x - wide, 1.1), (x - wide * 0.8, y + 0.14), (x - wide * 0.35, y + 0.015), (x + wide * 0.3, y),
               (x + wide * 0.85, y + 0.12), (x + wide, 1.1))
    )  # fmt: skip
    inside = canvas.mask(outline)
    canvas.fill(outline, rock * 0.72)
    canvas.fill(shifted(outline, -0.05, -0.03), rock * 1.12, soft=0.03, within=inside)
    specks = [ellipse(a, b, 0.012, 0.008, corners=8) for a, b in rng.uniform((x - wide, y), (x + wide, 1.05), (14, 2))]
    canvas.fill(specks, rock * 0.6, opacity=0.5, within=inside)


def wire(canvas: Canvas, rng: Rng, feet: Points) -> None:
    """An overhead wire."""
    x, y = feet.mean(axis=0)
    slope, sag = rng.normal(0, 0.05), rng.uniform(0.0, 0.04)
    line = spline(points((-0.1, y - slope - sag), (x, y + 0.012), (1.1, y + slope - sag)), closed=False)
    canvas.fill(ribbon(line, 0.014), vary(rng, (44, 42, 46), 6))


def ground(canvas: Canvas, rng: Rng, feet: Points) -> None:
    """The ground itself: only the shadow of the bird."""
    x, y = feet.mean(axis=0)
    canvas.fill(ellipse(x, y + 0.03, 0.17, 0.035), (30, 32, 40), opacity=rng.uniform(0.35, 0.6), soft=0.012)


def _branch(canvas: Canvas, rng: Rng, feet: Points) -> tuple[Points, float]:
    """A branch through the feet; its middle line, and how thick it is."""
    x, y = feet.mean(axis=0)
    thick, slope = rng.uniform(0.03, 0.055), rng.normal(0, 0.10)
    y += thick * 0.45
    line = spline(
        points((-0.12, y - slope), (x - 0.3, y - 0.25 * slope + rng.normal(0, 0.01)), (x, y),
               (x + 0.3, y + 0.25 * slope + rng.normal(0, 0.01)), (1.12, y + slope)),
        closed=False,
    )  # fmt: skip
    bark = vary(rng, _BARK, 12)
    for start, rise in zip(rng.integers(2, len(line) - 6, 3), rng.uniform(-0.16, 0.16, 3), strict=True):
        root = line[start]
        twig = spline(np.stack([root, shifted(root, 0.08, 0.6 * rise), shifted(root, 0.2, rise)]), closed=False)
        canvas.fill(ribbon(twig, 0.35 * thick, 0.1 * thick), bark * 0.85)
    canvas.fill(ribbon(line, thick * 1.15, thick * 0.8), bark * 0.75)
    canvas.fill(ribbon(shifted(line, down=-0.2 * thick), 0.6 * thick, 0.4 * thick), mix(bark, (226, 214, 190), 0.22))
    return line, thick


PERCHES: dict[str, tuple[Callable[[Canvas, Rng, Points], None], ...]] = {
    "lake": (post, stone),
    "forest": (branch,),
    "meadow": (post, branch, ground),
    "snowfield": (snowy_branch, ground),
    "desert": (stone, ground),
    "brick_wall": (wire, branch),
    "dusk_skyline": (wire, branch),
    "flower_bed": (post, branch),
    "paper": (branch, ground),
}
"""The perches of each habitat."""
