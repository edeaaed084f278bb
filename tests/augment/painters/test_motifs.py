import numpy as np

from aga_lightning.augment.painters import motifs

GREY = ((0.3, 0.3, 0.3), (0.6, 0.6, 0.6))


def test_blades_stand_where_they_are_put(make_canvas):
    one = make_canvas(value=0.0)
    motifs.blades(one, GREY, 900, 0.15, rows=(0.8, 1.0), columns=(0.0, 0.4))
    assert one.pixels[70:, :50].mean() > 5 * one.pixels[70:, 70:].mean()
    assert (one.pixels[:50] == 0).all()


def test_trunks_are_upright_and_foliage_thins_downwards(make_canvas):
    one = make_canvas(value=0.0)
    motifs.trunks(one, 5, 0.08, GREY, 0.0, foot=0.9)
    assert np.abs(np.diff(one.pixels[:40], axis=1)).mean() > 1.5 * np.abs(np.diff(one.pixels[:40], axis=0)).mean()
    covers = [make_canvas(seed=seed, value=0.0) for seed in range(6)]
    for leafy in covers:
        motifs.foliage(leafy, GREY, 0.9, 0.0, fade=0.8)
    covered = np.mean([(leafy.pixels > 0).any(axis=2) for leafy in covers], axis=0)
    assert covered[:20].mean() > covered[-20:].mean() + 0.3


def test_boulders_and_flowers_show_their_colours(make_canvas):
    one = make_canvas(value=0.0)
    motifs.boulders(one, 6, 0.4, ((0.8, 0.2, 0.2), (0.9, 0.3, 0.3)))
    assert (one.pixels[..., 0] > one.pixels[..., 2] + 0.1).mean() > 0.02
    motifs.flowers(one, ((0.1, 0.1, 0.9),), 200, 0.08)
    assert (one.pixels[..., 2] > one.pixels[..., 0] + 0.3).mean() > 0.02
