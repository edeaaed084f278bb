from pathlib import Path

import numpy as np
import pytest

from aga_lightning.augment.base import Caption, Detection, ImageRecord, Prompt, Scene, Subject, SubjectSource
from aga_lightning.augment.painters.class_donors import ClassDonors
from aga_lightning.images.samples import Sample

CAPTION = Caption("anywhere", Prompt("", "", ""))
TONES = [(200, 30, 30), (30, 200, 30), (30, 30, 200), (200, 200, 30)]


class Photos(SubjectSource):
    """Each photo (name, label): its class's own colour, a little brighter from photo to photo, and a black square."""

    def __init__(self, *listed, lost=(), side=20, empty=()):
        self.listed, self.lost, self.side, self.empty = listed, lost, side, empty

    def __len__(self):
        return len(self.listed)

    def digest(self):
        return "all"

    def __getitem__(self, index):
        name, label = self.listed[index]
        image = np.full((60, 80, 3), TONES[label], np.uint8) + np.uint8(4 * (ord(name) - ord("a")))
        record = ImageRecord(Path(f"{name}.png"), label, f"class {label}", "" if label in self.empty else "thing")
        if label in self.empty:
            return Sample(image, record, name), None
        mask = np.zeros((60, 80), bool)
        mask[20 : 20 + self.side, 30 : 30 + self.side] = True
        image[mask] = 0
        found = None if name in self.lost else Subject(mask, Detection((30, 20, 50, 40), 1.0), 1.0)
        return Sample(image, record, name), found


def lenders(photos, source, classes, count=30, **settings):
    """The photos, by name, whose backgrounds were lent to one of them."""
    painter = ClassDonors(classes=classes, **settings)
    painter.borrow(photos)
    images = painter.paint([Scene(CAPTION, (40, 30), seed, source) for seed in range(count)])
    names = set()
    for image in images:
        colour = image.reshape(-1, 3).astype(float).mean(0)
        away = {
            name: np.abs(np.array(TONES[label]) + 4 * (ord(name) - ord("a")) - colour).max()
            for name, label in photos.listed
        }
        nearest = min(away, key=away.get)
        assert away[nearest] < 1 and image.std((0, 1)).max() < 2, "some of a subject is left"
        names.add(nearest)
    return names


THREE = Photos(("a", 0), ("b", 0), ("c", 0), ("d", 1), ("e", 1), ("f", 2))


@pytest.mark.parametrize(
    ("source", "classes", "expected"),
    [
        ("a", "all", "bcdef"),
        ("a", "same", "bc"),
        ("a", "other", "def"),
        ("e", "same", "d"),
        ("e", "other", "abcf"),
        ("f", "other", "abcde"),
    ],
)
def test_donors_are_of_the_classes_that_were_asked_for(source, classes, expected):
    assert lenders(THREE, source, classes) == set(expected)


def test_the_only_photo_of_a_class_lends_its_own_background():
    assert lenders(THREE, "f", "same") == {"f"}
    assert lenders(Photos(("a", 0), ("b", 0), ("c", 1), lost="b"), "a", "same") == {"a"}
    too_large = Photos(("a", 0), ("b", 0), ("c", 1), side=38)
    assert lenders(too_large, "a", "same", max_hole=0.3) == {"a"}
    with pytest.raises(RuntimeError, match="can give its background"):
        lenders(too_large, "a", "other", max_hole=0.3)
    with pytest.raises(RuntimeError, match="no subject was found"):
        lenders(Photos(("a", 0), ("c", 1), lost="a"), "a", "same")


def test_a_file_of_two_classes_is_of_both():
    twice = Photos(("a", 0), ("a", 1), ("c", 0), ("d", 1), ("e", 2))
    assert lenders(twice, "a", "same") == {"c", "d"}
    assert lenders(twice, "a", "other") == {"e"}
    assert "a" not in lenders(twice, "e", "same")


@pytest.mark.parametrize("classes", ["all", "same", "other"])
def test_a_scene_depends_on_itself_alone(classes):
    scenes = [Scene(CAPTION, (40, 30), seed, "abcdef"[seed]) for seed in range(6)]
    painter = ClassDonors(classes=classes, min_crop=0.5)
    painter.borrow(THREE)
    together = painter.paint(scenes)
    for scene, image in reversed(list(zip(scenes, together, strict=True))):
        alone = ClassDonors(classes=classes, min_crop=0.5)
        alone.borrow(THREE)
        assert alone.paint([scene])[0].tobytes() == image.tobytes()


def test_what_cannot_be_done_is_named():
    with pytest.raises(ValueError, match="classes must be one of"):
        ClassDonors(classes="similar")
    with pytest.raises(ValueError, match="max_hole"):
        ClassDonors(max_hole=1.0)
    with pytest.raises(RuntimeError, match=r"ClassDonors has no training images yet"):
        ClassDonors().paint([Scene(CAPTION, (4, 4), 0)])
    for classes in ("same", "other"):
        with pytest.raises(RuntimeError, match="only without a bank"):
            lenders(THREE, "", classes)
    assert lenders(THREE, "", "all") == set("abcdef")
