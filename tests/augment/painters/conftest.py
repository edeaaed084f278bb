import numpy as np
import pytest

from aga_lightning.augment.painters.canvas import Canvas
from aga_lightning.augment.painters.light import LIGHTS


@pytest.fixture
def make_canvas():
    """A factory of plain canvases."""

    def make(light="noon", seed=0, horizon=40, value=0.5):
        pixels = np.full((96, 128, 3), value, np.float32)
        return Canvas(np.random.default_rng(seed), LIGHTS[light], pixels, horizon, zoom=1.0, sun_side=0.8)

    return make
