import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aga_lightning.augment.painters.noise import SPECTRA, plane_texture, profile, relief, texture

KINDS = (*SPECTRA, "stones", "leaves")


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=15, deadline=None, derandomize=True)
@given(height=st.integers(1, 40), width=st.integers(1, 60), scale=st.floats(4, 2000), seed=st.integers(0, 99))
def test_fields_have_the_asked_shape_and_range(kind, height, width, scale, seed):
    for make in (texture, plane_texture):
        field = make(np.random.default_rng(seed), (height, width), kind, scale)
        assert field.shape == (height, width)
        assert field.min() >= 0 and field.max() <= 1


def test_a_field_is_chosen_by_its_generator():
    fields = [texture(np.random.default_rng(seed), (32, 32), "earth", 100) for seed in (1, 1, 2)]
    assert (fields[0] == fields[1]).all()
    assert np.abs(fields[0] - fields[2]).mean() > 0.02


def test_tiles_wrap_without_a_seam():
    for kind in ("cloud", "earth"):
        field = texture(np.random.default_rng(0), (300, 300), kind, 100)
        steps = np.abs(np.diff(field, axis=0))
        assert steps.max(axis=1).max() < 6 * np.median(steps.max(axis=1))


def test_distance_makes_a_plane_finer_grained_and_flatter():
    field = plane_texture(np.random.default_rng(0), (200, 300), "cloud", 200)
    assert field[:8].std() < field[-60:].std()
    assert field[190:].std(axis=1).mean() > field[:4].std(axis=1).mean()


def test_stretch_elongates_sideways():
    field = texture(np.random.default_rng(0), (100, 100), "earth", 100, stretch=6)
    assert np.abs(np.diff(field, axis=1)).mean() < 0.5 * np.abs(np.diff(field, axis=0)).mean()


def test_relief_lights_the_side_that_faces_the_sun():
    bump = np.exp(-((np.arange(41) - 20.0) ** 2) / 60)[None].repeat(9, axis=0)
    facing = relief(bump, sun_side=1.0)
    assert facing[4, 28] > 0.6 and facing[4, 12] < 0.4
    assert relief(bump, sun_side=-1.0)[4, 28] < 0.4


def test_a_rougher_profile_has_larger_steps():
    def step(roughness):
        return np.mean(
            [np.abs(np.diff(profile(np.random.default_rng(seed), 200, roughness))).mean() for seed in range(9)]
        )

    assert step(0.7) > 1.5 * step(0.3)
