"""The pose of a bird in the picture."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from aga_lightning.datasets.fieldguide.anatomy import HIPS, NECK
from aga_lightning.datasets.fieldguide.canvas import Points, Rng


@dataclass(frozen=True, slots=True)
class Pose:
    """The map from the bird's own frame to the picture.

    Args:
        x: Middle of the body, in 0..1 from the left.
        y: Middle of the body, in 0..1 from the top.
        unit: Half the length of the body, as a share of the frame.
        tilt: Turn of the whole bird in radians; below zero the head is up.
        nod: Turn of the head against the body in radians.
        plumpness: Stretch of the lower half of the body.
        left: Whether the bird looks to the left.
    """

    x: float
    y: float
    unit: float
    tilt: float
    nod: float
    plumpness: float
    left: bool

    @classmethod
    def draw(cls, rng: Rng) -> Self:
        """A random pose; the body is 0.40 to 0.60 of the frame long."""
        unit = rng.uniform(0.40, 0.60) / 2
        left = bool(rng.random() < 0.5)
        # The tail is longer than the beak, so the body stands a little forward.
        ahead = 0.15 * unit * (-1 if left else 1)
        return cls(
            x=rng.uniform(0.41, 0.59) + ahead,
            y=rng.uniform(0.43, 0.59),
            unit=unit,
            tilt=float(np.deg2rad(np.clip(rng.normal(-12, 13), -45, 22))),
            nod=float(np.deg2rad(np.clip(rng.normal(4, 10), -18, 24))),
            plumpness=rng.uniform(0.92, 1.12),
            left=left,
        )

    @property
    def ahead(self) -> int:
        """1 where the bird looks to the right, -1 to the left."""
        return -1 if self.left else 1

    def place(self, *shapes: Points) -> list[Points]:
        """Outlines of the bird's frame, mapped to the picture."""
        knots = np.concatenate(shapes) - NECK
        bend = self.nod * np.clip((knots @ [0.6, -0.8] + 0.05) / 0.3, 0, 1)
        knots = _turn(knots, bend) + NECK
        knots[:, 1] *= np.where(knots[:, 1] > 0, self.plumpness, 1.0)
        knots = _turn(knots, self.tilt) * [self.ahead * self.unit, self.unit] + [self.x, self.y]
        return np.split(knots, np.cumsum([len(shape) for shape in shapes[:-1]]))

    def feet(self) -> Points:
        """(2, 2) positions of the far and the near foot in the picture."""
        hips = self.place(HIPS)[0]
        return np.stack([hips[:, 0], np.full(2, hips[:, 1].mean() + 0.40 * self.unit)], axis=1)


def _turn(shape: Points, angle: float | Points) -> Points:
    """Turn points around the origin, all by one angle or each by its own."""
    x, y, cos, sin = shape[:, 0], shape[:, 1], np.cos(angle), np.sin(angle)
    return np.stack([x * cos - y * sin, x * sin + y * cos], axis=1)
