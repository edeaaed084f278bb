from pathlib import Path

import cv2
import numpy as np
import pytest
from tiny.photos import flower_mask, photo

from aga_lightning.augment.base import Detection, ImageRecord
from aga_lightning.augment.segmenters.embedded import DatasetMasks, GrabCut, clean, separability
from aga_lightning.images.boxes import bounding_box, mask_overlap
from aga_lightning.images.samples import Sample


def sample(image, mask=None):
    return Sample(image, ImageRecord(Path("x.png"), 0, "a", "a"), "0" * 64, None, mask)


def disc_on_noise(size=64, radius=14, colour=(200, 70, 50)):
    image = np.random.default_rng(0).integers(80, 130, (size, size, 3), dtype=np.uint8)
    y, x = np.mgrid[:size, :size]
    disc = np.hypot(x - size / 2 + 3, y - size / 2) < radius
    image[disc] = np.clip(np.array(colour) + np.random.default_rng(1).integers(-9, 9, (disc.sum(), 3)), 0, 255)
    return image, disc


@pytest.mark.parametrize("colour", [(200, 70, 50), (230, 230, 230), (20, 20, 20)])
@pytest.mark.parametrize("tight", [True, False])
def test_a_disc_on_noise_is_recovered(colour, tight):
    image, disc = disc_on_noise(colour=colour)
    box = bounding_box(disc) if tight else (2, 2, 62, 62)
    [subject] = GrabCut(size=128).segment([sample(image)], [[Detection(box, 0.8)]])
    assert mask_overlap(subject.mask, disc) > 0.95
    assert subject.mask.dtype == bool and subject.mask.shape == disc.shape
    assert 0.6 < subject.score <= 1
    assert subject.detection.box == box


def test_thin_parts_are_kept():
    image, disc = disc_on_noise(size=96, radius=18)
    tail = np.zeros_like(disc)
    tail[46:50, 60:84] = True
    image[tail] = (200, 70, 50)
    [subject] = GrabCut().segment([sample(image)], [[Detection(bounding_box(disc | tail), 1.0)]])
    assert subject.mask[tail].mean() > 0.8


def test_without_a_detection_there_is_no_subject():
    image, _ = disc_on_noise()
    assert GrabCut().segment([sample(image)], [[]]) == [None]
    assert GrabCut().segment([], []) == []


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1), (2, 3), (40, 40)])
def test_tiny_thin_and_blank_pictures_do_not_break(shape):
    image = np.full((*shape, 3), 77, np.uint8)
    box = (0.0, 0.0, float(shape[1]), float(shape[0]))
    [subject] = GrabCut(size=64).segment([sample(image)], [[Detection(box, 1.0)]])
    assert subject is None or subject.mask.shape == shape


def test_the_cut_depends_neither_on_the_batch_nor_on_opencvs_generator():
    image, disc = disc_on_noise()
    other = np.ascontiguousarray(image[::-1])
    box = [Detection(bounding_box(disc), 1.0)]
    [alone] = GrabCut(size=96).segment([sample(image)], [box])
    cv2.setRNGSeed(12345)
    [_, batched] = GrabCut(size=96).segment([sample(other), sample(image)], [box, box])
    assert alone.mask.tobytes() == batched.mask.tobytes() and alone.score == batched.score


def test_clean_fills_holes_and_drops_specks_but_keeps_what_a_thin_gap_parts():
    mask = np.zeros((100, 100), bool)
    mask[20:80, 20:80] = True
    whole = mask.copy()
    mask[40:50, 40:50] = False
    mask[5:9, 5:9] = True
    assert np.array_equal(clean(mask), whole)
    mask[60] = False
    assert clean(mask)[61:80, 20:80].all()
    assert not clean(np.zeros((9, 9), bool)).any()


def test_separability_tells_different_colours_from_the_same():
    image, disc = disc_on_noise()
    assert separability(image, disc) > 0.95
    assert separability(np.full((9, 9, 3), 5, np.uint8), np.eye(9, dtype=bool)) == pytest.approx(0, abs=1e-6)
    assert separability(image, np.zeros_like(disc)) == 0
    assert separability(image, np.ones_like(disc)) == 0


def test_shipped_masks_are_given_and_missing_ones_ask_the_fallback():
    image, disc = disc_on_noise()
    samples = [sample(image, disc), sample(image, np.zeros_like(disc)), sample(image)]
    boxes = [[Detection((2, 2, 62, 62), 0.5)]] * 3
    shipped, empty, missing = DatasetMasks().segment(samples, boxes)
    assert np.array_equal(shipped.mask, disc) and shipped.score == 1
    assert shipped.detection.box == bounding_box(disc)
    assert empty is None and missing is None
    helped = DatasetMasks(fallback=GrabCut(size=96)).segment(samples, boxes)
    assert helped[1] is None
    assert mask_overlap(helped[2].mask, disc) > 0.9


def test_a_real_flower_is_cut_out_by_its_box():
    truth = clean(flower_mask())
    [subject] = GrabCut().segment([sample(photo("flower"))], [[Detection(bounding_box(truth), 1.0)]])
    assert mask_overlap(subject.mask, truth) > 0.97
