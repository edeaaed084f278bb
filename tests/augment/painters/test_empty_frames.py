"""Whose empty frames are lent to whom: drawn frames of a few cameras, by day and by night."""

from pathlib import Path

import numpy as np
import pytest

from aga_lightning.augment.base import Caption, Prompt, Scene, SubjectSource
from aga_lightning.augment.grey import is_grey
from aga_lightning.augment.painters.empty_frames import EmptyFrames
from aga_lightning.images.reading import ImageReadError
from aga_lightning.images.records import DatasetError, ImageRecord
from aga_lightning.images.samples import Sample

CAPTION = Caption("anywhere", Prompt("", "", ""))
COLOURS = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)


class Cameras(SubjectSource):
    """Frames written as words: camera, light, number, and a "+" where there is an animal.

    The middle pixel says which frame it is. Nothing may be isolated; what is read is noted.
    """

    def __init__(self, frames, damaged=()):
        self.frames, self.damaged = frames.split(), damaged
        self.read = []

    def __len__(self):
        return len(self.frames)

    def digest(self):
        return "all"

    def __getitem__(self, index):
        raise AssertionError("an empty frame needs no mask")

    @property
    def records(self):
        return [
            ImageRecord(Path(f"{number}.jpg"), 0, "zebra", "animal" if "+" in frame else "", group=frame[0].strip("-"))
            for number, frame in enumerate(self.frames)
        ]

    @property
    def digests(self):
        return [f"digest {frame.strip('+')[1:]}" for frame in self.frames]

    def sample(self, index):
        frame = self.frames[index]
        self.read.append(frame)
        if frame in self.damaged:
            raise ImageReadError(frame)
        image = COLOURS.copy() if frame[1] == "d" else np.repeat(COLOURS[..., :1], 3, 2) // 3
        image[5:7, 7:9] = int(frame[2])
        return Sample(image, self.records[index], self.digests[index])


def painter(frames, **settings):
    """Frames of cameras A, B, ... by day (d) or night (n)."""
    lent = frames if isinstance(frames, Cameras) else Cameras(frames)
    made = EmptyFrames(**settings)
    made.borrow(lent)
    return made


def scenes(source, count=24, size=(16, 12)):
    return [Scene(CAPTION, size, seed, f"digest {source}" if source else "") for seed in range(count)]


def lent(painter, source, **settings):
    """Which frames stand behind a source, each as light and number."""
    images = painter.paint(scenes(source, **settings))
    return {("n" if is_grey(image) else "d") + str(image[5, 7, 0]) for image in images}


EVERYTHING = "Ad1 Ad2 An3 An4 Bd5 Bn6 Ad7+ An8+ Bd9+"


@pytest.mark.parametrize(
    ("cameras", "source", "expected"),
    [
        ("own", "d7", {"d1", "d2"}),
        ("own", "n8", {"n3", "n4"}),
        ("own", "d9", {"d5"}),
        ("other", "d7", {"d5"}),
        ("other", "n8", {"n6"}),
        ("any", "d7", {"d1", "d2", "d5"}),
        ("any", "n8", {"n3", "n4", "n6"}),
        ("own", "", {"d1", "d2", "n3", "n4", "d5", "n6"}),  # a bank: its subject is not known yet
        ("other", "x", {"d1", "d2", "n3", "n4", "d5", "n6"}),
    ],
)
def test_frames_are_of_the_asked_camera_and_of_the_sources_light(cameras, source, expected):
    assert lent(painter(EVERYTHING, cameras=cameras), source, count=60) == expected


@pytest.mark.parametrize(
    ("frames", "cameras", "expected"),
    [
        ("Ad1 Bn2 Bd3 An9+", "own", {"n2"}),  # the right light elsewhere before the wrong light here
        ("Ad1 Bd2 An9+", "own", {"d1"}),
        ("Bd2 An9+", "own", {"d2"}),
        ("An1 Bd2 An9+", "other", {"d2"}),  # the own camera would tie it to the class again
        ("An1 Ad2 An9+", "other", {"n1"}),
        ("Ad2 An9+", "other", {"d2"}),
        ("Ad1 An9+", "any", {"d1"}),
        ("-d1 -n2 -n9+", "own", {"n2"}),  # no groups: any camera
        ("-d1 -n2 -n9+", "other", {"n2"}),
    ],
)
def test_what_there_is_not_is_made_up_for_in_order(frames, cameras, expected):
    assert lent(painter(frames, cameras=cameras), "n9") == expected


def test_a_frame_is_lent_whole_and_cut_only_to_the_scenes_shape():
    made = painter("Ad1 Ad9+")
    (whole,) = made.paint(scenes("d9", 1))
    assert np.array_equal(whole[:5], COLOURS[:5]) and np.array_equal(whole[7:], COLOURS[7:])
    (square,) = made.paint(scenes("d9", 1, size=(12, 12)))
    assert np.array_equal(square[:5], COLOURS[:5, 2:14])
    assert made.paint(scenes("d9", 1, size=(48, 36)))[0].shape == (36, 48, 3)


def test_a_scene_depends_on_itself_alone_and_not_on_the_order_of_the_frames():
    frames = "Ad1 Ad2 An3 An4 Bd5 Bn6 Ad7+ An8+".split()
    asked = scenes("d7", 8) + scenes("n8", 8)
    together = [image.tobytes() for image in painter(" ".join(frames)).paint(asked)]
    assert len(set(together)) == 4
    shuffled = painter(" ".join([*frames[::-1], "Ad1", "Ad1"]))  # and listed thrice
    for scene, image in reversed(list(zip(asked, together, strict=True))):
        assert shuffled.paint([scene])[0].tobytes() == image


def test_equal_files_are_one_image():
    # d1 is listed under two cameras, d2 once with an animal and once without, the source under two cameras.
    made = painter("Ad1 Bd1 Cd3 Ad2 Ad2+ Ad9+ Bd9+")
    assert lent(made, "d9") == {"d1"}
    assert lent(painter("Ad1 Bd2 Cd3 Ad9+ Bd9+"), "d9") == {"d1", "d2"}
    assert lent(painter("Ad1 Bd2 Cd3 Ad9+ Bd9+", cameras="other"), "d9") == {"d3"}


def test_the_light_is_looked_for_in_so_many_frames_and_each_is_looked_at_once():
    cameras = Cameras("Ad1 Ad2 Ad3 Ad4 Ad5 Ad6 Ad7 An8 An9+")
    patient, hasty = painter(cameras), painter(cameras, attempts=1)
    assert lent(patient, "n9") == {"n8"}
    assert len([frame for frame in cameras.read if frame[1] == "d"]) == 7
    assert lent(hasty, "n9", count=60) > {"n8"}


def test_damaged_frames_are_passed_over():
    made = painter(Cameras("Ad1 Ad2 An3 Ad9+", damaged=("Ad1",)))
    assert lent(made, "d9") == {"d2"}
    assert lent(painter(Cameras("Ad1 Ad2 Ad9+", damaged=("Ad9+", "Ad1"))), "d9") == {"d2"}
    with pytest.raises(RuntimeError, match="none of 1 empty frames can be read"):
        painter(Cameras("Ad1 Ad9+", damaged=("Ad1",))).paint(scenes("d9", 1))


@pytest.mark.parametrize("frames", ["Ad1+ Ad2+", "", "Ad1 Ad1+"])
def test_without_any_empty_frame_it_says_so_before_anything_is_made(frames):
    cameras = Cameras(frames)
    with pytest.raises(DatasetError, match=r"without a subject.*setting superclasses"):
        EmptyFrames().borrow(cameras)
    assert cameras.read == []


@pytest.mark.parametrize("wrong", [{"cameras": "mine"}, {"attempts": 0}])
def test_settings_out_of_range_are_named(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        EmptyFrames(**wrong)
