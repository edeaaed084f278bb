"""One colour and nothing else: the control that breaks the link of background and label without painting anything."""

from collections.abc import Sequence

import numpy as np

from aga_lightning.augment.base import BackgroundGenerator, Scene
from aga_lightning.images.pixels import Image


class FlatColour(BackgroundGenerator):
    """Fills the background with one colour, drawn uniformly from all RGB colours by the scene's seed."""

    shows = "one colour"

    def paint(self, scenes: Sequence[Scene]) -> list[Image]:
        """One image of the scene's size for each scene; it depends on that scene alone."""
        return [self._paint(scene) for scene in scenes]

    def _paint(self, scene: Scene) -> Image:
        width, height = scene.size
        colour = np.random.default_rng(scene.seed).integers(0, 256, 3, dtype=np.uint8)
        return np.full((height, width, 3), colour)
