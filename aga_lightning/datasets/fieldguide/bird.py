"""Paint a bird: the shapes of `anatomy` in the colours and marks of a species."""

from collections.abc import Sequence

import numpy as np

from aga_lightning.datasets.fieldguide import anatomy
from aga_lightning.datasets.fieldguide.canvas import (
    Canvas,
    Colour,
    Field,
    Points,
    Rng,
    ellipse,
    mix,
    noise,
    points,
    ribbon,
    shifted,
    vary,
)
from aga_lightning.datasets.fieldguide.pose import Pose
from aga_lightning.datasets.fieldguide.species import Rgb, Species

_LUMA = np.array([0.30, 0.59, 0.11], np.float32)
_PENCIL = np.array([52, 50, 50], np.float32)
_WHITE: Rgb = (247, 245, 238)
_HORN: Rgb = (72, 62, 54)
_ORANGE: Rgb = (224, 124, 44)
_LEG: Rgb = (92, 70, 56)
_DULL_SHARE = 0.35
_MARKS = {"plain": [], "streaked": anatomy.STREAKS, "spotted": anatomy.SPOTS, "banded": [anatomy.COLLAR]}


class Medium:
    """The medium of a picture: paint, or a pencil and grey washes.

    Args:
        rng: The source of the differences between individuals.
        sketch: A pencil instead of paint.
    """

    def __init__(self, rng: Rng, sketch: bool = False) -> None:
        self.rng, self.sketch = rng, sketch
        self._saturation, self._black, self._white = 1.0, 0.0, 255.0
        if sketch:
            self._saturation, self._black, self._white = 0.0, rng.uniform(30, 66), rng.uniform(222, 250)
        elif rng.random() < _DULL_SHARE:
            # Juveniles and dull days: colour is only sometimes a clue, so that the shape of the marks must be learnt.
            self._saturation = rng.uniform(0.1, 0.7)

    def tone(self, colour: Rgb) -> Colour:
        """A colour as this medium shows it."""
        plain = np.asarray(colour, np.float32)
        grey = float(plain @ _LUMA)
        dulled = grey + np.float32(self._saturation) * (plain - grey)
        if self.sketch:
            return np.asarray(self._black + dulled / 255 * (self._white - self._black), np.float32)
        return vary(self.rng, dulled, 4 + 6 * grey / 255)


class BirdPainter:
    """Paints one bird onto a canvas.

    Args:
        canvas: Holds the background already; its coverage becomes the mask of the bird.
        species: The species, which decides the marks.
        pose: The pose of the bird.
        medium: Paint or pencil.
    """

    def __init__(self, canvas: Canvas, species: Species, pose: Pose, medium: Medium) -> None:
        self.canvas, self.species, self.pose, self.medium = canvas, species, pose, medium
        self.upper = medium.tone(species.upperparts)
        self.under = medium.tone(species.underparts)
        self.crown = medium.tone(species.crown)
        self.pale = medium.tone(_WHITE)
        self.dark = self.upper * 0.52

    def paint(self) -> None:
        """Paint the bird from the far parts to the near ones."""
        self.canvas.painting_subject = True
        self._legs()
        self._tail()
        if self.species.crest:
            self._part(anatomy.CREST, self.crown)
        self._beak()
        self._body()
        self._wing()
        self._eye()
        if not self.medium.sketch:
            self._model_in_light()
        self.canvas.painting_subject = False

    def _part(self, shape: Points, colour: Colour) -> None:
        """A part of one colour, with its outline if it is a sketch."""
        (outline,) = self.pose.place(shape)
        self.canvas.fill(outline, colour)
        self._contour(outline)

    def _contour(self, outline: Points) -> None:
        if self.medium.sketch:
            closed = np.concatenate([outline, outline[:2]])
            self.canvas.fill(ribbon(closed, 0.038 * self.pose.unit), _PENCIL, opacity=0.9)

    def _detail(self, shapes: Sequence[Points], colour: Colour, within: Field, opacity: float = 1.0) -> None:
        """Markings of one colour on a part that is painted already."""
        if shapes:
            self.canvas.fill(self.pose.place(*shapes), colour, opacity=opacity, within=within)

    def _legs(self) -> None:
        colour = _PENCIL if self.medium.sketch else self.medium.tone(_LEG)
        unit = self.pose.unit
        forward = np.array([self.pose.ahead * unit, unit])
        (hips,) = self.pose.place(anatomy.HIPS)
        for hip, foot, light in zip(hips, self.pose.feet(), (0.75, 1.0), strict=True):
            knee = (hip + foot) / 2 + anatomy.KNEE * forward
            leg = ribbon(np.stack([hip, knee, foot]), 0.085 * unit, 0.06 * unit)
            self.canvas.fill([leg, *(toe * forward + foot for toe in anatomy.TOES)], colour * np.float32(light))

    def _tail(self) -> None:
        feathers = anatomy.TAILS[self.species.tail]
        for feather, light in zip(feathers, np.linspace(0.56, 0.74, len(feathers)), strict=True):
            self._part(feather, self.upper * np.float32(light))

    def _beak(self) -> None:
        colour = self.medium.tone(_ORANGE if self.species.beak == "dagger" else _HORN)
        self._part(anatomy.BEAKS[self.species.beak], colour)
        self.canvas.fill(self.pose.place(anatomy.GAPE), colour * 0.5)

    def _body(self) -> None:
        (outline,) = self.pose.place(anatomy.BODY)
        body = self.canvas.mask(outline)
        self.canvas.fill(outline, self.upper)
        self.canvas.fill(self.pose.place(anatomy.UNDERPARTS), self.under, soft=0.05 * self.pose.unit, within=body)
        self._detail(_MARKS[self.species.breast], mix(self.under, self.dark, 0.85) * 0.62, body)
        self._detail([anatomy.CAP], self.crown, body)
        self._detail([anatomy.LORES], self.dark, body, opacity=0.45)
        self._contour(outline)

    def _wing(self) -> None:
        (outline,) = self.pose.place(anatomy.WING)
        wing = self.canvas.mask(outline)
        # Its shadow on the flank lifts the wing off the body.
        unit = self.pose.unit
        shadow = shifted(outline, down=0.06 * unit)
        self.canvas.fill(shadow, self.dark, opacity=0.4, soft=0.03 * unit, within=self.canvas.subject)
        self.canvas.fill(outline, self.upper * 0.80)
        self._detail([anatomy.FLIGHT_FEATHERS], self.upper * 0.62, wing)
        edge = mix(self.upper, self.pale, 0.28)
        self._detail([*anatomy.VANES, *anatomy.COVERTS], edge, wing, opacity=0.6)
        self._detail(anatomy.WING_BARS[: self.species.wing_bars], self.pale, wing)
        self._contour(outline)

    def _eye(self) -> None:
        unit = self.pose.unit
        ((x, y),) = self.pose.place(points(anatomy.EYE))[0]
        self.canvas.fill(ellipse(x, y, 0.09 * unit, 0.09 * unit), mix(self.upper, self.pale, 0.55), opacity=0.7)
        self.canvas.fill(ellipse(x, y, 0.07 * unit, 0.07 * unit), (14, 12, 12))
        self.canvas.fill(ellipse(x + 0.022 * unit, y - 0.026 * unit, 0.022 * unit, 0.022 * unit), (250, 250, 250))

    def _model_in_light(self) -> None:
        """Light from above and the texture of feathers, on the bird alone."""
        canvas, rng = self.canvas, self.medium.rng
        height = np.clip((self.pose.y - canvas.y) / self.pose.unit, -1.2, 1.2)
        light = 1 + np.float32(rng.uniform(0.10, 0.26)) * height
        feathers = 0.84 + 0.32 * noise(rng, canvas.size, 12, 3)
        canvas.shade(1 + (light * feathers - 1) * canvas.subject)
