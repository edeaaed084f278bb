from pathlib import Path

import numpy as np
import pytest

from aga_lightning.augment.base import Detection, ImageRecord, Subject, SubjectSource
from aga_lightning.augment.painters.sources import Sources
from aga_lightning.images.samples import Sample


class Listed(SubjectSource):
    """Photos by digest, each with the columns that its subject covers, or none; keeps which were opened."""

    def __init__(self, *photos):
        self.photos = photos
        self.opened = []

    def __len__(self):
        return len(self.photos)

    def digest(self):
        return "all"

    @property
    def digests(self):
        return [digest for digest, _ in self.photos]

    def __getitem__(self, index):
        self.opened.append(index)
        digest, columns = self.photos[index]
        image = np.full((6, 8, 3), index, np.uint8)
        sample = Sample(image, ImageRecord(Path(f"{digest}.png"), 0, "a", "a"), digest)
        if columns is None:
            return sample, None
        mask = np.zeros((6, 8), bool)
        mask[:, columns] = True
        alpha = np.where(mask, 255, 0).astype(np.uint8)
        alpha[0, 5:6] = np.maximum(alpha[0, 5:6], 9 if mask.any() else 0)
        return sample, Subject(mask, Detection((0, 0, 8, 6), 1.0), 1.0, alpha=alpha)


def test_a_photo_is_found_by_its_digest_and_opened_when_it_is_asked_for():
    photos = Listed(("x", [1]), ("y", [2, 3]), ("z", [4]))
    sources = Sources(photos)
    assert not photos.opened
    image, mask = sources.isolated("y")
    assert photos.opened == [1]
    assert (image == 1).all() and image.shape == (6, 8, 3)
    assert np.flatnonzero(mask.all(0)).tolist() == [2, 3]
    assert mask.sum() == 13 and mask[0, 5], "its soft edge too"


def test_a_photo_that_is_listed_several_times_shows_all_its_subjects():
    _, mask = Sources(Listed(("x", [1]), ("y", [0]), ("x", None), ("x", [6]))).isolated("x")
    assert np.flatnonzero(mask.all(0)).tolist() == [1, 6]


def test_what_is_not_among_the_training_images_is_named():
    for digest in ("", "w"):
        with pytest.raises(RuntimeError, match="without a bank"):
            Sources(Listed(("x", [1]))).isolated(digest)
    for columns in (None, []):
        with pytest.raises(RuntimeError, match=r"no subject was found in x\.png"):
            Sources(Listed(("x", columns))).isolated("x")
