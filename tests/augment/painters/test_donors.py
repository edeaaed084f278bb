import gc
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aga_lightning.augment.base import Caption, Detection, ImageRecord, Prompt, Scene, Subject, SubjectSource
from aga_lightning.augment.painters.donors import DonorPhotos, fill_hole, widen
from aga_lightning.images.samples import Sample

CAPTION = Caption("anywhere", Prompt("", "", ""))


class Photos(SubjectSource):
    """One flat colour and a red subject each, but for the empty ones; counts what is alive."""

    def __init__(self, colours, isolated=True, side=20, empty=()):
        self.colours, self.isolated, self.side, self.empty = colours, isolated, side, empty
        self.lent = []

    def __len__(self):
        return len(self.colours)

    def digest(self):
        return "all"

    def __getitem__(self, index):
        image = np.full((60, 80, 3), self.colours[index], np.uint8)
        if index in self.empty:
            return Sample(image, ImageRecord(Path(f"{index}.png"), 1, "empty", ""), f"digest {index}"), None
        mask = np.zeros((60, 80), bool)
        mask[20 : 20 + self.side, 30 : 30 + self.side] = True
        image[mask] = (255, 0, 0)
        sample = Sample(image, ImageRecord(Path(f"{index}.png"), 0, "a", "a"), f"digest {index}")
        self.lent.append(weakref.ref(image))
        return sample, Subject(mask, Detection((30, 20, 50, 40), 1.0), 1.0) if self.isolated else None


def scenes(count, source="digest 0", size=(32, 32)):
    return [Scene(CAPTION, size, seed, source) for seed in range(count)]


def painter(photos, **settings):
    donors = DonorPhotos(**settings)
    donors.borrow(photos)
    return donors


def test_the_background_is_another_photos_without_its_subject():
    colours = [(10, 10, 10), (40, 90, 40), (40, 40, 120)]
    for image in painter(Photos(colours)).paint(scenes(12)):
        assert image.shape == (32, 32, 3) and image.dtype == np.uint8
        colour = image.reshape(-1, 3).mean(0)
        assert min(np.abs(colour - other).max() for other in colours[1:]) < 1
        assert image.std((0, 1)).max() < 2


def test_the_soft_edge_of_the_subject_is_painted_over_too():
    class Soft(Photos):
        def __getitem__(self, index):
            sample, subject = super().__getitem__(index)
            sample.image[14:48, 26:56] = (255, 0, 0)  # further beyond the mask than a hole is widened
            alpha = subject.mask * np.uint8(255)
            alpha[14:48, 26:56] = np.maximum(alpha[14:48, 26:56], 1)
            return sample, replace(subject, alpha=alpha)

    for image in painter(Soft([(10, 10, 10), (40, 90, 40)])).paint(scenes(3)):
        assert image[..., 0].max() < 60


def test_a_scene_depends_on_itself_alone():
    donors = painter(Photos([(i * 9, 70, 30) for i in range(9)]))
    together = donors.paint(scenes(6, "digest 3", (40, 24)))
    assert all(image.shape == (24, 40, 3) for image in together)
    for scene, image in reversed(list(zip(scenes(6, "digest 3", (40, 24)), together, strict=True))):
        assert donors.paint([scene])[0].tobytes() == image.tobytes()


def test_no_photo_is_kept():
    photos = Photos([(i, i, i) for i in range(20)])
    donors = painter(photos)
    donors.paint(scenes(10))
    gc.collect()
    assert len(photos.lent) >= 10 and not any(image() is not None for image in photos.lent)


@pytest.mark.parametrize(
    "photos",
    [Photos([(9, 9, 9)]), Photos([(9, 9, 9)] * 4, isolated=False), Photos([(9, 9, 9)] * 4, side=39), Photos([])],
)
def test_without_a_fitting_donor_it_says_so(photos):
    with pytest.raises(RuntimeError, match="can give its background"):
        painter(photos).paint(scenes(1))


def test_a_photo_without_a_subject_is_lent_as_it_is():
    photos = Photos([(10, 10, 10), (40, 90, 40), (90, 40, 90)], isolated=False, empty=(0, 2))
    images = painter(photos).paint(scenes(6, "digest 1"))
    assert {tuple(np.unique(image.reshape(-1, 3), axis=0)[0]) for image in images} == {(10, 10, 10), (90, 40, 90)}
    assert all((image == image[0, 0]).all() for image in images)
    alone = painter(Photos([(9, 9, 9)], empty=(0,)))
    with pytest.raises(RuntimeError, match="can give its background"):
        alone.paint(scenes(1))  # not even an empty photo is its own donor


@pytest.mark.parametrize("settings", [{"min_crop": 0}, {"min_crop": 1.5}, {"max_hole": 0}, {"max_hole": 1}])
def test_settings_out_of_range_are_named(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        DonorPhotos(**settings)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.integers(0, 50), st.integers(0, 50), st.integers(1, 14), st.integers(1, 14), st.floats(0, 0.3))
def test_a_widened_mask_holds_the_mask_and_reaches_the_margin(top, left, height, width, margin):
    mask = np.zeros((64, 64), bool)
    mask[top : top + height, left : left + width] = True
    wide = widen(mask, margin)
    assert wide[mask].all()
    reach = max(2, margin * np.hypot(height, width))
    # OpenCV's 5 x 5 distance is off by up to 2%.
    assert wide[top, max(0, left - int(reach * 0.97)) : left + 1].all()
    assert np.flatnonzero(wide.any(0))[0] >= left - reach * 1.03 - 1


def test_the_hole_is_filled_with_colours_and_grain_of_the_rest():
    rng = np.random.default_rng(0)
    image = np.clip(rng.normal(120, 12, (120, 160, 3)), 0, 255).astype(np.uint8)
    hole = np.zeros((120, 160), bool)
    hole[40:80, 50:110] = True
    image[hole] = (255, 0, 0)
    filled = fill_hole(image, hole, np.random.default_rng(1))
    inside = filled[45:75, 55:105].astype(float)
    assert np.abs(inside.mean((0, 1)) - 120).max() < 6
    assert inside.std() > 6
    assert np.array_equal(filled[:30], image[:30])


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (3, 2)])
def test_tiny_pictures_can_be_filled(shape):
    image = np.full((*shape, 3), 50, np.uint8)
    hole = np.zeros(shape, bool)
    hole[0, 0] = True
    assert fill_hole(image, hole, np.random.default_rng(0)).shape == image.shape
    assert np.array_equal(fill_hole(image, ~hole & False, np.random.default_rng(0)), image)
