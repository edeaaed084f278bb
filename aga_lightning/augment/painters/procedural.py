"""A painter without weights: procedural scenes that follow the caption's setting and time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from aga_lightning.augment.base import BackgroundGenerator, Caption, Scene
from aga_lightning.augment.painters import built, landscapes, waters, woods
from aga_lightning.augment.painters.canvas import Canvas
from aga_lightning.augment.painters.light import LIGHTS
from aga_lightning.augment.painters.weather import develop, weather
from aga_lightning.augment.prompts import mentions
from aga_lightning.images.pixels import Image

SMALLEST = 16
"""Smallest side of a landscape in pixels; smaller pictures are painted larger and shrunk."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A place that can be painted.

    Args:
        paint: Paints the place on an empty canvas.
        horizon: Range of the horizon, as a part of the picture's height from its top.
    """

    paint: Callable[[Canvas], None]
    horizon: tuple[float, float] = (0.25, 0.62)


SETTINGS: dict[str, Setting] = {
    "meadow": Setting(landscapes.meadow, (0.15, 0.6)),
    "lakeshore": Setting(waters.lakeshore, (0.25, 0.55)),
    "coast": Setting(waters.coast, (0.2, 0.5)),
    "beach": Setting(waters.beach, (0.2, 0.5)),
    "pine forest": Setting(woods.pine_forest, (0.5, 0.85)),
    "woodland": Setting(woods.woodland, (0.5, 0.85)),
    "mountains": Setting(landscapes.mountains, (0.5, 0.8)),
    "dunes": Setting(landscapes.dunes, (0.2, 0.5)),
    "moor": Setting(landscapes.moor, (0.2, 0.55)),
    "riverbank": Setting(waters.riverbank, (0.25, 0.5)),
    "marsh": Setting(waters.marsh, (0.2, 0.5)),
    "wheat": Setting(landscapes.wheat, (0.2, 0.6)),
    "garden": Setting(built.garden, (0.15, 0.45)),
    "brick wall": Setting(built.brick_wall),
    "skyline": Setting(built.skyline, (0.5, 0.8)),
    "jungle": Setting(woods.jungle),
    "wooden fence": Setting(built.wooden_fence),
    "canyon": Setting(landscapes.canyon, (0.4, 0.75)),
}
"""Settings by short name, in the order of `prompts.SPATIAL`."""

PLACE_WORDS: dict[str, tuple[str, ...]] = {
    "brick wall": ("brick", "brickwork", "wall", "masonry"),
    "wooden fence": ("fence", "plank", "board", "palisade", "barn"),
    "garden": ("garden", "flower bed", "flowerbed", "park", "rose", "tulip", "blossom"),
    "skyline": ("skyline", "city", "town", "rooftop", "street", "urban", "building"),
    "dunes": ("dune", "desert", "sahara"),
    "canyon": ("canyon", "mesa", "gorge", "badlands", "red rock"),
    "moor": ("moor", "moorland", "heather", "heath", "tundra"),
    "marsh": ("marsh", "swamp", "bog", "wetland", "fen", "pond"),
    "lakeshore": ("lakeshore", "lake", "lakeside", "reed", "reed-fringed", "lagoon"),
    "riverbank": ("riverbank", "river", "stream", "brook", "creek", "waterfall"),
    "beach": ("beach", "sandy", "seashore"),
    "coast": ("coast", "coastal", "coastline", "cliff", "sea", "ocean", "wave"),
    "jungle": ("jungle", "tropical", "rainforest", "palm"),
    "pine forest": ("pine", "conifer", "spruce", "fir", "forest", "taiga"),
    "woodland": ("woodland", "wood", "broadleaf", "oak", "beech", "foliage", "grove", "tree"),
    "mountains": ("mountain", "mountainous", "peak", "alpine", "summit", "hill", "valley"),
    "wheat": ("wheat", "corn", "barley", "rural", "farm", "farmland", "field", "harvest"),
    "meadow": ("meadow", "grass", "grassland", "grassy", "pasture", "prairie", "savanna"),
}
"""Words for each setting in a caption; the first setting that is mentioned is painted."""

TIME_WORDS: dict[str, tuple[str, ...]] = {
    "moonlight": ("moon", "moonlight", "moonlit"),
    "night": ("night", "starry", "star", "midnight"),
    "dusk": ("dusk", "twilight", "blue hour", "evening"),
    "sunset": ("sunset", "golden hour", "sundown"),
    "dawn": ("dawn", "sunrise", "daybreak", "early morning"),
    "storm": ("storm", "thunderstorm", "thunder", "stormy", "lightning"),
    "fog": ("fog", "foggy", "mist", "misty", "haze"),
    "rain": ("rain", "rainy", "drizzle", "monsoon", "downpour"),
    "winter": ("winter", "snow", "snowy", "frost", "ice", "icy"),
    "autumn": ("autumn", "autumnal", "fall foliage"),
    "spring": ("spring", "springtime"),
    "summer": ("summer", "tropical"),
    "noon": ("noon", "midday", "sunny", "clear sky", "daylight", "sun"),
}
"""Words for each light in a caption; the first light that is mentioned is painted."""


def recognise(texts: Sequence[str], words: Mapping[str, Sequence[str]]) -> str | None:
    """The first entry of a table of words that is mentioned in a text; earlier texts go first.

    Args:
        texts: The texts, the most binding first.
        words: The words for each entry.

    Returns:
        The entry, None if no text mentions any.
    """
    return next((name for text in texts for name, known in words.items() if mentions(text, known)), None)


def place_and_time(caption: Caption, rng: np.random.Generator) -> tuple[str, str]:
    """The setting and the light that fit a caption best.

    Args:
        caption: The caption; its prompt is searched first, then its text.
        rng: Chooses a setting or light that neither names.

    Returns:
        A key of `SETTINGS` and one of `LIGHTS`.
    """
    prompt = caption.prompt
    chosen = str(rng.choice(list(SETTINGS))), str(rng.choice(list(LIGHTS)))
    place = recognise((prompt.spatial, prompt.temporal, caption.text), PLACE_WORDS)
    time = recognise((prompt.temporal, prompt.spatial, caption.text), TIME_WORDS)
    return place or chosen[0], time or chosen[1]


@dataclass(kw_only=True, eq=False)
class ProceduralScenes(BackgroundGenerator):
    """Paints the caption's setting in the light of its time or season, in milliseconds on one core.

    Args:
        blur: Strength of the defocus behind the subject; 0 leaves all sharp.
        supersample: Factor by which to paint larger before shrinking: smoother small details, but slower.

    Raises:
        ValueError: If a setting is out of range.
    """

    blur: float = 1.0
    supersample: int = 1

    def __post_init__(self) -> None:
        if self.blur < 0 or self.supersample < 1:
            raise ValueError("`blur` must not be negative and `supersample` must be at least 1.")

    def paint(self, scenes: Sequence[Scene]) -> list[Image]:
        """One image of the scene's size for each scene; it depends on that scene alone."""
        return [self._paint(scene) for scene in scenes]

    def _paint(self, scene: Scene) -> Image:
        rng = np.random.default_rng(scene.seed)
        place, time = place_and_time(scene.caption, rng)
        setting = SETTINGS[place]
        width, height = (max(SMALLEST, side * self.supersample) for side in scene.size)
        canvas = Canvas(
            rng=rng,
            light=LIGHTS[time],
            pixels=np.zeros((height, width, 3), np.float32),
            horizon=int(np.clip(rng.uniform(*setting.horizon) * height, 2, height - 2)),
            zoom=float(np.exp(rng.normal(0.1, 0.3))),
            sun_side=float(rng.choice([-1, 1]) * rng.uniform(0.35, 1.0)),
        )
        setting.paint(canvas)
        weather(canvas)
        image = develop(canvas, self.blur)
        if (width, height) != scene.size:
            image = cv2.resize(image, scene.size, interpolation=cv2.INTER_AREA).astype(np.uint8)
        return image
