"""Weather and camera: fog, rain, falling snow, petals and leaves; focus, exposure, grain."""

import cv2
import numpy as np

from aga_lightning.augment.painters.canvas import Bytes, Canvas, blend, eight_bit, strokes, to_bytes
from aga_lightning.augment.painters.light import rgb
from aga_lightning.augment.painters.noise import texture


def weather(canvas: Canvas) -> None:
    """Fog, rain, falling snow, drifting petals or leaves."""
    light, rng, unit = canvas.light, canvas.rng, canvas.unit
    if light.haze > 0.9:
        bank = texture(rng, canvas.pixels.shape[:2], "cloud", 1.6 * unit, stretch=2)
        y = np.linspace(1, 0.25, canvas.height, dtype=np.float32)[:, None]
        blend(canvas.pixels, light.horizon, np.clip((0.25 + 0.75 * bank) * y * rng.uniform(0.7, 1.1), 0, 0.92))
    if light.rain > 0:
        count = int(light.rain * rng.uniform(60, 240) * min(1.2, unit / 300))
        start = rng.uniform(-0.1, 1.1, (count, 2)) * (canvas.width, canvas.height)
        fall = np.array([rng.normal(0, 0.012), rng.uniform(0.035, 0.08)]) * unit * rng.uniform(0.5, 1.3, (count, 1))
        veil = canvas.pixels.mean(axis=(0, 1)) * np.float32(0.45) + rgb(light.horizon) * np.float32(0.6)
        sharp = canvas.pixels.copy()
        strokes(canvas, np.stack([start, start + fall], axis=1), veil[None].astype(np.float32), max(1, int(unit / 380)))
        canvas.pixels[...] = 0.45 * sharp + 0.55 * canvas.pixels
        blend(canvas.pixels, light.horizon, 0.12 * light.rain)
    if light.snow > 0 and rng.random() < 0.75:
        _drift(canvas, (0.95, 0.96, 0.98), int(rng.uniform(30, 160)), 0.010)
    if light.specks and rng.random() < 0.6:
        _drift(canvas, light.specks, int(rng.uniform(6, 40)), 0.012)


def _drift(canvas: Canvas, colour: tuple[float, float, float], count: int, size: float) -> None:
    """Soft flakes of several sizes in the air."""
    rng = canvas.rng
    seen = np.clip(canvas.light.shade(colour, 0.6) * 255, 0, 255)
    with eight_bit(canvas) as picture:
        for x, y, scale in rng.random((int(count * min(1.0, canvas.unit / 224)) + 4, 3)):
            centre = (int(16 * x * canvas.width), int(16 * y * canvas.height))
            axes = np.maximum(16 * size * canvas.unit * (0.25 + scale**3) * rng.uniform(0.4, 1.0, 2), 8).astype(int)
            shade = tuple(float(value) for value in seen * rng.uniform(0.85, 1.0))
            cv2.ellipse(picture, centre, (int(axes[0]), int(axes[1])), 360 * scale, 0, 360, shade, -1, cv2.LINE_AA, 4)


def develop(canvas: Canvas, blur: float) -> Bytes:
    """Apply the camera's effects: focus, exposure, white balance, vignette and grain.

    Args:
        canvas: The finished scene.
        blur: Strength of the defocus; 0 leaves all sharp.

    Returns:
        The 8-bit picture.
    """
    rng = canvas.rng
    pixels = canvas.pixels
    # A lens focused on the subject leaves its background soft, more often a little than much.
    sigma = blur * canvas.unit * 0.011 * rng.beta(0.7, 2.4)
    if sigma > 0.3:
        pixels = cv2.GaussianBlur(pixels, (0, 0), sigma)
    exposure = np.exp(rng.normal(0.06, 0.10))
    saturation = rng.uniform(0.80, 1.15)
    mixing = saturation * np.eye(3) + (1 - saturation) / 3
    pixels = cv2.transform(pixels, exposure * np.exp(rng.normal(0, 0.035, (3, 1))) * mixing)
    x = np.linspace(-1, 1, canvas.width, dtype=np.float32)[None] ** 2
    y = np.linspace(-1, 1, canvas.height, dtype=np.float32)[:, None] ** 2
    pixels = pixels * (1 - np.float32(rng.uniform(0, 0.16)) * (x + y))[..., None]
    # A shoulder, so that bright parts saturate gently, as on film.
    over = np.maximum(pixels - np.float32(0.8), 0)
    pixels = pixels - over * over / (over + np.float32(0.25))
    grain = texture(rng, pixels.shape[:2], "grain", 512, angle=rng.uniform(0, 6)) - np.float32(0.5)
    return to_bytes(pixels + grain[..., None] * np.float32(rng.uniform(0, 0.07)))
