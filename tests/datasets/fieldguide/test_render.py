"""The drawing engine as a whole: it draws what it has always drawn, and what a data set of birds needs.

`birds.png` holds a picture of each species (a row) in each habitat (a column), 16 x 16 pixels each. Where a change is
meant to alter the pictures, raise `render.DRAWING`, look at the new ones and write them with
`python tests/datasets/fieldguide/test_render.py`.
"""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aga_lightning.datasets.fieldguide.bird import BirdPainter, Medium
from aga_lightning.datasets.fieldguide.canvas import Canvas
from aga_lightning.datasets.fieldguide.habitats import PAINTERS
from aga_lightning.datasets.fieldguide.perches import PERCHES
from aga_lightning.datasets.fieldguide.pose import Pose
from aga_lightning.datasets.fieldguide.render import Picture, render
from aga_lightning.datasets.fieldguide.species import HABITATS, NEW_HABITATS, SPECIES

KEPT = Path(__file__).with_name("birds.png")
EVERYWHERE = (*HABITATS, *NEW_HABITATS, "paper")
TOLERANCE = 2
"""Levels of 255: other versions of OpenCV round otherwise."""


def row_of(species):
    """Its pictures in all habitats, side by side; the last row of pixels of each is the share of its mask."""
    tiles = []
    for number, habitat in enumerate(EVERYWHERE):
        picture = render(species, habitat, 32, np.random.default_rng([SPECIES.index(species), number]))
        tile = np.asarray(Image.fromarray(picture.image).resize((16, 16), Image.Resampling.BOX)).copy()
        tile[-1] = picture.mask.mean() * 255
        tiles.append(tile)
    return np.concatenate(tiles, axis=1)


@pytest.mark.parametrize("row", range(len(SPECIES)), ids=[species.name for species in SPECIES])
def test_the_pictures_are_those_that_were_always_drawn(row):
    kept = np.asarray(Image.open(KEPT))[16 * row : 16 * row + 16].astype(int)
    assert np.abs(row_of(SPECIES[row]) - kept).max() <= TOLERANCE


def paint(species, seed=0, sketch=False):
    canvas = Canvas(128)
    canvas.pixels[:] = 120
    pose = Pose(x=0.5, y=0.5, unit=0.26, tilt=-0.2, nod=0.0, plumpness=1.0, left=False)
    BirdPainter(canvas, species, pose, Medium(np.random.default_rng(seed), sketch)).paint()
    return canvas


@pytest.mark.parametrize("sketch", [False, True])
def test_look_alikes_differ_where_the_marks_are_and_the_coverage_is_what_the_bird_changed(sketch):
    for first, second in zip(SPECIES[::2], SPECIES[1::2], strict=True):
        one, other = paint(first, sketch=sketch), paint(second, sketch=sketch)
        both = (one.coverage > 200) & (other.coverage > 200)
        difference = np.abs(one.pixels[both].astype(int) - other.pixels[both]).mean(axis=1)
        assert 0.04 < (difference > 30).mean() < 0.5
        changed = (one.pixels != 120).any(axis=2)
        assert not changed[one.coverage == 0].any() and changed[one.coverage > 200].mean() > 0.97


def test_habitats_fill_the_frame_and_are_told_apart_by_their_colours():
    assert set(PAINTERS) == set(EVERYWHERE) == set(PERCHES)
    means = []
    for habitat in EVERYWHERE:
        pixels = []
        for seed in range(12):
            canvas = Canvas(48)
            canvas.pixels[:] = (255, 0, 255)
            PAINTERS[habitat](canvas, np.random.default_rng(seed))
            assert not (canvas.pixels == (255, 0, 255)).all(axis=2).any() and not canvas.coverage.any()
            pixels.append(canvas.pixels.reshape(-1, 3).mean(axis=0))
        means.append(np.mean(pixels, axis=0))
    apart = np.linalg.norm(np.subtract(np.array(means)[:, None], means), axis=-1)
    assert apart[~np.eye(len(means), dtype=bool)].min() > 8


@pytest.mark.parametrize("species", SPECIES, ids=lambda species: species.name)
def test_the_bird_is_seen_well_and_only_a_sketch_is_grey(species):
    for seed, habitat in enumerate(EVERYWHERE):
        picture = render(species, habitat, 48, np.random.default_rng(seed))
        assert picture.image.shape == (48, 48, 3) and picture.image.dtype == np.uint8
        assert 0.04 < picture.mask.mean() < 0.6
        assert (np.ptp(picture.image.mean(axis=(0, 1))) < 2) == (habitat == "paper")


def test_the_box_is_tight():
    mask = np.zeros((10, 12), bool)
    mask[2:5, 3:9] = True
    mask[3, 5] = False
    assert Picture(np.zeros((10, 12, 3), np.uint8), mask).box == (3.0, 2.0, 9.0, 5.0)


def test_the_picture_is_the_same_at_any_size():
    small, large = (render(SPECIES[2], "lake", size, np.random.default_rng(11)) for size in (48, 144))
    shrunk = large.image.reshape(48, 3, 48, 3, 3).mean(axis=(1, 3))
    assert np.abs(shrunk - small.image).mean() < 10
    coarse = large.mask.reshape(48, 3, 48, 3).mean(axis=(1, 3)) > 0.5
    assert (coarse & small.mask).sum() / (coarse | small.mask).sum() > 0.8


if __name__ == "__main__":
    Image.fromarray(np.concatenate([row_of(species) for species in SPECIES])).save(KEPT)
