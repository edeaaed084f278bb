"""Cut and paste at random sizes and places, as Beyond Generation does."""

from dataclasses import dataclass, replace

import numpy as np

from aga_lightning.augment.compositing import Edge, Merging
from aga_lightning.augment.placement import Placement


@dataclass(kw_only=True, eq=False)
class CutAndPaste(Merging):
    """Merging with the numbers of Beyond Generation (Ge et al. 2023), and sizes that are all equally likely.

    Args:
        scale: Smallest and largest factor on the subject's size in the painted picture.
        shift: Largest movement in each direction, as a fraction of the frame; half a frame takes what stands in the
            middle anywhere.
    """

    flip_probability: float = 0.0
    max_rotation: float = 30.0
    scale: tuple[float, float] = (0.3, 0.7)
    shift: float = 0.5
    edge: Edge = "feathered"
    feather: float = 2.0

    def draw(self, rng: np.random.Generator) -> Placement:
        """A random placement; scale and size are uniform."""
        placement = super().draw(rng)
        if self.in_place:
            return placement
        if self.size is not None:
            return replace(placement, size=float(rng.uniform(*self.size)))
        return replace(placement, scale=float(rng.uniform(*self.scale)))
