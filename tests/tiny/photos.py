"""Two real photos of 640 x 427 pixels, a Chinese temple and a flower, which scikit-learn brings along."""

from importlib.resources import files
from pathlib import Path

import numpy as np
from PIL import Image

PHOTOS = sorted(Path(str(files("sklearn.datasets.images"))).glob("*.jpg"))


def photo(name):
    """Pixels (427, 640, 3) of the photo "china" or "flower"."""
    return np.array(Image.open(next(path for path in PHOTOS if path.stem == name)))


def flower_mask():
    """Where the flower is (427, 640): the rest of its photo, but for a bud at the lower border, is not as red."""
    mask = photo("flower")[..., 0] > 120
    mask[362:] = mask[:, :160] = False
    mask[:, 450:] = False
    return mask


def crops(count, size):
    """The first of 16 square cut-outs of the photos, (count, size, size, 3)."""
    corners = [(left, top) for top in (20, 240) for left in (0, 160, 320, 480)]
    squares = [Image.open(path).crop((left, top, left + 160, top + 160)) for left, top in corners for path in PHOTOS]
    return np.stack([np.asarray(square.resize((size, size))) for square in squares[:count]])
