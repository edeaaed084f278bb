"""The thirteen times and seasons: colours of the sky, sun, haze, weather, and colours of plants."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

Colour = tuple[float, float, float]
"""Red, green, blue in 0..1, as displayed."""

Pixels = npt.NDArray[Any]
"""(..., 3) RGB floats, 0..1 where not overexposed."""

SUMMER_LEAVES: tuple[Colour, ...] = ((0.20, 0.31, 0.11), (0.34, 0.45, 0.16), (0.50, 0.57, 0.24))
SPRING_LEAVES: tuple[Colour, ...] = ((0.30, 0.44, 0.12), (0.46, 0.60, 0.18), (0.62, 0.70, 0.28))
AUTUMN_LEAVES: tuple[Colour, ...] = ((0.46, 0.20, 0.08), (0.74, 0.38, 0.10), (0.84, 0.60, 0.16))
WINTER_LEAVES: tuple[Colour, ...] = ((0.26, 0.24, 0.20), (0.38, 0.35, 0.30), (0.50, 0.47, 0.42))
SUMMER_GRASS: tuple[Colour, Colour] = ((0.25, 0.34, 0.12), (0.56, 0.62, 0.28))
SPRING_GRASS: tuple[Colour, Colour] = ((0.22, 0.38, 0.10), (0.50, 0.66, 0.22))
AUTUMN_GRASS: tuple[Colour, Colour] = ((0.34, 0.27, 0.12), (0.68, 0.55, 0.30))
DRY_GRASS: tuple[Colour, Colour] = ((0.36, 0.36, 0.14), (0.70, 0.64, 0.34))
WINTER_GRASS: tuple[Colour, Colour] = ((0.34, 0.31, 0.24), (0.60, 0.56, 0.46))


@cache
def rgb(colour: Colour) -> Pixels:
    """A colour to calculate with."""
    return np.array(colour, np.float32)


@dataclass(frozen=True, slots=True)
class Light:
    """A time of day or a season.

    Args:
        zenith: Sky colour overhead.
        horizon: Sky colour at the horizon; distant things fade to it.
        ambient: Light of the whole sky on a surface.
        sun: Light of the sun or the moon on a surface that faces it.
        elevation: Height of the disc above the horizon, as a part of the picture's height; None: out of the picture.
        glow: Brightness of the sky around the disc.
        clouds: Part of the sky that is covered.
        haze: Speed at which distant things fade, 0..1.
        stars: Amount of stars, 0..1.
        rain: Amount of rain, 0..1.
        snow: Amount of falling and lying snow, 0..1.
        lamps: Whether windows are lit.
        leaves: Dark to light colours of leaves.
        grass: Dark and light colour of grass.
        specks: Colour of petals or fallen leaves; None: there are none.
    """

    zenith: Colour
    horizon: Colour
    ambient: Colour
    sun: Colour
    elevation: float | None = None
    glow: float = 0.0
    clouds: float = 0.35
    haze: float = 0.25
    stars: float = 0.0
    rain: float = 0.0
    snow: float = 0.0
    lamps: bool = False
    leaves: tuple[Colour, ...] = SUMMER_LEAVES
    grass: tuple[Colour, Colour] = SUMMER_GRASS
    specks: Colour | None = None

    def shade(self, albedo: Pixels | Colour, facing: npt.NDArray[np.floating] | float = 0.5) -> Pixels:
        """The colour of a lit surface.

        Args:
            albedo: Colour of the surface in white light; any array whose last axis is RGB.
            facing: Share in which the surface faces the sun, 0..1; the shape of `albedo` without its last axis.

        Returns:
            The colours seen.
        """
        facing = np.asarray(facing, np.float32)[..., None]
        seen: Pixels = np.asarray(albedo, np.float32) * (rgb(self.ambient) + rgb(self.sun) * facing)
        return seen


LIGHTS = {
    "dawn": Light(
        (0.45, 0.56, 0.74), (0.99, 0.80, 0.69), (0.50, 0.47, 0.54), (0.72, 0.50, 0.38),
        elevation=0.06, glow=0.5, clouds=0.3, haze=0.55,
    ),
    "noon": Light((0.20, 0.44, 0.78), (0.70, 0.83, 0.93), (0.52, 0.54, 0.58), (0.80, 0.76, 0.68), haze=0.12),
    "sunset": Light(
        (0.33, 0.34, 0.53), (1.0, 0.62, 0.30), (0.38, 0.31, 0.35), (1.05, 0.56, 0.24),
        elevation=0.09, glow=0.8, clouds=0.5, haze=0.35,
    ),
    "dusk": Light(
        (0.11, 0.14, 0.31), (0.66, 0.42, 0.45), (0.34, 0.31, 0.44), (0.26, 0.16, 0.20),
        clouds=0.4, haze=0.35, stars=0.15, lamps=True,
    ),
    "night": Light(
        (0.02, 0.03, 0.085), (0.10, 0.14, 0.25), (0.20, 0.23, 0.34), (0.12, 0.13, 0.17),
        clouds=0.12, haze=0.3, stars=1.0, lamps=True,
    ),
    "moonlight": Light(
        (0.05, 0.08, 0.17), (0.20, 0.27, 0.40), (0.22, 0.28, 0.40), (0.34, 0.40, 0.50),
        elevation=0.45, glow=0.35, clouds=0.4, haze=0.35, stars=0.25, lamps=True,
    ),
    "fog": Light((0.70, 0.73, 0.76), (0.77, 0.79, 0.80), (0.66, 0.68, 0.70), (0.12, 0.12, 0.12), clouds=0.0, haze=1.0),
    "rain": Light(
        (0.38, 0.42, 0.47), (0.60, 0.64, 0.67), (0.48, 0.51, 0.55), (0.14, 0.14, 0.14),
        clouds=0.8, haze=0.65, rain=1.0,
    ),
    "storm": Light(
        (0.13, 0.15, 0.20), (0.58, 0.57, 0.49), (0.40, 0.42, 0.45), (0.36, 0.34, 0.27),
        clouds=0.95, haze=0.3, rain=0.2,
    ),
    "spring": Light(
        (0.38, 0.60, 0.86), (0.82, 0.90, 0.95), (0.58, 0.60, 0.62), (0.66, 0.63, 0.58),
        clouds=0.45, haze=0.2, leaves=SPRING_LEAVES, grass=SPRING_GRASS, specks=(0.96, 0.80, 0.86),
    ),
    "summer": Light(
        (0.18, 0.46, 0.82), (0.84, 0.88, 0.86), (0.52, 0.50, 0.47), (0.95, 0.84, 0.62),
        clouds=0.2, haze=0.3, grass=DRY_GRASS,
    ),
    "autumn": Light(
        (0.42, 0.54, 0.68), (0.90, 0.85, 0.76), (0.50, 0.47, 0.46), (0.70, 0.58, 0.42),
        clouds=0.5, haze=0.4, leaves=AUTUMN_LEAVES, grass=AUTUMN_GRASS, specks=(0.80, 0.42, 0.12),
    ),
    "winter": Light(
        (0.60, 0.67, 0.76), (0.87, 0.90, 0.94), (0.64, 0.67, 0.73), (0.36, 0.35, 0.34),
        clouds=0.5, haze=0.45, snow=1.0, leaves=WINTER_LEAVES, grass=WINTER_GRASS,
    ),
}  # fmt: skip
"""Light by short name, in the order of `prompts.TEMPORAL`."""
