import numpy as np

from aga_lightning.augment.painters import ridges

GREY = ((0.3, 0.3, 0.3), (0.6, 0.6, 0.6))


def test_far_hills_are_paler_and_stand_on_the_horizon(make_canvas):
    far, near = make_canvas(value=0.0), make_canvas(value=0.0)
    for one, distance in ((far, 0.9), (near, 0.1)):
        ridges.stand(one, np.full(128, 30.0), 42, GREY, distance)
        assert (one.pixels[:29] == 0).all() and (one.pixels[42:] == 0).all()
        assert one.pixels[31:42].min() > 0
    assert far.pixels[32:40].mean() > near.pixels[32:40].mean()
    assert far.pixels[32:40].std() < near.pixels[32:40].std()


def test_windows_are_lit_after_dark_only(make_canvas):
    def warm(light):
        one = make_canvas(light)
        ridges.skyline(one, 80, 0.8, 0.1, GREY)
        return ((one.pixels[..., 0] > 0.7) & (one.pixels[..., 2] < 0.65)).sum()

    assert warm("night") > 30 and warm("fog") == 0
