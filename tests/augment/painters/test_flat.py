import numpy as np

from aga_lightning.augment.base import Caption, Prompt, Scene
from aga_lightning.augment.painters.flat import FlatColour


def scene(seed, size=(5, 3)):
    return Scene(Caption("", Prompt("", "", "")), size, seed)


def test_one_colour_of_the_asked_size():
    image = FlatColour().paint([scene(1)])[0]
    assert image.shape == (3, 5, 3) and image.dtype == np.uint8
    assert (image == image[0, 0]).all()


def test_colours_depend_on_the_seed_and_fill_the_cube():
    images = FlatColour().paint([scene(seed) for seed in range(400)])
    colours = np.array([image[0, 0] for image in images])
    assert (colours == [FlatColour().paint([scene(seed)])[0][0, 0] for seed in range(400)]).all()
    assert abs(colours.mean() - 127.5) < 10 and abs(colours.std() - 73.9) < 6
