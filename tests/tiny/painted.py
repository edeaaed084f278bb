"""Painters of coloured discs and tints, and eyes that see colours alone: for methods that paint subjects.

They behave like models, as those of `tiny.costly`; what has no model is said to have none.
"""

import cv2
import numpy as np
from conftest import COLOURS
from tiny.costly import Costly

from aga_lightning.augment.base import BackgroundGenerator, Segmenter, Subject
from aga_lightning.augment.clip import Clip
from aga_lightning.augment.gates.class_free import ClassFreeBackground

DUSK = (85, 85, 145)
"""Of backgrounds that show no class."""


def colour_of(text):
    """The colour of the class that a text names; that of dusk where it names none."""
    return next((colour for name, colour in COLOURS.items() if name in text), DUSK)


class DiscPainter(Costly, BackgroundGenerator):
    """A disc of the class's colour on white, 64 x 64 pixels; larger or smaller by the seed."""

    def canvas(self, size):
        return 64, 64

    def paint(self, scenes):
        self.called("disc", [scene.seed for scene in scenes])
        return [self._disc(scene) for scene in scenes]

    def _disc(self, scene):
        picture = np.full((64, 64, 3), 255, np.uint8)
        return cv2.circle(picture, (32, 32), 12 + scene.seed % 9, colour_of(scene.caption.text), -1)


class PlainDiscs(DiscPainter):
    """The same without a model."""

    needs_accelerator = False


class NotWhite(Segmenter):
    """All that is not white, in no time."""

    def segment(self, samples, detections):
        masks = [sample.image.min(axis=2) < 200 for sample in samples]
        return [Subject(mask, boxes[0], 0.9) for mask, boxes in zip(masks, detections, strict=True)]


class TintPainter(Costly, BackgroundGenerator):
    """Noise of 40 x 40 pixels about one colour: a plum for every second seed, else dusk."""

    def canvas(self, size):
        return 40, 40

    def paint(self, scenes):
        self.called("tint", [scene.seed for scene in scenes])
        return [self._tint(scene) for scene in scenes]

    def _tint(self, scene):
        noise = np.random.default_rng(scene.seed).integers(0, 9, (40, 40, 3))
        return np.uint8(noise + (COLOURS["plum"] if scene.seed % 2 else DUSK))


class PlainTints(TintPainter):
    """The same without a model."""

    needs_accelerator = False


class _Eyes:
    """Sees the mean colour of a picture, and the colour that a text names."""

    def image_features(self, images):
        return self._unit([image.reshape(-1, 3).mean(0) for image in images])

    def text_features(self, texts):
        return self._unit([np.array(colour_of(text), np.float64) for text in texts])


class ColourClip(_Eyes, Costly, Clip):
    """A judge of foregrounds; it notes how many pictures it is shown."""

    def __init__(self, log, batch_size=2):
        Costly.__init__(self, log, batch_size)
        self._known = {}

    def image_features(self, images):
        self.called("look", range(len(images)))
        return super().image_features(images)


class ColourGate(_Eyes, ClassFreeBackground):
    """A judge of backgrounds."""
