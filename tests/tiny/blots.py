"""Pictures that differ from each other as much as photos do."""

import cv2
import numpy as np
from PIL import Image


def blots(seed, size=(96, 72)):
    """Large and small soft blots of colour, (width, height) pixels."""
    rng = np.random.default_rng(seed)
    picture = np.full((size[1], size[0], 3), 120.0)
    for cells in (3, 6, 12):
        picture += cv2.resize(rng.normal(0, 40, (cells, cells, 3)), size, interpolation=cv2.INTER_CUBIC)
    return Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))
