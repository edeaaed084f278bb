from pathlib import Path

import cv2
import numpy as np
import pytest
from tiny.blots import blots

from aga_lightning.augment.base import Caption, Detection, ImageRecord, Prompt, Scene, Subject, SubjectSource
from aga_lightning.augment.painters.own_photo import OwnPhoto, blurred
from aga_lightning.images.samples import Sample

CAPTION = Caption("anywhere", Prompt("", "", ""))
SIZE = 120, 90


class Photos(SubjectSource):
    """Blots of their own, each with a red rectangle before them."""

    def __init__(self, count=3, box=(40, 30, 70, 60)):
        self.count, self.box = count, box

    def __len__(self):
        return self.count

    def digest(self):
        return "all"

    def __getitem__(self, index):
        left, top, right, bottom = self.box
        image = np.array(blots(index, SIZE))
        mask = np.zeros(image.shape[:2], bool)
        mask[top:bottom, left:right] = True
        image[mask] = (255, 0, 0)
        sample = Sample(image, ImageRecord(Path(f"{index}.png"), 0, "a", "a"), f"digest {index}")
        return sample, Subject(mask, Detection(self.box, 1.0), 1.0)


def painter(photos=None, **settings):
    made = OwnPhoto(**settings)
    made.borrow(photos or Photos())
    return made


def scene(index, seed=0, size=SIZE):
    return Scene(CAPTION, size, seed, f"digest {index}")


def test_all_but_the_subject_and_what_is_near_it_is_the_photo_itself():
    for index in range(3):
        source, _ = Photos()[index]
        (made,) = painter(margin=0.1).paint([scene(index)])
        # The hole reaches a tenth of the box's diagonal, 4.2 pixels, beyond the box; its seam another 3.
        near = (slice(30 - 8, 60 + 8), slice(40 - 8, 70 + 8))
        far = np.ones(made.shape[:2], bool)
        far[near] = False
        assert np.array_equal(made[far], source.image[far])
        inside = made[30:60, 40:70].astype(int)
        assert not ((inside[..., 0] > 230) & (inside[..., 1:].max(-1) < 40)).any(), "some of the subject is left"


def test_the_margin_is_painted_over_too():
    source, _ = Photos()[0]
    changed = [
        (painter(margin=margin).paint([scene(0)])[0] != source.image).any(-1)[:, 55].sum() for margin in (0.0, 0.1, 0.3)
    ]
    # A column through the box is 30 pixels of subject, and margin and seam on both sides of it.
    assert 30 <= changed[0] < 42 and changed[0] + 2 < changed[1] < changed[2] - 10


def test_a_subject_whose_hole_would_take_all_of_the_photo_is_still_painted_over():
    (made,) = painter(Photos(box=(2, 2, 118, 88)), margin=0.5).paint([scene(0)])
    assert not ((made[..., 0] > 230) & (made[..., 1:].max(-1) < 40)).any()


@pytest.mark.parametrize("sigma", [0.7, 3.9, 8.0, 13.3, 25.0])
def test_the_blur_is_a_gaussian(sigma):
    image = np.array(blots(3, (230, 170)))
    image[40:90, 60:160] = (255, 255, 0)
    made = blurred(image, sigma)
    reference = cv2.GaussianBlur(image.astype(np.float64), (0, 0), sigma)
    assert made.dtype == np.uint8
    assert np.abs(made - reference).max() < 3
    assert np.abs(made - reference).mean() < 0.5


def test_nothing_of_the_subject_bleeds_into_the_blur():
    class Green(Photos):
        def __getitem__(self, index):
            sample, subject = super().__getitem__(index)
            sample.image[~subject.mask] = (20, 120, 40)
            return sample, subject

    (made,) = painter(Green(), blur=0.1).paint([scene(0)])
    assert np.abs(made - np.array((20.0, 120.0, 40.0))).max() < 4
    assert blurred(made, 0) is made


def test_settings_out_of_range_and_a_painter_that_was_lent_nothing_say_so():
    for settings in ({"margin": -0.1}, {"blur": -1.0}):
        with pytest.raises(ValueError, match=next(iter(settings))):
            OwnPhoto(**settings)
    with pytest.raises(RuntimeError, match=r"borrow\(\)"):
        OwnPhoto().paint([scene(0)])
