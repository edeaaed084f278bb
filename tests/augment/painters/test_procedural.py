"""The painter without weights as a whole: it paints what it has always painted, and what a caption asks for.

`scenes.png` holds a picture of each setting (a row) at each time (a column), 8 x 8 pixels each. Where a change is meant
to alter the pictures, look at the new ones and write them with `python tests/augment/painters/test_procedural.py`.
"""

import subprocess
import sys
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from aga_lightning.augment.base import Caption, Prompt, Scene
from aga_lightning.augment.painters.light import LIGHTS
from aga_lightning.augment.painters.procedural import SETTINGS, ProceduralScenes, place_and_time
from aga_lightning.augment.prompts import OFFICIAL_17, SPATIAL, TEMPORAL

KEPT = Path(__file__).with_name("scenes.png")
TOLERANCE = 2
"""Levels of 255: libraries of other versions round otherwise."""


def scene(spatial, temporal, seed=0, size=(64, 64), text=""):
    return Scene(Caption(text, Prompt("", spatial, temporal)), size, seed)


def paint(*arguments, **keywords):
    return ProceduralScenes().paint([scene(*arguments, **keywords)])[0]


def recognised(spatial, temporal, text="", seed=0):
    return place_and_time(Caption(text, Prompt("", spatial, temporal)), np.random.default_rng(seed))


def row_of(spatial):
    """Its pictures at all times, side by side."""
    pictures = [Image.fromarray(paint(spatial, temporal, seed)) for seed, temporal in enumerate(TEMPORAL)]
    return np.concatenate([np.asarray(one.resize((8, 8), Image.Resampling.BOX)) for one in pictures], axis=1)


@pytest.mark.parametrize("row", range(len(SPATIAL)), ids=SPATIAL)
def test_the_pictures_are_those_that_were_always_painted(row):
    kept = np.asarray(Image.open(KEPT))[8 * row : 8 * row + 8].astype(int)
    assert np.abs(row_of(SPATIAL[row]) - kept).max() <= TOLERANCE


def test_every_setting_and_time_has_its_own_scene():
    assert [recognised(spatial, "")[0] for spatial in SPATIAL] == list(SETTINGS)
    assert [recognised("", temporal)[1] for temporal in TEMPORAL] == list(LIGHTS)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.sampled_from(SPATIAL), st.integers(1, 150), st.integers(1, 150), st.sampled_from(TEMPORAL), st.integers(0))
def test_any_size_and_seed_paints(spatial, width, height, temporal, seed):
    image = paint(spatial, temporal, seed % 2**63, (width, height))
    assert image.shape == (height, width, 3) and image.dtype == np.uint8


@pytest.mark.parametrize("size", [(900, 120), (120, 900)])
def test_large_and_narrow_pictures(size):
    assert paint(SPATIAL[9], TEMPORAL[7], 3, size).shape == (size[1], size[0], 3)


def test_a_scene_depends_on_itself_alone():
    scenes = [scene(SPATIAL[seed], TEMPORAL[seed % 13], seed) for seed in range(18)]
    batch = ProceduralScenes().paint(scenes)
    np.random.seed(1)
    cv2.setRNGSeed(1)
    alone = [ProceduralScenes().paint([one])[0] for one in reversed(scenes)][::-1]
    assert all((one == other).all() for one, other in zip(batch, alone, strict=True))


def test_another_process_paints_the_same():
    code = (
        "from aga_lightning.augment.painters.procedural import ProceduralScenes as P\n"
        "from aga_lightning.augment.base import Caption, Prompt, Scene\n"
        f"s = Scene(Caption('', Prompt('', {SPATIAL[4]!r}, {TEMPORAL[2]!r})), (40, 30), 9)\n"
        "import sys; sys.stdout.buffer.write(P().paint([s])[0].tobytes())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout == paint(SPATIAL[4], TEMPORAL[2], 9, (40, 30)).tobytes()


@cache
def features(spatial, temporal, seed):
    """Colours and fine contrast of the nine fields of the picture."""
    image = cv2.cvtColor(paint(spatial, temporal, seed), cv2.COLOR_RGB2LAB).astype(np.float32)
    edges = np.abs(cv2.Laplacian(image[..., 0], cv2.CV_32F))
    colours = cv2.resize(image, (3, 3), interpolation=cv2.INTER_AREA).ravel()
    return np.concatenate([colours, 2 * cv2.resize(edges, (3, 3), interpolation=cv2.INTER_AREA).ravel()])


@pytest.mark.parametrize(
    ("of_class", "classes", "number"),
    [
        (lambda c, seed: (SPATIAL[c], TEMPORAL[seed % 13]), 18, 26),
        (lambda c, seed: (SPATIAL[seed % 18], TEMPORAL[c]), 13, 18),
    ],
    ids=["settings", "times"],
)
def test_settings_and_times_are_told_apart_whatever_the_other(of_class, classes, number):
    """By a classifier of nearest centroids, fitted to some seeds and asked about others."""
    seeds = range(2 * number)
    seen = np.array([[features(*of_class(c, seed), seed) for seed in seeds] for c in range(classes)])
    train, test = seen[:, :number], seen[:, number:]
    spread = train.reshape(-1, train.shape[-1]).std(axis=0) + 1e-6
    distances = np.linalg.norm((train.mean(axis=1)[:, None, None] - test) / spread, axis=-1)
    assert (distances.argmin(axis=0) == np.arange(classes)[:, None]).mean() > 0.29


def test_night_is_darker_winter_paler_and_sunset_warmer_than_noon():
    times = ("at noon", "on a starry night", "in winter snow", "at sunset")
    mean = {
        time: np.array([[paint(spatial, time, seed, (24, 24)) for seed in range(6)] for spatial in SPATIAL], float)
        for time in times
    }
    brightness = {time: mean[time].mean(axis=(1, 2, 3, 4)) for time in times}
    colour = {time: np.ptp(mean[time], axis=-1).mean(axis=(1, 2, 3)) for time in times}
    assert (brightness["on a starry night"] < 0.6 * brightness["at noon"]).all()
    assert (colour["in winter snow"] < colour["at noon"]).all()
    warmth = {time: (mean[time][..., 0] - mean[time][..., 2]).mean() for time in times}
    assert warmth["at sunset"] > warmth["at noon"] + 20
    assert np.ptp(mean["at noon"], axis=1).mean() > 30, "seeds differ"


def test_words_of_other_lists_are_understood():
    expected = {
        "in a desert": ("dunes", None),
        "at the beach": ("beach", None),
        "amidst the autumn foliage": ("woodland", "autumn"),
        "in a tropical climate": ("jungle", "summer"),
        "during a thunderstorm": (None, "storm"),
        "in a snowy weather": (None, "winter"),
        "under a clear sky": (None, "noon"),
    }
    assert set(expected) <= set(OFFICIAL_17)
    for words, (place, time) in expected.items():
        found = [recognised(words, "", seed=seed) for seed in range(40)]
        for known, seen in zip((place, time), zip(*found, strict=True), strict=True):
            assert set(seen) == {known} if known else len(set(seen)) > 5


def test_the_text_of_a_caption_is_asked_last():
    assert recognised("somewhere", "", "Mist over a Swamp") == ("marsh", "fog")
    assert recognised("a sandy beach", "at noon", "Mist over a swamp") == ("beach", "noon")


def test_blur_softens_and_supersampling_keeps_the_size():
    def sharpness(blur):
        painter = ProceduralScenes(blur=blur)
        images = painter.paint([scene(spatial, "at noon", 2, (96, 96)) for spatial in SPATIAL])
        return np.mean([np.abs(np.diff(image.astype(float), axis=1)).mean() for image in images])

    assert sharpness(0) > sharpness(1) > sharpness(4)
    assert ProceduralScenes(supersample=3).paint([scene(SPATIAL[0], TEMPORAL[0], 1, (31, 17))])[0].shape == (17, 31, 3)


@pytest.mark.parametrize("arguments", [{"blur": -1}, {"supersample": 0}])
def test_wrong_settings_are_refused(arguments):
    with pytest.raises(ValueError, match=next(iter(arguments))):
        ProceduralScenes(**arguments)


if __name__ == "__main__":
    Image.fromarray(np.concatenate([row_of(spatial) for spatial in SPATIAL])).save(KEPT)
