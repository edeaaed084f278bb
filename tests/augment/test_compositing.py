import math

import cv2
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from aga_lightning.augment.compositing import Merging, cover, merge
from aga_lightning.augment.fingerprint import describe
from aga_lightning.augment.grey import as_grey, is_grey
from aga_lightning.augment.placement import Placement

quick = settings(max_examples=40, deadline=None, derandomize=True)


@st.composite
def scenes(draw):
    """A noisy image, a subject of one or two ellipses anywhere (borders too), and another noisy background."""
    height, width = draw(st.integers(8, 150)), draw(st.integers(8, 150))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    y, x = np.mgrid[:height, :width]
    mask = np.zeros((height, width), bool)
    for _ in range(draw(st.integers(1, 2))):
        across, down = rng.uniform(0, width), rng.uniform(0, height)
        mask |= ((x - across) / rng.uniform(1, width / 2)) ** 2 + ((y - down) / rng.uniform(1, height / 2)) ** 2 <= 1
    assume(mask.any())
    image, background = rng.integers(0, 256, (2, height, width, 3), dtype=np.uint8)
    return image, mask, background


placements = st.builds(
    Placement,
    st.booleans(),
    st.floats(-180, 180),
    st.floats(0.3, 2.5),
    st.tuples(st.floats(-1, 1), st.floats(-1, 1)),
)


def disc(size=200, radius=40, centre=None):
    y, x = np.mgrid[:size, :size]
    across, down = centre or (size / 2 - 0.5, size / 2 - 0.5)
    return (x - across) ** 2 + (y - down) ** 2 <= radius**2


def smooth(size, channels=3, seed=0):
    small = np.random.default_rng(seed).integers(0, 256, (size // 12, size // 12, channels), dtype=np.uint8)
    return np.asarray(Image.fromarray(small).resize((size, size), Image.Resampling.BICUBIC))


@quick
@given(scenes())
def test_the_identity_keeps_every_pixel_of_the_subject(scene):
    image, mask, background = scene
    merged, landed = merge(image, mask, background, Placement())
    np.testing.assert_array_equal(landed, mask)
    np.testing.assert_array_equal(merged, np.where(mask[..., None], image, background))


@quick
@given(scenes())
def test_a_flip_mirrors_about_the_subjects_own_centre(scene):
    image, mask, background = scene
    merged, landed = merge(image, mask, background, Placement(flip=True))
    columns = np.flatnonzero(mask.any(axis=0))
    inside = slice(columns[0], columns[-1] + 1)
    np.testing.assert_array_equal(landed[:, inside], mask[:, inside][:, ::-1])
    assert landed.sum() == mask.sum()
    mirrored = np.where(mask[:, inside, None], image[:, inside], 0)[:, ::-1]
    np.testing.assert_array_equal(merged[:, inside][landed[:, inside]], mirrored[landed[:, inside]])


@quick
@given(scenes(), placements)
def test_outside_the_landed_mask_a_hard_edge_leaves_the_background_alone(scene, placement):
    image, mask, background = scene
    merged, landed = merge(image, mask, background, placement)
    np.testing.assert_array_equal(merged[~landed], background[~landed])


@quick
@given(scenes(), placements)
def test_inputs_are_not_changed_and_the_same_input_gives_the_same_bytes(scene, placement):
    copies = [array.copy() for array in scene]
    first = merge(*scene, placement, feather=1.0, harmonise=0.5)
    second = merge(*copies, placement, feather=1.0, harmonise=0.5)
    for array, copy in zip((*scene, *first), (*copies, *second), strict=True):
        np.testing.assert_array_equal(array, copy)


@quick
@given(scenes(), st.tuples(st.floats(-1, 1), st.floats(-1, 1)), st.booleans())
def test_moving_keeps_every_pixel_and_all_of_the_subject_in_frame(scene, shift, flip):
    image, mask, background = scene
    merged, landed = merge(image, mask, background, Placement(flip, shift=shift))
    assert landed.sum() == mask.sum()
    colours = np.unique(merged[landed], axis=0, return_counts=True)
    expected = np.unique(image[mask], axis=0, return_counts=True)
    for one, other in zip(colours, expected, strict=True):
        np.testing.assert_array_equal(one, other)


@quick
@given(st.integers(-80, 80), st.integers(-80, 80))
def test_a_shift_is_a_fraction_of_the_frame_up_to_the_border(right, down):
    mask = disc(200, 30)
    blank = np.zeros((200, 200, 3), np.uint8)
    _, landed = merge(blank, mask, blank, Placement(shift=(right / 200, down / 200)))
    limit = 70  # the disc's first and last row leave that much room
    expected = np.roll(mask, (np.clip(down, -limit, limit), np.clip(right, -limit, limit)), (0, 1))
    np.testing.assert_array_equal(landed, expected)


@quick
@given(scenes(), placements)
def test_the_subject_lands_whole_and_no_larger_than_asked(scene, placement):
    image, mask, background = scene
    _, landed = merge(image, mask, background, placement)
    area = mask.sum() * placement.scale**2
    edged = np.pad(mask, 1).astype(int)
    outline = sum(np.abs(np.diff(edged, axis=axis)).sum() for axis in (0, 1)) * placement.scale
    assert landed.sum() <= area + outline + 4
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if placement.scale * math.hypot(np.ptp(rows) + 1, np.ptp(columns) + 1) <= min(mask.shape):  # fits however turned
        assert landed.sum() >= area - outline - 4


@pytest.mark.parametrize("rotation", [0.0, 30.0, 45.0, 90.0, -160.0])
def test_a_subject_too_large_for_the_frame_is_shrunk_until_it_just_fits(rotation):
    mask = np.zeros((120, 160), bool)
    mask[10:110, 10:150] = True
    blank = np.zeros((120, 160, 3), np.uint8)
    _, landed = merge(blank, mask, blank, Placement(rotation=rotation, scale=3.0, shift=(0.3, -0.3)))
    turn = math.radians(rotation)
    across = 140 * abs(math.cos(turn)) + 100 * abs(math.sin(turn))
    down = 140 * abs(math.sin(turn)) + 100 * abs(math.cos(turn))
    scale = min(160 / across, 120 / down)
    assert landed.sum() == pytest.approx(mask.sum() * scale**2, rel=0.03)


@pytest.mark.parametrize("size", [64, 200])  # small images go through Lanczos, larger ones through the dense resize
@pytest.mark.parametrize(
    "placement",
    [
        Placement(rotation=90),
        Placement(rotation=20, shift=(0.05, -0.1)),
        Placement(flip=True, rotation=-35, scale=0.8),
        Placement(scale=1.3, shift=(-0.1, 0.0)),
        Placement(rotation=10, scale=0.4),
    ],
)
def test_warping_agrees_with_a_plain_numpy_one(size, placement):
    image, background = smooth(size), np.full((size, size, 3), 7, np.uint8)
    mask = disc(size, size * 0.2, (size * 0.45, size * 0.55)) & (np.arange(size) < size * 0.55)
    merged, landed = merge(image, mask, background, placement)

    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    centre = np.array([columns[0] + columns[-1], rows[0] + rows[-1]]) / 2
    y, x = np.mgrid[:size, :size]
    away = np.stack([x, y], -1) - centre - np.round(np.array(placement.shift) * size)
    angle = math.radians(placement.rotation)  # counter-clockwise as one looks at it, with y pointing down
    back = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]) / placement.scale
    source = away @ back.T
    if placement.flip:
        source[..., 0] *= -1
    source += centre
    low = np.clip(np.floor(source).astype(int), 0, size - 2)
    right, down = np.moveaxis(np.clip(source - low, 0, 1), -1, 0)
    expected = np.zeros((size, size, 3))
    cover = np.zeros((size, size))
    for dy in (0, 1):
        for dx in (0, 1):
            weight = (right if dx else 1 - right) * (down if dy else 1 - down)
            at = (low[..., 1] + dy, low[..., 0] + dx)
            expected += weight[..., None] * image[at]
            cover += weight * mask[at]
    solid = cover > 0.5
    assert (solid != landed).sum() <= 0.25 * np.sqrt(mask.sum()) * 4 * placement.scale  # of an outline this long
    core = landed & (cover == 1)
    assert core.sum() > 20
    difference = np.abs(merged[core].astype(float) - expected[core])
    assert difference.mean() < 2.5
    assert np.quantile(difference, 0.99) < 14


def test_black_subjects_stay_black():
    image, background = np.zeros((90, 90, 3), np.uint8), np.full((90, 90, 3), 200, np.uint8)
    for placement in (
        Placement(),
        Placement(True),
        Placement(True, 12, 1.2, (0.1, 0.1)),
        Placement(rotation=7, scale=0.7),
    ):
        merged, landed = merge(image, disc(90, 20), background, placement)
        assert landed.sum() > 500
        assert merged[landed].max() == 0


@quick
@given(scenes(), st.booleans(), st.floats(0.3, 3))
def test_feathering_blends_around_the_outline_alone(scene, flip, feather):
    image, mask, background = scene
    merged, landed = merge(image, mask, background, Placement(flip), feather)
    hard, same = merge(image, mask, background, Placement(flip))
    np.testing.assert_array_equal(landed, same)
    reach = math.ceil(3 * feather) + 1
    beyond = np.pad(landed, reach, mode="edge")
    around = np.lib.stride_tricks.sliding_window_view(beyond, (2 * reach + 1, 2 * reach + 1))
    far_outside, far_inside = ~around.any(axis=(2, 3)), around.all(axis=(2, 3))
    np.testing.assert_array_equal(merged[far_outside], background[far_outside])
    np.testing.assert_array_equal(merged[far_inside], hard[far_inside])


def test_feathering_agrees_with_a_plain_gaussian_blend():
    """A straight edge between two flat colours becomes the Gaussian's integral."""
    mask = np.zeros((60, 60), bool)
    mask[:, 30:] = True
    image, background = np.full((60, 60, 3), 250, np.uint8), np.full((60, 60, 3), 10, np.uint8)
    merged, _ = merge(image, mask, background, Placement(), feather=2.0)
    steps = (np.arange(60) + 0.5 - 30) / 2.0
    weight = np.array([0.5 * (1 + math.erf(step / math.sqrt(2))) for step in steps])
    expected = 10 + 240 * weight
    np.testing.assert_allclose(merged[..., 0], np.broadcast_to(expected, (60, 60)), atol=4)


def test_a_subject_cut_by_the_frame_does_not_fade_at_the_frame():
    mask = np.zeros((60, 60), bool)
    mask[20:, 20:40] = True
    image, background = np.full((60, 60, 3), 250, np.uint8), np.zeros((60, 60, 3), np.uint8)
    merged, _ = merge(image, mask, background, Placement(), feather=2.0)
    assert merged[-1, 30].min() == 250


def test_views_and_read_only_arrays_are_taken():
    rng = np.random.default_rng(0)
    image, background = rng.integers(0, 256, (2, 40, 50, 3), dtype=np.uint8)
    mask = np.zeros((40, 50), bool)
    mask[10:30, 10:25] = True
    plain = merge(image[:, ::-1].copy(), mask[:, ::-1].copy(), background[::-1].copy(), Placement(rotation=5))
    image.setflags(write=False)
    background.setflags(write=False)
    viewed = merge(image[:, ::-1], mask[:, ::-1], background[::-1], Placement(rotation=5))
    for one, other in zip(plain, viewed, strict=True):
        np.testing.assert_array_equal(one, other)


def test_sizes_and_empty_masks_are_told_with_the_remedy():
    blank, mask = np.zeros((10, 10, 3), np.uint8), np.ones((10, 10), bool)
    with pytest.raises(ValueError, match="must be of one size: resize"):
        merge(blank, mask, blank[:5], Placement())
    with pytest.raises(ValueError, match="must be of one size"):
        merge(blank, mask[:5], blank, Placement())
    with pytest.raises(ValueError, match="empty: reject"):
        merge(blank, ~mask, blank, Placement())


def test_draws_repeat_and_go_to_both_sides_and_to_their_ends():
    rng = np.random.default_rng(0)
    merging = Merging(flip_probability=0.3, max_rotation=12.0, scale=(0.5, 2.0), shift=0.2)
    drawn = [merging.draw(rng) for _ in range(2000)]
    again = np.random.default_rng(0)
    assert drawn == [merging.draw(again) for _ in range(2000)]
    assert np.mean([placement.flip for placement in drawn]) == pytest.approx(0.3, abs=0.03)
    values = {
        "rotation": [placement.rotation / 12 for placement in drawn],
        "scale": [math.log2(placement.scale) for placement in drawn],
        "right": [placement.shift[0] / 0.2 for placement in drawn],
        "down": [placement.shift[1] / 0.2 for placement in drawn],
    }
    for name, found in values.items():
        assert -1 <= min(found) < -0.98 and 0.98 < max(found) <= 1, name
        assert np.quantile(found, [0.25, 0.5, 0.75]) == pytest.approx([-0.5, 0, 0.5], abs=0.07), name
    assert np.abs(np.corrcoef(list(values.values())) - np.eye(4)).max() < 0.08, "drawn one by one"
    assert Merging(max_rotation=12, in_place=True, flip_probability=1.0).draw(rng) == Placement(flip=True)


def test_size_and_position_change_no_other_draw_and_no_key_at_their_defaults():
    def drawn(**settings):
        return Merging(**settings).draw(np.random.default_rng(4))

    own = drawn()
    assert (own.size, own.position) == (None, None)
    for one in ({"size": (0.2, 0.4)}, {"position": "uniform"}, {"position": "centre", "size": (0.3, 0.3)}):
        placement = drawn(**one)
        assert (placement.flip, placement.rotation) == (own.flip, own.rotation)
        assert (placement.shift == own.shift) == (one.get("position") != "uniform")
    assert drawn(position="centre").position == (0.5, 0.5) and drawn(position="centre").scale == own.scale
    rng = np.random.default_rng(0)
    free = Merging(size=(0.2, 0.8), position="uniform")
    placements = [free.draw(rng) for _ in range(1000)]
    across, down = np.array([one.position for one in placements]).T
    for values in (across, down, [math.log(one.size / 0.2, 4) for one in placements]):
        assert np.quantile(values, [0, 0.25, 0.5, 0.75, 1]) == pytest.approx([0, 0.25, 0.5, 0.75, 1], abs=0.06)
    assert {*describe(Merging())}.isdisjoint({"size", "position"})
    assert describe(free) == {**describe(Merging()), "size": [0.2, 0.8], "position": "uniform"}


def lab(colours):
    return cv2.cvtColor(np.ascontiguousarray(colours.reshape(1, -1, 3)), cv2.COLOR_RGB2Lab).reshape(-1, 3).astype(float)


@pytest.mark.parametrize("strength", [0.5, 1.0])
@pytest.mark.parametrize(("subject", "behind"), [((60, 60, 60), (250, 250, 250)), ((120, 120, 120), (20, 20, 250))])
def test_harmonising_moves_colours_no_further_than_light_does(strength, subject, behind):
    mask = disc(60, 20)
    image, background = np.full((60, 60, 3), subject, np.uint8), np.full((60, 60, 3), behind, np.uint8)
    merged, _ = merge(image, mask, background, Placement(), harmonise=strength)
    wanted = np.clip(lab(background)[0] - lab(image)[0], -np.array([30, 10, 10]), [30, 10, 10]) * strength
    moved = (lab(merged[mask]) - lab(image[mask])).mean(axis=0)
    assert moved == pytest.approx(wanted, abs=2.5)


@pytest.mark.parametrize(("contrast", "gain"), [(0, 0.7), (60, 1.4)])
def test_harmonising_bounds_the_contrast(contrast, gain):
    rng, mask = np.random.default_rng(0), disc(120, 50)
    noise = rng.normal(size=(2, 120, 120, 1)).repeat(3, 3)
    image, background = (
        (128 + noise[0] * 20).clip(0, 255).astype(np.uint8),
        ((128 + noise[1] * contrast).clip(0, 255).astype(np.uint8)),
    )
    merged, _ = merge(image, mask, background, Placement(), harmonise=1.0)
    assert lab(merged[mask])[:, 0].std() / lab(image[mask])[:, 0].std() == pytest.approx(gain, abs=0.06)
    half, _ = merge(image, mask, background, Placement(), harmonise=0.5)
    assert lab(half[mask])[:, 0].std() / lab(image[mask])[:, 0].std() == pytest.approx(gain**0.5, abs=0.06)


def test_the_part_passes_its_edge_and_colours_on():
    image, background, mask = smooth(100, seed=1), smooth(100, seed=2), disc(100, 25)
    placement = Placement(rotation=8)
    for merging, expected in (
        (Merging(feather=2.0), {}),
        (Merging(edge="feathered", feather=2.0), {"feather": 2.0}),
        (Merging(harmonise=0.7), {"harmonise": 0.7}),
    ):
        ours, _ = merging.merge(image, mask, background, placement)
        np.testing.assert_array_equal(ours, merge(image, mask, background, placement, **expected)[0])


def test_a_soft_edge_follows_alpha_and_is_feathered_without_it():
    image, background, mask = smooth(100, seed=1), smooth(100, seed=2), disc(100, 25)
    alpha = np.clip(128 + 8 * (25 - np.hypot(*(np.mgrid[:100, :100] - 49.5))), 0, 255)
    alpha = np.where(mask, np.maximum(alpha, 128), np.minimum(alpha, 127)).astype(np.uint8)
    soft, placement = Merging(edge="soft", feather=2.0), Placement(rotation=8)
    without, _ = soft.merge(image, mask, background, placement)
    np.testing.assert_array_equal(without, merge(image, mask, background, placement, 2.0)[0])
    followed, _ = soft.merge(image, mask, background, placement, alpha)
    assert np.abs(followed.astype(int) - without)[disc(100, 45) & ~disc(100, 34)].max() > 20, "16 pixels wide"
    for edge in ("hard", "feathered"):
        other = Merging(edge=edge, feather=2.0)
        np.testing.assert_array_equal(
            other.merge(image, mask, background, placement, alpha)[0],
            other.merge(image, mask, background, placement)[0],
        )


@quick
@given(scenes(), placements, st.floats(0, 1))
def test_a_soft_edge_keeps_what_is_solid_and_leaves_the_rest_alone(scene, placement, harmonise):
    image, mask, background = scene
    depth = cv2.distanceTransform(np.pad(mask, 9, mode="edge").astype(np.uint8), cv2.DIST_L2, 5)[9:-9, 9:-9]
    alpha = np.where(mask, np.clip(100 + 40 * depth, 128, 255), 0).astype(np.uint8)
    merged, landed = merge(image, mask, background, Placement(placement.flip), 1.0, 0.0, alpha)
    hard, same = merge(image, mask, background, Placement(placement.flip))
    np.testing.assert_array_equal(landed, same)
    solid, _ = merge(np.dstack([alpha] * 3), mask, np.zeros_like(background), Placement(placement.flip))
    np.testing.assert_array_equal(merged[solid == 255], hard[solid == 255])
    np.testing.assert_array_equal(merged[~landed], background[~landed])
    merged, landed = merge(image, mask, background, placement, 1.0, harmonise, alpha)
    assert merged.shape == background.shape and landed.shape == mask.shape


def test_a_grey_photo_gets_a_grey_background_where_that_is_asked():
    day, background, mask = smooth(96, seed=1), smooth(96, seed=2), disc(96, 20)
    night = np.repeat(day[..., :1] // 3, 3, axis=2)
    placement = Placement(shift=(0.1, 0.0))
    for image, matches, expected in (
        (night, True, as_grey(background, night, mask)),
        (night, False, background),
        (day, True, background),
    ):
        merged, landed = Merging(match_grey=matches).merge(image, mask, background, placement)
        np.testing.assert_array_equal(merged[~landed], expected[~landed])
        np.testing.assert_array_equal(merged[landed], image[mask])
    assert is_grey(Merging(match_grey=True).merge(night, mask, background, placement)[0])


@quick
@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 60), st.integers(1, 60))
def test_a_background_covers_any_frame_and_keeps_its_middle(height, width, frame_height, frame_width):
    ramp = np.linspace(0, 255, height * width).reshape(height, width, 1).astype(np.uint8).repeat(3, 2)
    covering = cover(ramp, (frame_width, frame_height))
    assert covering.shape == (frame_height, frame_width, 3) and covering.dtype == np.uint8
    assert covering.mean() == pytest.approx(127.5, abs=8 + 255 / max(height, width))
    assert cover(covering, (frame_width, frame_height)) is covering


@pytest.mark.parametrize(
    "wrong",
    [
        {"flip_probability": 1.5},
        {"scale": (1.2, 0.8)},
        {"scale": (0.0, 1.0)},
        {"max_rotation": -1.0},
        {"shift": -0.1},
        {"feather": -1.0},
        {"harmonise": 2.0},
        {"edge": "blurred"},
        {"max_rotation": float("inf")},
        {"shift": float("nan")},
        {"feather": -1.0},
        {"scale": (1.0, float("inf"))},
        {"size": (0.6, 0.4)},
        {"size": (0.01, 0.5)},
        {"scale": (0.01, 1.0)},
        {"size": (0.5, 1.2)},
        {"position": "left"},
        {"in_place": True, "position": "centre"},
        {"in_place": True, "size": (0.2, 0.3)},
    ],
)
def test_settings_out_of_range_are_named(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Merging(**wrong)


def test_a_turn_and_back_keeps_the_marks_of_small_images():
    """One-pixel stripes on a 64-pixel image survive: the warp is much sharper than a linear one (26 dB)."""
    size = 64
    rng = np.random.default_rng(0)
    image = np.asarray(
        Image.fromarray(rng.integers(0, 256, (24, 24, 3), dtype=np.uint8)).resize(
            (size, size), Image.Resampling.BICUBIC
        )
    )
    mask = disc(size, 24)
    turned, landed = merge(image, mask, image, Placement(rotation=13))
    back, _ = merge(turned, landed, image, Placement(rotation=-13))
    core = disc(size, 18)
    error = np.mean((back[core].astype(float) - image[core]) ** 2)
    assert 10 * math.log10(255**2 / error) > 30


@pytest.mark.parametrize("placement", [Placement(), Placement(True, 25, 0.8), Placement(size=0.9, position=(0, 1))])
def test_a_soft_edge_is_freed_from_the_old_background_that_is_mixed_into_it(placement):
    """A true mixture: the pixels at the edge of the photo are partly magenta."""
    size = 100
    share = np.clip((30 - np.hypot(*(np.mgrid[:size, :size] - 49.5))) / 4 + 0.5, 0, 1)[..., None]
    image = np.round(share * (60, 160, 60) + (1 - share) * (255, 0, 255)).astype(np.uint8)
    alpha = np.round(255 * share[..., 0]).astype(np.uint8)
    green = np.full_like(image, (60, 160, 60))
    merged, landed = merge(image, alpha >= 128, green, placement, alpha=alpha)
    np.testing.assert_allclose(merged, green, atol=10)
    feathered, _ = merge(image, alpha >= 128, green, placement, 1.0)
    assert np.abs(feathered.astype(int) - green).max() > 50
    black, _ = merge(image, alpha >= 128, np.zeros_like(image), placement, alpha=alpha)
    assert 20 < black[~landed].max() < 90, "beyond its outline less than half"
    if placement == Placement():
        np.testing.assert_allclose(black[..., 1], 160 * share[..., 0], atol=9)


@pytest.mark.parametrize(
    ("feather", "rotation", "size"), [(0.0, 0, 80), (0.0, 25, 80), (0.6, 25, 300), (1.0, 25, 80), (3.0, 0, 300)]
)
def test_no_old_background_bleeds_into_the_seam(feather, rotation, size):
    mask = disc(size, size * 0.3)
    image = np.where(mask[..., None], np.uint8([60, 160, 60]), np.uint8([255, 0, 255]))
    merged, _ = merge(image, mask, np.full_like(image, (60, 160, 60)), Placement(rotation=rotation), feather)
    np.testing.assert_allclose(merged, np.broadcast_to([60, 160, 60], merged.shape), atol=2)


def test_a_background_is_cut_evenly_where_it_juts_out():
    ramp = np.arange(100, dtype=np.uint8)[None, :, None].repeat(50, 0).repeat(3, 2)
    assert cover(ramp, (50, 50))[0, [0, -1], 0].tolist() == [25, 74]
    assert cover(ramp.transpose(1, 0, 2), (50, 50))[[0, -1], 0, 0].tolist() == [25, 74]
