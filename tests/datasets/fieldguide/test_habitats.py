import numpy as np
import pytest

from aga_lightning.datasets.fieldguide.canvas import Canvas
from aga_lightning.datasets.fieldguide.habitats import PAINTERS, blades, ridge
from aga_lightning.datasets.fieldguide.perches import PERCHES
from aga_lightning.datasets.fieldguide.species import HABITATS, NEW_HABITATS

POISON = np.array([255, 0, 255])


def paint(name, seed, size=48):
    canvas = Canvas(size)
    canvas.pixels[:] = POISON
    PAINTERS[name](canvas, np.random.default_rng(seed))
    return canvas


def test_every_habitat_has_a_painter_and_a_perch():
    assert set(PAINTERS) == {*HABITATS, *NEW_HABITATS, "paper"} == set(PERCHES)


@pytest.mark.parametrize("name", PAINTERS)
def test_a_habitat_fills_the_frame_and_never_repeats_itself(name):
    for seed in range(12):
        canvas = paint(name, seed)
        assert not (canvas.pixels == POISON).all(axis=2).any()
        assert not canvas.coverage.any()
    assert (paint(name, 1).pixels == paint(name, 1).pixels).all()
    assert (paint(name, 1).pixels != paint(name, 2).pixels).mean() > 0.3


def test_habitats_are_told_apart_by_their_colours():
    names = [*HABITATS, *NEW_HABITATS]
    mean = {
        name: np.mean([paint(name, s).pixels.reshape(-1, 3).mean(axis=0) for s in range(20)], axis=0) for name in names
    }
    for first in names:
        for second in names[: names.index(first)]:
            assert np.linalg.norm(mean[first] - mean[second]) > 8


def test_blades_are_rooted_where_they_should_and_ridges_reach_the_bottom():
    rng = np.random.default_rng(0)
    roots = np.array([blade[[0, -1]].mean(axis=0) for blade in blades(rng, 50, 0.6, 0.9, 0.1, 0.02)])
    assert 0.6 <= roots[:, 1].min() < roots[:, 1].max() <= 0.9
    land = ridge(rng, 0.3, 0.02)
    assert land[:, 1].max() == pytest.approx(1.02)
    assert land[:, 0].min() < 0 < 1 < land[:, 0].max()
