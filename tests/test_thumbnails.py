"""The methods that need no weights make the pictures that they have always made, down to a few levels.

`thumbnails.png` holds them: a row for each method, a tile of 8 x 8 for each picture. Where a change is meant to alter
the pictures, look at the new ones and write them with `python tests/test_thumbnails.py`.
"""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aga_lightning import AGA, FieldGuide
from aga_lightning.augment.detectors.embedded import DatasetBoxes
from aga_lightning.augment.engine.collection import Collection
from aga_lightning.augment.engine.store import Store
from aga_lightning.augment.methods.controls import (
    BackgroundSwap,
    BlurredBackground,
    MeanColourBackground,
    OwnBackground,
)
from aga_lightning.augment.segmenters.embedded import DatasetMasks

KEPT = Path(__file__).with_name("thumbnails.png")
METHODS = (AGA, MeanColourBackground, BlurredBackground, OwnBackground, BackgroundSwap)
TOLERANCE = 2
"""Levels of 255: libraries of other versions round otherwise."""


def thumbnails(method, folder):
    """A row of tiles (8, 8 x count, 3), the variants of each image side by side."""
    dataset = FieldGuide(str(folder), train_per_class=1, val_per_class=1, test_per_class=1, ood_per_class=1)
    dataset.prepare()
    # The data set's own masks: what GrabCut finds depends on the version of OpenCV.
    augmenter = method(detector=DatasetBoxes(), segmenter=DatasetMasks())
    collection = Collection(augmenter, Store(folder / "cache"), dataset.records("train"), 3, 0)
    outcomes = [outcome for group in collection.pending() for outcome in collection.make(group)]
    paths = [outcome.path for outcome in outcomes if outcome.path is not None]
    assert len(paths) == len(collection.requests)
    tiles = [np.asarray(Image.open(path).resize((8, 8), Image.Resampling.BOX)) for path in paths]
    return np.concatenate(tiles, axis=1)


@pytest.mark.parametrize("row, method", [*enumerate(METHODS)], ids=[method.__name__ for method in METHODS])
def test_a_method_makes_the_pictures_that_it_made_before(row, method, tmp_path_factory):
    folder = tmp_path_factory.getbasetemp() / "thumbnails"
    kept = np.asarray(Image.open(KEPT))[8 * row : 8 * row + 8].astype(int)
    difference = np.abs(thumbnails(method, folder) - kept)
    assert difference.max() <= TOLERANCE
    assert kept.std() > 10, "the tiles are not plain"


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as place:
        Image.fromarray(np.concatenate([thumbnails(method, Path(place)) for method in METHODS])).save(KEPT)
