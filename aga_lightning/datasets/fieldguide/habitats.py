"""Paint the habitats: four of the training pictures, four new ones, and the paper of a sketch."""

from collections.abc import Callable

import numpy as np

from aga_lightning.datasets.fieldguide.canvas import (
    Canvas,
    Points,
    Rng,
    ellipse,
    mix,
    noise,
    points,
    ribbon,
    shifted,
    spline,
    vary,
)

_BLACK = np.zeros(3, np.float32)


def ridge(rng: Rng, height: float, relief: float, knots: int = 6, bottom: float = 1.02) -> Points:
    """The outline of land below a rolling skyline around `height`, down to `bottom`."""
    x = np.linspace(-0.1, 1.1, knots)
    skyline = spline(np.stack([x, height + rng.normal(0, relief, knots)], axis=1), closed=False)
    return np.concatenate([skyline, points((1.1, bottom), (-0.1, bottom))])


def blades(rng: Rng, count: int, low: float, high: float, length: float, width: float) -> list[Points]:
    """Tapering blades of grass that are rooted between two heights and bend sideways."""
    root = np.stack([rng.uniform(-0.02, 1.02, count), rng.uniform(low, high, count)], axis=1)
    reach = np.stack([rng.normal(0, 0.3, count), -rng.uniform(0.6, 1.2, count)], axis=1) * length
    middle = root + reach * [0.3, 0.6]
    half = np.array([width / 2, 0.0])
    return list(np.stack([root - half, middle - half * 0.7, root + reach, middle + half * 0.7, root + half], axis=1))


def spruce(x: float, foot: float, height: float) -> Points:
    """The jagged outline of a conifer."""
    half = height * np.array([0.04, 0.24, 0.13, 0.19, 0.09, 0.13, 0.04, 0.0])
    up = foot - height * np.array([0.0, 0.10, 0.36, 0.38, 0.62, 0.64, 0.86, 1.0])
    return np.concatenate([np.stack([x + half, up], axis=1), np.stack([x - half, up], axis=1)[::-1]])


def lake(canvas: Canvas, rng: Rng) -> None:
    """Calm water that mirrors the far shore, and reeds."""
    shore = rng.uniform(0.20, 0.36)
    water = vary(rng, (70, 122, 150), 14)
    pale = vary(rng, (206, 222, 228), 10)
    canvas.gradient(vary(rng, (138, 180, 212)), pale, 0.0, shore)
    canvas.gradient(mix(pale, water, 0.3), water * 0.72, shore, 1.0)
    for relief, share in ((0.035, 0.45), (0.02, 0.0)):
        land = ridge(rng, shore - relief * 1.7, relief, 7, shore)
        colour = mix(vary(rng, (58, 88, 70), 9), pale, share)
        canvas.fill(land, colour)
        mirror = np.stack([land[:, 0], 2 * shore - land[:, 1] + (land[:, 1] < shore) * relief], axis=1)
        canvas.fill(mirror, mix(colour, water, 0.4), opacity=0.75, soft=0.006)
    below = canvas.y > shore
    depth = np.clip(canvas.y - shore, 0, 1)
    swell = noise(rng, canvas.size, (9, 2), 3)
    ripples = np.sin(rng.uniform(50, 80) * np.sqrt(depth + 0.02) + 14 * swell) * (0.03 + 0.10 * depth)
    canvas.shade(1 + np.where(below, ripples + 0.25 * (swell - 0.5), 0))
    side = -0.55 if rng.random() < 0.5 else 0.55
    for shade in (0.7, 1.0, 1.25):
        reeds = blades(rng, 9, 1.0, 1.12, rng.uniform(0.40, 0.62), 0.02)
        canvas.fill([shifted(reed, side) for reed in reeds], vary(rng, (96, 116, 58), 8) * np.float32(shade))


def forest(canvas: Canvas, rng: Rng) -> None:
    """Pine trunks in three depths of green haze, with shafts of light."""
    haze = vary(rng, (128, 152, 112), 12)
    deep = vary(rng, (34, 56, 36), 7)
    canvas.gradient(mix(haze, deep, 0.45), mix(haze, deep, 0.1), 0.0, 0.6)
    canvas.gradient(mix(haze, deep, 0.15), deep, 0.6, 1.0)
    canvas.shade(0.62 + 0.76 * noise(rng, canvas.size, 5, 4))
    for distance, count, width in ((0.65, 9, 0.018), (0.35, 5, 0.04), (0.0, 3, 0.085)):
        bark = mix(vary(rng, (74, 56, 44), 7), haze, distance)
        feet, lean = rng.uniform(0, 1, count), rng.normal(0, 0.03, count)
        girth = width * rng.uniform(0.7, 1.3, count)
        trunks = [
            ribbon(points((x, 1.1), (x + tilt, -0.1)), thick * 1.15, thick * 0.8)
            for x, tilt, thick in zip(feet, lean, girth, strict=True)
        ]
        canvas.fill(trunks, bark * np.float32(0.8))
        lit = [shifted(trunk, -0.2 * width) for trunk in trunks]
        canvas.fill(lit, bark * np.float32(1.25), opacity=0.5, soft=0.15 * width)
        floor = ridge(rng, 0.96 - 0.22 * distance, 0.02, 8)
        canvas.fill(floor, mix(deep, haze, 0.5 * distance), opacity=0.85, soft=0.01)
    for x in rng.uniform(0.0, 0.9, 2):
        shaft = points((x + 0.25, -0.1), (x + 0.37, -0.1), (x + 0.1, 1.1), (x - 0.25, 1.1))
        canvas.fill(shaft, (250, 244, 200), opacity=rng.uniform(0.10, 0.24), soft=0.02)
    canvas.fill(blades(rng, 40, 0.92, 1.1, 0.14, 0.02), vary(rng, (72, 104, 50), 9))


def meadow(canvas: Canvas, rng: Rng) -> None:
    """Grass up to far hills, blade by blade in front, with a few small flowers."""
    horizon = rng.uniform(0.12, 0.30)
    grass = vary(rng, (126, 152, 66), 13)
    canvas.gradient(vary(rng, (142, 188, 226)), vary(rng, (222, 232, 232), 8), 0.0, horizon)
    canvas.gradient(mix(grass, (190, 196, 130), 0.3), grass * 0.68, horizon)
    canvas.fill(ridge(rng, horizon - 0.02, 0.02, bottom=horizon), mix(grass, (150, 178, 190), 0.55))
    patches = 0.74 + 0.52 * noise(rng, canvas.size, (7, 3), 4)
    canvas.shade(np.where(canvas.y > horizon, patches, 1))
    for low, length in ((0.45, 0.10), (0.62, 0.15), (0.80, 0.22)):
        for light in (0.72, 1.22):
            colour = vary(rng, grass, 10) * np.float32(light)
            canvas.fill(blades(rng, 34, low, low + 0.28, length, 0.045 * length + 0.006), colour)
    for petals in ((246, 240, 224), (238, 206, 84)):
        heads = rng.uniform((0, 0.45), (1, 1), (6, 2))
        canvas.fill([ellipse(x, y, 0.012 * (0.4 + y), 0.010 * (0.4 + y), corners=8) for x, y in heads], petals)


def snowfield(canvas: Canvas, rng: Rng) -> None:
    """Drifts with blue shadows in front of a far row of spruces."""
    horizon = rng.uniform(0.22, 0.40)
    snow, shadow = vary(rng, (240, 244, 250), 5), vary(rng, (176, 196, 222), 8)
    sky = vary(rng, (164, 188, 214), 14)
    canvas.gradient(sky, mix(sky, snow, 0.7), 0.0, horizon + 0.02)
    canvas.fill(ridge(rng, horizon - 0.05, 0.03), mix(sky, snow, 0.45))
    trees = [
        spruce(x, horizon + 0.02, height)
        for x, height in zip(rng.uniform(0, 1, 14), rng.uniform(0.06, 0.19, 14), strict=True)
    ]
    canvas.fill(trees, mix(vary(rng, (64, 88, 92), 8), sky, 0.35))
    for height in (horizon + 0.01, horizon + 0.16, horizon + 0.36):
        drift = ridge(rng, height, 0.022, 5)
        canvas.fill(shifted(drift, down=-0.012), shadow, opacity=0.8, soft=0.012)
        canvas.fill(drift, mix(snow, shadow, 0.35), soft=0.004)
        canvas.fill(shifted(drift, down=0.04), snow, opacity=0.85, soft=0.03)
    hollows = noise(rng, canvas.size, (6, 2), 4)
    canvas.shade(np.where(canvas.y > horizon, 0.88 + 0.2 * hollows, 1))
    if rng.random() < 0.4:
        flakes = rng.random((40, 3))
        canvas.fill([ellipse(x, y, 0.004 + 0.007 * s, 0.004 + 0.007 * s, corners=8) for x, y, s in flakes], snow)


def desert(canvas: Canvas, rng: Rng) -> None:
    """Dunes, one behind the other, each with a lit and a shaded side, and ripples in the sand."""
    horizon = rng.uniform(0.22, 0.36)
    sand = vary(rng, (226, 176, 112), 12)
    dust = vary(rng, (244, 222, 186), 8)
    canvas.gradient(vary(rng, (122, 172, 208)), dust, 0.0, horizon + 0.1)
    canvas.gradient(dust, dust, horizon + 0.1)
    for step, distance in enumerate((0.6, 0.3, 0.0)):
        height = horizon + 0.17 * step
        top = rng.uniform(0.15, 0.85)
        crest = spline(
            points((-0.15, height + 0.12), (top - 0.25, height + 0.05), (top, height - 0.06),
                   (top + 0.3, height + 0.05), (1.15, height + 0.10)),
            closed=False,
        )  # fmt: skip
        canvas.fill(np.concatenate([crest, points((1.15, 1.1), (-0.15, 1.1))]), mix(sand, dust, distance))
        slope = spline(
            points((top, height - 0.06), (top - 0.06, height + 0.08), (top + 0.05, height + 0.22), (top - 0.1, 1.1)),
            False,
        )
        lee = np.concatenate([slope, points((1.15, 1.1)), crest[crest[:, 0] > top][::-1]])
        canvas.fill(lee, mix(sand * 0.66, dust, distance * 0.6))
    warp = noise(rng, canvas.size, 3, 3)
    depth = np.clip(canvas.y - horizon, 0, 1)
    ripples = np.sin(90 * np.sqrt(depth + 0.03) + 22 * warp + 6 * canvas.x)
    canvas.shade(1 + ripples * 0.16 * np.clip(depth - 0.1, 0, 0.6))


def brick_wall(canvas: Canvas, rng: Rng) -> None:
    """A wall of bricks, no two of one colour, weathered."""
    mortar = vary(rng, (178, 170, 160), 10)
    clay = vary(rng, (156, 82, 62), 16)
    canvas.gradient(mortar, mortar)
    height = rng.uniform(0.085, 0.135)
    width, gap = height * 2.2, height * 0.12
    shift = rng.uniform(0, width)
    bricks: list[list[Points]] = [[], [], [], []]
    for row in range(13):
        for column in range(8):
            x, y = (column - 1 + (row % 2) / 2) * width - shift, row * height - 0.02
            corners = points((x, y), (x + width - gap, y), (x + width - gap, y + height - gap), (x, y + height - gap))
            bricks[rng.integers(4)].append(corners)
    for same, light in zip(bricks, (0.78, 0.94, 1.06, 1.22), strict=True):
        canvas.fill([shifted(brick, down=0.6 * gap) for brick in same], mortar * 0.6)
        canvas.fill(same, vary(rng, clay, 7) * np.float32(light))
    canvas.shade(0.80 + 0.40 * noise(rng, canvas.size, 4, 5))


def dusk_skyline(canvas: Canvas, rng: Rng) -> None:
    """The last light behind a town whose windows are lit."""
    night, glow = vary(rng, (52, 44, 92), 10), vary(rng, (246, 148, 84), 12)
    rose = vary(rng, (186, 92, 112), 10)
    canvas.gradient(night, rose, 0.0, 0.38)
    canvas.gradient(rose, glow, 0.38, 0.75)
    canvas.gradient(glow, glow, 0.75, 1.0)
    x, y = rng.uniform(0.15, 0.85), rng.uniform(0.48, 0.66)
    canvas.fill(ellipse(x, y, 0.16, 0.16), (255, 214, 150), opacity=0.5, soft=0.07)
    canvas.fill(ellipse(x, y, 0.06, 0.06), (255, 236, 190), soft=0.004)
    streaks = noise(rng, canvas.size, (10, 1), 4)
    canvas.shade(0.82 + 0.36 * streaks)
    for base, share, spread in ((0.62, 0.45, 0.05), (0.76, 0.0, 0.07)):
        left = np.cumsum(rng.uniform(0.06, 0.15, 12)) - 0.2
        tops = base + rng.normal(0, spread, 12)
        houses = [
            points((a, top), (b, top), (b, 1.1), (a, 1.1))
            for a, b, top in zip(left, np.append(left[1:], 1.2), tops, strict=True)
        ]
        canvas.fill(houses, mix(night * 0.45, rose, share))
    places = np.stack([rng.uniform(0, 1, 46), rng.uniform(0.78, 1.0, 46)], axis=1)
    panes = [
        points((0, 0), (0.013, 0), (0.013, 0.018), (0, 0.018)) + place for place in np.round(places / 0.026) * 0.026
    ]
    canvas.fill(panes, (255, 210, 120), opacity=0.85)


def flower_bed(canvas: Canvas, rng: Rng) -> None:
    """Large blossoms over dark leaves, soft behind and sharp in front."""
    leaf = vary(rng, (58, 96, 54), 10)
    canvas.gradient(leaf * 1.15, leaf * 0.75)
    canvas.shade(0.62 + 0.76 * noise(rng, canvas.size, 6, 4))
    hues = [vary(rng, hue, 16) for hue in ((226, 74, 118), (244, 196, 62), (158, 96, 206), (244, 240, 236))]
    for radius, count, soft in ((0.030, 26, 0.006), (0.048, 16, 0.0), (0.072, 9, 0.0)):
        leaves = [
            ellipse(x, y, radius * 1.5, radius * 0.5, turn, 10)
            for x, y, turn in rng.uniform(0, (1, 1, np.pi), (count, 3))
        ]
        canvas.fill(leaves, leaf * np.float32(rng.uniform(0.8, 1.4)), soft=soft)
        for hue in hues:
            places = rng.uniform(0, (1, 1, np.pi), (count // 4, 3))
            canvas.fill([_blossom(x, y, radius, turn) for x, y, turn in places], hue, soft=soft)
            canvas.fill([_blossom(x, y, radius * 0.62, turn) for x, y, turn in places], hue * 0.82, 0.6, soft)
            hearts = [ellipse(x, y, radius * 0.26, radius * 0.26, corners=10) for x, y, _ in places]
            canvas.fill(hearts, (236, 188, 66), soft=soft)


def _blossom(x: float, y: float, radius: float, turn: float) -> Points:
    """Five rounded petals."""
    angle = turn + np.linspace(0, 2 * np.pi, 30, endpoint=False)
    reach = radius * (0.78 + 0.22 * np.cos(5 * (angle - turn)))
    return np.stack([x + reach * np.cos(angle), y + reach * np.sin(angle)], axis=1)


def paper(canvas: Canvas, rng: Rng) -> None:
    """A sheet of grainy paper, more or less white."""
    canvas.gradient(_BLACK + np.float32(rng.uniform(200, 250)), _BLACK + np.float32(rng.uniform(200, 250)))
    canvas.shade(0.96 + 0.08 * noise(rng, canvas.size, 10, 3))


PAINTERS: dict[str, Callable[[Canvas, Rng], None]] = {
    painter.__name__: painter
    for painter in (lake, forest, meadow, snowfield, desert, brick_wall, dusk_skyline, flower_bed, paper)
}
"""Habitat painters by name; each fills the whole canvas."""
