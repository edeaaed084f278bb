from pathlib import Path

import numpy as np
import pytest

from aga_lightning.augment.base import ImageRecord
from aga_lightning.images.samples import Sample


@pytest.fixture(scope="session")
def photo():
    """Makes a sample of noise of some size."""

    def make(height=60, width=90, seed=0, superclass="bird"):
        image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
        return Sample(image, ImageRecord(Path("x.png"), 0, "a", superclass), "0" * 64)

    return make


@pytest.fixture(scope="session")
def mixed(photo):
    """Samples of three sizes in no order."""
    sizes = [(60, 90), (120, 50), (64, 64), (60, 90)]
    return [photo(*size, seed=seed) for seed, size in enumerate(sizes)]


@pytest.fixture
def offline(monkeypatch):
    """Hubs are not asked; the library reads its environment when it is imported, which may have been before."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
