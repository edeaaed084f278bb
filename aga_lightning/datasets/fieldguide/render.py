"""Draw one picture: habitat, perch, bird, twigs in front of it, light, and the noise of a camera."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from aga_lightning.datasets.fieldguide.bird import BirdPainter, Medium
from aga_lightning.datasets.fieldguide.canvas import Canvas, Rng, points, ribbon, vary
from aga_lightning.datasets.fieldguide.habitats import PAINTERS
from aga_lightning.datasets.fieldguide.perches import PERCHES
from aga_lightning.datasets.fieldguide.pose import Pose
from aga_lightning.datasets.fieldguide.species import Species
from aga_lightning.images.boxes import bounding_box
from aga_lightning.images.records import Box

PAPER = "paper"
"""The habitat of a sketch."""

DRAWING = 1
"""Version of the drawings; raise it when a seed starts to give another picture, so that no cache serves old ones."""

_SUPERSAMPLING = 2


@dataclass(frozen=True, eq=False, slots=True)
class Picture:
    """A finished picture.

    Args:
        image: (size, size, 3) RGB in 0..255.
        mask: (size, size); True where the bird is visible.
    """

    image: npt.NDArray[np.uint8]
    mask: npt.NDArray[np.bool_]

    @property
    def box(self) -> Box:
        """The smallest box that holds the mask."""
        box = bounding_box(self.mask)
        assert box is not None  # a bird is never hidden
        return box


def render(species: Species, habitat: str, size: int, rng: Rng) -> Picture:
    """Draw a bird in a habitat; on paper it becomes a pencil sketch.

    Args:
        species: The species of the bird.
        habitat: A name in `species.HABITATS` or `species.NEW_HABITATS`, or "paper".
        size: Width and height in pixels; the same generator gives the same picture at any size.
        rng: The source of all randomness.
    """
    sketch = habitat == PAPER
    canvas = Canvas(size * _SUPERSAMPLING)
    PAINTERS[habitat](canvas, rng)
    if not sketch and rng.random() < 0.6:
        canvas.blur(rng.uniform(0.002, 0.011))
    pose = Pose.draw(rng)
    perches = PERCHES[habitat]
    perches[rng.integers(len(perches))](canvas, rng, pose.feet())
    if sketch:
        _drain(canvas)
    BirdPainter(canvas, species, pose, Medium(rng, sketch)).paint()
    if not sketch:
        if rng.random() < 0.45:
            _twigs(canvas, rng)
        _light(canvas, rng)
    image = cv2.resize(canvas.pixels, (size, size), interpolation=cv2.INTER_AREA)
    mask = cv2.resize(canvas.coverage, (size, size), interpolation=cv2.INTER_AREA) > 127
    grain = rng.normal(0, rng.uniform(1, 3 if sketch else 8), image.shape)
    return Picture(np.clip(image + grain, 0, 255).astype(np.uint8), mask)


def _drain(canvas: Canvas) -> None:
    """Remove the colour of a painted background, and most of its contrast."""
    grey = cv2.cvtColor(canvas.pixels, cv2.COLOR_RGB2GRAY)
    canvas.pixels[...] = (66 + 0.7 * grey)[..., None]


def _twigs(canvas: Canvas, rng: Rng) -> None:
    """Thin twigs between the bird and the camera."""
    count = rng.integers(1, 4)
    middle, angle = rng.random((count, 2)), rng.uniform(0, np.pi, count)
    reach = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    twigs = [
        ribbon(points(tuple(m - r), tuple(m + r)), rng.uniform(0.008, 0.02))
        for m, r in zip(middle, reach, strict=True)
    ]  # fmt: skip
    canvas.fill(twigs, vary(rng, (82, 70, 50), 18))


def _light(canvas: Canvas, rng: Rng) -> None:
    """Apply the light of an hour and a weather, from one side."""
    cast = rng.uniform(0.70, 1.20) * np.array([1 + rng.normal(0, 0.05), 1, 1 + rng.normal(0, 0.06)], np.float32)
    side = 1 + np.float32(rng.normal(0, 0.2)) * (canvas.x - 0.5)
    canvas.shade(side[..., None] * cast)
