import subprocess
import sys
from functools import cache

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aga_lightning.augment.base import Caption, Prompt, Scene
from aga_lightning.augment.painters.light import LIGHTS
from aga_lightning.augment.painters.procedural import SETTINGS, ProceduralScenes, place_and_time
from aga_lightning.augment.prompts import OFFICIAL_17, SPATIAL, TEMPORAL


def scene(spatial, temporal, seed=0, size=(64, 64), text=""):
    return Scene(Caption(text, Prompt("", spatial, temporal)), size, seed)


def paint(*arguments, **keywords):
    return ProceduralScenes().paint([scene(*arguments, **keywords)])[0]


def recognised(spatial, temporal, text="", seed=0):
    return place_and_time(Caption(text, Prompt("", spatial, temporal)), np.random.default_rng(seed))


def test_every_setting_and_time_has_its_own_scene():
    assert [recognised(spatial, "")[0] for spatial in SPATIAL] == list(SETTINGS)
    assert [recognised("", temporal)[1] for temporal in TEMPORAL] == list(LIGHTS)


@pytest.mark.parametrize("spatial", SPATIAL)
def test_every_scene_paints(spatial):
    for number, temporal in enumerate(TEMPORAL):
        image = paint(spatial, temporal, number, (48, 36))
        assert image.shape == (36, 48, 3) and image.dtype == np.uint8
        assert image.std() > 2, f"{spatial} {temporal} is blank"


@pytest.mark.parametrize("spatial", SPATIAL)
@settings(max_examples=6, deadline=None, derandomize=True)
@given(st.integers(1, 150), st.integers(1, 150), st.sampled_from(TEMPORAL), st.integers(0, 2**63))
def test_any_size_and_seed_paints(spatial, width, height, temporal, seed):
    assert paint(spatial, temporal, seed, (width, height)).shape == (height, width, 3)


@pytest.mark.parametrize("size", [(1024, 1024), (900, 120), (120, 900)])
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


def nearest_centroid_accuracy(of_class, classes, number):
    """Accuracy on unseen seeds of a classifier fitted to `number` pictures a class."""
    train = [[features(*of_class(c, seed), seed) for seed in range(number)] for c in range(classes)]
    test = [[features(*of_class(c, seed), seed) for seed in range(number, 2 * number)] for c in range(classes)]
    spread = np.concatenate(train).std(axis=0) + 1e-6
    centroids = np.mean(train, axis=1) / spread
    guesses = [
        [np.argmin(np.linalg.norm(centroids - picture / spread, axis=1)) for picture in pictures] for pictures in test
    ]
    return float(np.mean(np.array(guesses) == np.arange(classes)[:, None]))


def test_settings_are_told_apart_whatever_the_time():
    accuracy = nearest_centroid_accuracy(lambda c, seed: (SPATIAL[c], TEMPORAL[seed % 13]), 18, 26)
    assert accuracy > 5 / 18


def test_times_are_told_apart_whatever_the_setting():
    accuracy = nearest_centroid_accuracy(lambda c, seed: (SPATIAL[seed % 18], TEMPORAL[c]), 13, 18)
    assert accuracy > 4 / 13


def test_two_seeds_of_one_combination_differ_well():
    for spatial in SPATIAL:
        pictures = [paint(spatial, TEMPORAL[1], seed).astype(float) for seed in range(4)]
        assert np.mean([np.abs(pictures[0] - other).mean() for other in pictures[1:]]) > 12, spatial


@pytest.mark.parametrize("spatial", SPATIAL)
def test_night_is_darker_and_winter_paler_than_noon(spatial):
    night, noon = (
        np.mean([paint(spatial, time, seed).mean() for seed in range(6)]) for time in ("on a starry night", "at noon")
    )
    assert night < 0.6 * noon
    saturation = [
        np.mean([np.ptp(paint(spatial, time, seed).astype(float), axis=2).mean() for seed in range(6)])
        for time in ("in winter snow", "at noon")
    ]
    assert saturation[0] < saturation[1]


def test_sunset_is_warmer_than_noon():
    warmth = {
        time: np.mean([np.subtract(*np.moveaxis(paint(s, time, 5).astype(float), 2, 0)[[0, 2]]) for s in SPATIAL])
        for time in ("at sunset", "at noon")
    }
    assert warmth["at sunset"] > warmth["at noon"] + 20


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
    with pytest.raises(ValueError):
        ProceduralScenes(**arguments)
