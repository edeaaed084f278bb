"""Two real photos of 640 x 427 pixels, a Chinese temple and a flower, which scikit-learn brings along."""

from importlib.resources import files
from pathlib import Path

PHOTOS = sorted(Path(str(files("sklearn.datasets.images"))).glob("*.jpg"))
