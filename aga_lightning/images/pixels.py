"""The types of images and masks in this package."""

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
"""(height, width, 3) RGB in 0..255."""

Mask = npt.NDArray[np.bool_]
"""(height, width); True where the subject is."""

Alpha = npt.NDArray[np.uint8]
"""(height, width); how much of a pixel is the subject's, 0 (nothing) to 255 (all of it)."""
