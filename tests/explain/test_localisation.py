"""Energy and maxima inside masks, beside plain loops."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import distance_transform_edt
from tiny.photos import flower_mask

from aga_lightning.explain.localisation import energy_inside_mask, pointing_game

BOTH = pytest.mark.parametrize("measure", [energy_inside_mask, pointing_game])


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def plain_energy(attribution, mask):
    inside = math.fsum(max(value, 0) for value in attribution[mask].tolist())
    return inside / math.fsum(max(value, 0) for value in attribution.flatten().tolist())


def plain_pointing(attribution, mask, tolerance):
    """SciPy's distance of each pixel to the subject, read where NumPy finds the maximum."""
    distance = distance_transform_edt(~mask.numpy())
    return float(distance[np.unravel_index(np.argmax(attribution.numpy()), attribution.shape)] <= tolerance)


@given(
    seed=st.integers(0, 2**16),
    share=st.floats(0.02, 0.98),
    tolerance=st.sampled_from([0, 1, 1.5, 2, 5]),
    scale=st.sampled_from([1e-30, 1.0, 1e37]),
)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_equal_plain_loops(seed, share, tolerance, scale):
    maps = noise(3, 7, 11, seed=seed) * scale
    masks = torch.rand(3, 7, 11, generator=torch.Generator().manual_seed(seed + 1)) < share
    masks[:, 0, 0] = True
    energy = [plain_energy(*pair) for pair in zip(maps, masks, strict=True)]
    hits = [plain_pointing(*pair, tolerance) for pair in zip(maps, masks, strict=True)]
    assert energy_inside_mask(maps, masks).tolist() == pytest.approx(energy, rel=1e-5)
    assert pointing_game(maps, masks, tolerance).tolist() == hits


def test_the_mask_of_a_photo():
    """A map that is the mask is all inside; one that says nothing scores the subject's size, or cannot be played."""
    mask = torch.from_numpy(flower_mask())[None]
    maps = torch.cat([mask.float(), (~mask).float(), torch.ones(mask.shape)])
    energy = energy_inside_mask(maps, mask.expand(3, -1, -1))
    assert energy.tolist() == pytest.approx([1, 0, mask.float().mean().item()])
    hits = pointing_game(maps, mask.expand(3, -1, -1))
    assert hits[:2].tolist() == [1, 0] and hits[2].isnan()


def test_a_miss_within_the_tolerance_is_a_hit():
    maps, masks = torch.zeros(1, 20, 20), torch.zeros(1, 20, 20, dtype=torch.bool)
    maps[0, 2, 3], masks[0, 5, 7] = 1, True  # 3 down, 4 to the right: 5 away
    assert [pointing_game(maps, masks, tolerance).item() for tolerance in (0, 4, 4.9, 5, 15)] == [0, 0, 0, 1, 1]


def test_of_several_maxima_the_first_counts():
    maps, masks = torch.zeros(2, 4, 4), torch.zeros(2, 4, 4, dtype=torch.bool)
    maps[:, 1, 1] = maps[:, 2, 2] = 1
    masks[0, 1, 1] = masks[1, 2, 2] = True
    assert pointing_game(maps, masks).tolist() == [1, 0]


@BOTH
def test_one_bad_map_leaves_the_others_alone(measure):
    maps, masks = noise(4, 5, 5), torch.ones(4, 5, 5, dtype=torch.bool)
    maps[1, 2, 2], maps[2, 0, 0] = torch.nan, torch.inf
    assert measure(maps, masks).isnan().tolist() == [False, True, True, False]


@BOTH
def test_empty_and_full_masks(measure):
    maps = noise(2, 5, 5)
    masks = torch.zeros(2, 5, 5, dtype=torch.bool)
    masks[1] = True
    empty, full = measure(maps, masks)
    assert empty.isnan() and full == 1


def test_maps_without_positive_energy_or_without_a_maximum():
    masks = torch.zeros(3, 4, 4, dtype=torch.bool)
    masks[:, 0, 0] = True
    maps = torch.stack([torch.zeros(4, 4), torch.full((4, 4), 0.3), -1 - torch.arange(16.0).view(4, 4)])
    assert energy_inside_mask(maps, masks).tolist() == pytest.approx([math.nan, 1 / 16, math.nan], nan_ok=True)
    assert pointing_game(maps, masks).tolist() == pytest.approx([math.nan, math.nan, 1], nan_ok=True)


@BOTH
def test_no_images_no_values(measure):
    assert measure(torch.empty(0, 5, 5), torch.empty(0, 5, 5, dtype=torch.bool)).shape == (0,)


@pytest.mark.parametrize(
    ("maps", "masks", "words"),
    [
        (torch.zeros(2, 5, 5), torch.ones(2, 4, 4, dtype=torch.bool), r"\(2, 5, 5\) and \(2, 4, 4\); enlarge"),
        (torch.zeros(1, 2, 5, 5), torch.ones(1, 2, 5, 5, dtype=torch.bool), r"\(1, 2, 5, 5\)"),
        (torch.zeros(2, 5, 5), torch.ones(2, 5, 5), "masks are bool.*float32; compare"),
        (torch.zeros(2, 5, 5, dtype=torch.uint8), torch.ones(2, 5, 5, dtype=torch.bool), "floating point, not.*uint8"),
    ],
)
@BOTH
def test_what_does_not_fit_is_named(measure, maps, masks, words):
    with pytest.raises(ValueError, match=words):
        measure(maps, masks)


def test_a_negative_tolerance_is_refused():
    with pytest.raises(ValueError, match="not -1"):
        pointing_game(noise(1, 4, 4), torch.ones(1, 4, 4, dtype=torch.bool), -1)
