import numpy as np
import pytest

from aga_lightning.datasets.fieldguide.bird import BirdPainter, Medium
from aga_lightning.datasets.fieldguide.canvas import Canvas
from aga_lightning.datasets.fieldguide.pose import Pose
from aga_lightning.datasets.fieldguide.species import SPECIES

POSE = Pose(x=0.5, y=0.5, unit=0.26, tilt=-0.2, nod=0.0, plumpness=1.0, left=False)


def paint(species, seed=0, sketch=False, size=128):
    canvas = Canvas(size)
    canvas.pixels[:] = 120
    BirdPainter(canvas, species, POSE, Medium(np.random.default_rng(seed), sketch)).paint()
    return canvas


@pytest.mark.parametrize("species", SPECIES, ids=lambda species: species.name)
def test_the_coverage_is_exactly_what_the_bird_changed(species):
    canvas = paint(species)
    changed = (canvas.pixels != 120).any(axis=2)
    assert not changed[canvas.coverage == 0].any()
    assert changed[canvas.coverage > 200].mean() > 0.97
    assert not canvas.painting_subject


@pytest.mark.parametrize("sketch", [False, True])
def test_look_alikes_differ_where_the_marks_are_and_are_alike_elsewhere(sketch):
    for first, second in zip(SPECIES[::2], SPECIES[1::2], strict=True):
        one, other = paint(first, sketch=sketch), paint(second, sketch=sketch)
        both = (one.coverage > 200) & (other.coverage > 200)
        difference = np.abs(one.pixels[both].astype(int) - other.pixels[both]).mean(axis=1)
        assert 0.04 < (difference > 30).mean() < 0.5


def test_a_sketch_has_no_colour_and_dark_outlines():
    pixels = paint(SPECIES[4], sketch=True).pixels.astype(int)
    assert (pixels.max(axis=2) - pixels.min(axis=2)).max() <= 6
    assert (pixels < 70).any()


def test_some_birds_are_dull():
    colour = np.array([220, 60, 20])
    strength = [np.ptp(Medium(np.random.default_rng(seed)).tone(tuple(colour))) for seed in range(200)]
    assert 0.2 < np.mean(np.array(strength) < 150) < 0.5


def test_the_same_seed_paints_the_same_bird_at_any_size():
    small, large = paint(SPECIES[0], size=64), paint(SPECIES[0], size=192)
    shrunk = large.pixels.reshape(64, 3, 64, 3, 3).mean(axis=(1, 3))
    assert np.abs(shrunk - small.pixels).mean() < 4
