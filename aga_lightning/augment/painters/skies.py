"""Skies: gradient, sun or moon, clouds, stars."""

import cv2
import numpy as np

from aga_lightning.augment.painters.canvas import Canvas, blend
from aga_lightning.augment.painters.light import Colour, rgb
from aga_lightning.augment.painters.noise import plane_texture, relief, texture


def sky(canvas: Canvas) -> None:
    """Paint the sky down to a little below the horizon, where hills may stand in front of it."""
    rows = min(canvas.height, canvas.horizon + 2)
    light = canvas.light
    up = np.linspace(1, 0, rows, dtype=np.float32)[:, None] * min(1.0, 1.3 * rows / canvas.height)
    gradient = rgb(light.horizon) + (rgb(light.zenith) - rgb(light.horizon)) * (up**0.65)
    canvas.pixels[:rows] = gradient[:, None]
    _stars(canvas, rows)
    _disc(canvas, rows)
    _clouds(canvas, rows)


def _stars(canvas: Canvas, rows: int) -> None:
    rng, light = canvas.rng, canvas.light
    count = int(light.stars * rng.uniform(120, 320) * min(1.0, canvas.unit / 224) * rows / canvas.height)
    y, x = rng.integers(0, rows, count), rng.integers(0, canvas.width, count)
    brightness = rng.pareto(2.5, count).astype(np.float32).clip(0.05, 1)
    tint = rng.uniform(0.8, 1.0, (count, 3)).astype(np.float32)
    canvas.pixels[y, x] += brightness[:, None] * tint * np.float32(0.8)
    if light.stars > 0.5 and rng.random() < 0.6:
        band = texture(rng, (rows, canvas.width), "cloud", 1.5 * canvas.unit, stretch=3, angle=rng.uniform(-1, 1))
        canvas.pixels[:rows] += np.clip(band - 0.5, 0, 1)[..., None] * rgb((0.20, 0.20, 0.26))


def _disc(canvas: Canvas, rows: int) -> None:
    """The sun or the moon, and the glow about it."""
    light, rng = canvas.light, canvas.rng
    if light.elevation is None:
        return
    x = canvas.width * (0.5 + 0.5 * canvas.sun_side * rng.uniform(0.3, 1.1))
    y = rows - canvas.height * light.elevation * rng.uniform(0.4, 1.5)
    columns = np.arange(canvas.width, dtype=np.float32)[None] - np.float32(x)
    lines = np.arange(rows, dtype=np.float32)[:, None] - np.float32(y)
    distance = np.sqrt(columns**2 + lines**2) / canvas.unit
    is_moon = light.stars > 0
    colour: Colour = (0.93, 0.94, 0.90) if is_moon else (1.0, 0.94, 0.78)
    glow = light.glow * (0.55 * np.exp(-distance * 3.5) + 0.45 * np.exp(-distance * 14))
    blend(canvas.pixels[:rows], colour if is_moon else (1.0, 0.80, 0.52), glow)
    radius = rng.uniform(0.022, 0.045)
    blend(canvas.pixels[:rows], colour, np.clip((radius - distance) * canvas.unit + 0.5, 0, 1))


def _clouds(canvas: Canvas, rows: int) -> None:
    """Clouds on a level ceiling, or an uneven veil straight on; lit from the sun's side, dark below."""
    light, rng = canvas.light, canvas.rng
    cover = np.clip(light.clouds * rng.uniform(0.5, 1.4), 0, 1.1)
    if cover < 0.08 or rows < 6:
        return
    shape, scale = (rows, canvas.width), canvas.unit * rng.uniform(0.9, 2.2)
    if rng.random() < 0.6:
        heap = plane_texture(rng, shape, "cloud", scale * 1.6, stretch=1.4, depth=rng.uniform(1.2, 2.5))[::-1]
    else:
        heap = texture(rng, shape, "cloud", scale, stretch=rng.uniform(1.2, 3), angle=rng.uniform(-0.2, 0.2))
    detail = texture(rng, shape, "earth", scale * 0.6, stretch=1.5)
    heap = 0.78 * heap + 0.22 * detail
    threshold = 0.78 - 0.62 * cover
    alpha = np.clip((heap - threshold) / 0.24, 0, 1)
    soft = cv2.GaussianBlur(heap, (0, 0), max(0.8, canvas.unit / 60))
    facing = relief(soft, canvas.sun_side, 0.9) - 0.6 * np.clip(heap - threshold - 0.12, 0, 1)
    base = 0.6 * rgb(light.horizon) + 0.4 * rgb(light.zenith)
    lit = np.minimum(rgb(light.horizon) * 0.55 + rgb(light.sun) * 0.62, 1.05)
    pixels = base * np.float32(0.82) + (lit - base * np.float32(0.82)) * np.clip(facing, 0, 1)[..., None]
    blend(canvas.pixels[:rows], pixels, alpha * np.float32(0.92))
