import numpy as np

from aga_lightning.augment.painters import weather


def test_fog_flattens_and_rain_streaks(make_canvas):
    foggy, rainy = make_canvas("fog"), make_canvas("rain", value=0.1)
    foggy.pixels[:, ::8] = 0
    before = foggy.pixels.std()
    weather.weather(foggy)
    assert foggy.pixels.std() < before
    weather.weather(rainy)
    assert rainy.pixels.mean() > 0.12


def test_the_camera_keeps_the_picture_and_varies_it(make_canvas):
    developed = [weather.develop(make_canvas(seed=seed), 0.0) for seed in range(12)]
    assert {image.dtype for image in developed} == {np.dtype(np.uint8)}
    means = [image.mean() for image in developed]
    assert 90 < np.mean(means) < 160 and np.std(means) > 3
