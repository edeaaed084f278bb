import numpy as np

from aga_lightning.augment.painters.light import LIGHTS


def test_a_surface_that_faces_the_sun_is_brighter():
    for light in LIGHTS.values():
        seen = light.shade((0.5, 0.5, 0.5), np.linspace(0, 1, 5, dtype=np.float32))
        assert seen.shape == (5, 3)
        assert (np.diff(seen.mean(axis=1)) > 0).all()


def test_white_light_at_noon_and_warm_light_at_sunset():
    noon, sunset = (LIGHTS[name].shade((0.5, 0.5, 0.5), 1.0) for name in ("noon", "sunset"))
    assert np.ptp(noon) < 0.1 and sunset[0] - sunset[2] > 0.2


def test_nights_have_stars_and_lamps():
    assert all(LIGHTS[name].stars > 0 and LIGHTS[name].lamps for name in ("dusk", "night", "moonlight"))
    assert not any(LIGHTS[name].stars or LIGHTS[name].lamps for name in ("noon", "fog", "winter"))
