"""Reconstruction from some pixels, against the authors' package and against what linear interpolation must keep."""

import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from saliency.metrics import pic as reference
from threadpoolctl import threadpool_limits

from aga_lightning.explain.reconstruction import random_mask, reconstruct


def corners(mask):
    mask = mask.copy()
    mask[[0, 0, -1, -1], [0, -1, 0, -1]] = True
    return mask


def blob(height, width):
    """A disc: known pixels in a heap, with an inside."""
    row, column = np.mgrid[:height, :width]
    return (row - height / 2) ** 2 + (column - width / 3) ** 2 < (min(height, width) / 3) ** 2


@st.composite
def images_and_masks(draw):
    height, width = draw(st.integers(2, 24)), draw(st.integers(2, 24))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    image = rng.integers(0, 256, (height, width, draw(st.sampled_from([1, 3]))), dtype=np.uint8)
    known = rng.random((height, width)) < draw(st.sampled_from([0, 0.02, 0.1, 0.3, 0.9]))
    return image, known | blob(height, width) if draw(st.booleans()) else known


@settings(deadline=None, max_examples=60)
@given(images_and_masks())
def test_every_pixel_equals_the_authors(case):
    image, known = case
    with threadpool_limits(1):  # the reference solves a system a triangle, in threads that get in each other's way
        expected = reference.create_blurred_image(image, known)
    assert np.array_equal(reconstruct(image, known), expected)


@pytest.mark.parametrize("fraction", [0.01, 0.2, 0.4])
def test_every_pixel_of_a_larger_image_equals_the_authors(fraction):
    rng = np.random.default_rng(0)
    row, column = np.mgrid[:120, :160]
    image = np.stack([row, column, 128 + 100 * np.sin(row * column / 900)], axis=2).astype(np.uint8)
    image += rng.integers(0, 20, image.shape, dtype=np.uint8)
    known = (np.sin(row / 40) + np.cos(column / 31) > 2 - 4 * fraction) | random_mask(120, 160, seed=3)
    with threadpool_limits(1):
        expected = reference.create_blurred_image(image, known)
    assert np.array_equal(reconstruct(image, known), expected)


@settings(deadline=None, max_examples=40)
@given(images_and_masks(), st.sampled_from(["exact", "reduced"]))
def test_known_pixels_stay_and_no_channel_leaves_its_range(case, triangulation):
    image, known = case
    before = image.copy(), known.copy()
    result = reconstruct(image, known, triangulation)
    assert result.dtype == np.uint8
    there = image[corners(known)]
    assert np.array_equal(result[corners(known)], there)
    assert (result >= there.min(axis=0)).all()
    assert (result <= there.max(axis=0)).all()
    assert np.array_equal(image, before[0])
    assert np.array_equal(known, before[1])


@settings(deadline=None, max_examples=40)
@given(images_and_masks(), st.integers(-4, 4), st.integers(-4, 4), st.sampled_from(["exact", "reduced"]))
def test_a_ramp_comes_back(case, down, right, triangulation):
    _, known = case
    row, column = np.mgrid[: known.shape[0], : known.shape[1]]
    ramp = down * row + right * column
    ramp = (ramp - ramp.min()).astype(np.uint8)[:, :, None]  # at most 4 * 23 * 2
    assert np.array_equal(reconstruct(ramp, known, triangulation), ramp)


def test_the_reduced_triangulation_differs_in_free_choices_only():
    """Known pixels at irregular places leave no choice; in a heap, on a grid, they leave many, and all are small."""
    rng = np.random.default_rng(1)
    row, column = np.mgrid[:96, :96]
    image = (128 + 60 * np.sin(row / 9) + 50 * np.cos(column / 11)).astype(np.uint8)[:, :, None]
    known = blob(96, 96) | (rng.random((96, 96)) < 0.01)
    exact, reduced = (reconstruct(image, known, mode).astype(int) for mode in ("exact", "reduced"))
    differing = exact != reduced
    assert differing.mean() < 0.02
    assert np.abs(exact - reduced).max() <= 8


def test_the_reduced_triangulation_has_only_the_points_beside_unknown_pixels(monkeypatch):
    points = []

    def triangulated(each):
        points.append(len(each))
        return delaunay(each)

    from aga_lightning.explain import reconstruction

    delaunay = reconstruction.Delaunay
    monkeypatch.setattr(reconstruction, "Delaunay", triangulated)
    image, known = np.zeros((64, 64, 3), dtype=np.uint8), np.zeros((64, 64), dtype=bool)
    known[10:50, 10:50] = True
    for mode in ("exact", "reduced"):
        reconstruct(image, known, mode)
    assert points == [40 * 40 + 4, 4 * 39 + 4]


def test_from_the_corners_alone():
    image = np.array([[0, 9, 9, 30], [9, 9, 9, 9], [60, 9, 9, 90]], dtype=np.uint8)[:, :, None]
    expected = [[0, 10, 20, 30], [30, 40, 50, 60], [60, 70, 80, 90]]
    assert reconstruct(image, np.zeros((3, 4), dtype=bool))[:, :, 0].tolist() == expected


def test_an_image_of_which_all_is_known_is_copied():
    image = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    for known in (np.ones((2, 2), dtype=bool), np.zeros((2, 2), dtype=bool)):  # two by two pixels are all corners
        result = reconstruct(image, known)
        assert np.array_equal(result, image)
        assert not np.shares_memory(result, image)


@pytest.mark.parametrize("shape", [(5, 1, 1), (1, 5, 1)])
def test_a_line_is_interpolated_along_itself(shape):
    image = np.array([0, 7, 20, 7, 40], dtype=np.uint8).reshape(shape)
    known = np.array([False, False, True, False, False]).reshape(shape[:2])
    assert reconstruct(image, known).ravel().tolist() == [0, 10, 20, 30, 40]
    assert reconstruct(image, np.zeros_like(known)).ravel().tolist() == [0, 10, 20, 30, 40]


def test_one_pixel():
    assert reconstruct(np.full((1, 1, 3), 7, dtype=np.uint8), np.zeros((1, 1), dtype=bool)).tolist() == [[[7, 7, 7]]]


def test_a_view_is_as_good_as_a_copy():
    rng = np.random.default_rng(0)
    image, known = rng.integers(0, 256, (3, 20, 30), dtype=np.uint8), rng.random((30, 20)) < 0.1
    assert np.array_equal(
        reconstruct(image.transpose(1, 2, 0), known.T), reconstruct(image.transpose(1, 2, 0).copy(), known.T.copy())
    )


@pytest.mark.parametrize(
    ("image", "known", "mode", "message"),
    [
        (np.zeros((4, 4, 3)), np.zeros((4, 4), dtype=bool), "exact", "uint8.*float64"),
        (np.zeros((4, 4), dtype=np.uint8), np.zeros((4, 4), dtype=bool), "exact", r"channels.*\(4, 4\)"),
        (np.zeros((0, 4, 3), dtype=np.uint8), np.zeros((0, 4), dtype=bool), "exact", r"\(0, 4, 3\)"),
        (np.zeros((4, 4, 3), dtype=np.uint8), np.zeros((4, 5), dtype=bool), "exact", r"\(4, 4\).*\(4, 5\)"),
        (np.zeros((4, 4, 3), dtype=np.uint8), np.zeros((4, 4)), "exact", "boolean.*float64"),
        (np.zeros((4, 4, 3), dtype=np.uint8), np.zeros((4, 4), dtype=bool), "fast", "fast"),
    ],
)
def test_other_input_is_named(image, known, mode, message):
    with pytest.raises(ValueError, match=message):
        reconstruct(image, known, mode)


def test_a_random_mask_is_decided_by_its_seed_and_has_its_share():
    masks = [random_mask(30, 50, seed) for seed in range(5)]
    assert all(mask.shape == (30, 50) and mask.dtype == bool and mask.sum() == 15 for mask in masks)
    assert all((one != other).any() for one, other in pairwise(masks))
    assert np.array_equal(masks[3], random_mask(30, 50, 3))
    assert random_mask(10, 10, 0, fraction=0).sum() == 0
    assert random_mask(10, 10, 0, fraction=1).all()


def test_workers_start_without_torch():
    command = "import sys, aga_lightning.explain.reconstruction, aga_lightning.explain.information; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True).stdout.split()
    assert "torch" not in modules
