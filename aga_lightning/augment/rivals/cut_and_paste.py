"""Cut and paste at random sizes and places, as Beyond Generation does."""

from dataclasses import replace

import numpy as np

from aga_lightning.augment.compositing import Edge, Merging, Placement


class CutAndPaste(Merging):
    """Merging with the numbers of Beyond Generation (Ge et al. 2023), and sizes that are all equally likely.

    Args:
        flip_probability: As in Merging.
        max_rotation: As in Merging.
        scale: As in Merging; a factor on the size in the painted picture.
        shift: As in Merging; half a frame takes what stands in the middle anywhere.
        edge: As in Merging.
        feather: As in Merging.
        harmonise: As in Merging.
        in_place: As in Merging.
        match_grey: As in Merging.
    """

    def __init__(
        self,
        flip_probability: float = 0.0,
        max_rotation: float = 30.0,
        scale: tuple[float, float] = (0.3, 0.7),
        shift: float = 0.5,
        edge: Edge = "feathered",
        feather: float = 2.0,
        harmonise: float = 0.0,
        in_place: bool = False,
        match_grey: bool = False,
    ) -> None:
        super().__init__(flip_probability, max_rotation, scale, shift, edge, feather, harmonise, in_place, match_grey)

    def draw(self, rng: np.random.Generator) -> Placement:
        """A random placement; the scale is uniform."""
        placement = super().draw(rng)
        return placement if self.in_place else replace(placement, scale=float(rng.uniform(*self.scale)))
