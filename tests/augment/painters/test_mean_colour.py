import math
from pathlib import Path

import numpy as np
import pytest

from aga_lightning.augment.base import Caption, Detection, ImageRecord, Prompt, Scene, Subject, SubjectSource
from aga_lightning.augment.painters.mean_colour import MeanColour, background_mean
from aga_lightning.images.reading import ImageReadError
from aga_lightning.images.samples import Sample

CAPTION = Caption("anywhere", Prompt("", "", ""))


class Photos(SubjectSource):
    """Noise of 20 x 16 pixels with a white square, but for those without a subject, not isolated or unreadable."""

    def __init__(self, seeds, empty=(), lost=(), broken=()):
        self.seeds, self.empty, self.lost, self.broken = list(seeds), empty, lost, broken
        self.opened = []

    def __len__(self):
        return len(self.seeds)

    def digest(self):
        return "all"

    @property
    def digests(self):
        return [f"digest {seed}" for seed in self.seeds]

    def image(self, seed):
        rng = np.random.default_rng(seed)
        return np.clip(rng.normal(rng.uniform(40, 200, 3), 20, (16, 20, 3)), 0, 255).astype(np.uint8)

    def __getitem__(self, index):
        seed = self.seeds[index]
        self.opened.append(seed)
        if seed in self.broken:
            raise ImageReadError("broken")
        image, mask = self.image(seed), np.zeros((16, 20), bool)
        if seed in self.empty:
            return Sample(image, ImageRecord(Path(f"{seed}.png"), 1, "empty", ""), f"digest {seed}"), None
        mask[5:9, 6:11] = True
        image[mask] = 255
        sample = Sample(image, ImageRecord(Path(f"{seed}.png"), 0, "a", "a"), f"digest {seed}")
        found = None if seed in self.lost else Subject(mask, Detection((6, 5, 11, 9), 1.0), 1.0)
        return sample, found


def mean_outside(image, rows, columns, reach):
    """Pixel by pixel: the mean of all that is further than `reach` from a rectangle of pixels."""
    far = [
        image[y, x].astype(float)
        for y in range(image.shape[0])
        for x in range(image.shape[1])
        if math.hypot(max(rows[0] - y, 0, y - rows[1] + 1), max(columns[0] - x, 0, x - columns[1] + 1)) > reach
    ]
    return sum(far) / len(far)


def painted(training, seeds=(0,), size=(7, 5), **settings):
    painter = MeanColour(**settings)
    painter.borrow(training)
    images = painter.paint([Scene(CAPTION, size, seed, f"digest {seed}") for seed in seeds])
    assert all(image.shape == (size[1], size[0], 3) and image.dtype == np.uint8 for image in images)
    assert all((image == image[0, 0]).all() for image in images)
    return [image[0, 0].tolist() for image in images]


def test_one_colour_is_the_mean_of_all_backgrounds():
    photos = Photos(range(6))
    # Two pixels are the least by which a mask is widened; OpenCV's distances are off by up to 2 %.
    means = [mean_outside(photos.image(seed), (5, 9), (6, 11), 2.0) for seed in range(6)]
    expected = np.round(np.mean(means, axis=0)).tolist()
    assert painted(photos, seeds=range(6), margin=0.0) == [expected] * 6


def test_each_photo_may_have_the_mean_of_its_own_background():
    photos = Photos(range(4))
    expected = [np.round(mean_outside(photos.image(seed), (5, 9), (6, 11), 2.0)).tolist() for seed in (3, 1)]
    assert painted(photos, seeds=(3, 1), of="image", margin=0.0) == expected
    assert photos.opened == [3, 1]


def test_photos_without_a_subject_are_background_and_those_whose_subject_was_not_found_are_left_out():
    photos = Photos(range(4), empty=(1,), lost=(0, 3), broken=(2,))
    expected = np.round(photos.image(1).reshape(-1, 3).mean(0)).tolist()
    assert painted(photos) == [expected]
    with pytest.raises(RuntimeError, match="no subject was found in any of 2"):
        painted(Photos(range(2), lost=(0, 1)))


def test_so_many_photos_are_enough():
    photos = Photos(range(8), lost=(1,))
    (few,) = painted(photos, photos=3)
    assert photos.opened == [0, 1, 2, 3]  # by their digests; one has no background that is known
    assert painted(Photos([0, 2, 3]), photos=None) == [few]
    assert painted(Photos(range(8), lost=(1,)), photos=None) != [few]


def test_all_photos_are_looked_at_once():
    photos = Photos(range(4))
    painter = MeanColour()
    painter.borrow(photos)
    assert not photos.opened
    scenes = [Scene(CAPTION, (4, 4), seed, "") for seed in range(3)]
    first = [image.tobytes() for image in painter.paint(scenes)]
    assert len(photos.opened) == 4
    painter.paint(scenes)
    assert len(photos.opened) == 4
    painter.borrow(Photos([99]))
    assert [image.tobytes() for image in painter.paint(scenes)] != first


def test_the_background_of_a_subject_that_leaves_none_is_what_there_is():
    image = np.zeros((10, 10, 3), np.uint8)
    image[:, :9] = 200
    most, all_of_it = np.zeros((10, 10), bool), np.ones((10, 10), bool)
    most[:, :9] = True
    assert background_mean(image, most, 0.5).tolist() == [0, 0, 0]
    assert background_mean(image, all_of_it, 0.5).tolist() == [180, 180, 180]


def test_settings_out_of_range_and_a_painter_that_was_lent_nothing_say_so():
    for settings in ({"of": "sky"}, {"photos": 0}, {"margin": -1.0}):
        with pytest.raises(ValueError, match=next(iter(settings))):
            MeanColour(**settings)
    with pytest.raises(RuntimeError, match=r"borrow\(\)"):
        MeanColour().paint([Scene(CAPTION, (4, 4), 0)])
    with pytest.raises(RuntimeError, match="without a bank"):
        painted(Photos([1]), of="image")
