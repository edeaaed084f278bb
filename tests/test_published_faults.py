"""The faults of the published script are absent: each has a test that is named after it.

The script keys its composite on black, keeps the first mask only, saves through a plot of 492 x 369 pixels, restarts
its file numbers with each run, stops where the language model sends no numbered line, and pairs a list of classes with
the sorted folders by position.
"""

from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image
from tiny.costly import CostlyDetector, CostlySegmenter

from aga_lightning.augment.base import Augmented, Detection, Detector, Prompt, Request
from aga_lightning.augment.captioners.language_model import LanguageModel
from aga_lightning.augment.compositing import Merging
from aga_lightning.augment.detectors.zero_shot import GroundingDINO
from aga_lightning.augment.engine.collection import Collection
from aga_lightning.augment.engine.store import Store
from aga_lightning.augment.methods.aga import AGA
from aga_lightning.augment.painters.flat import FlatColour
from aga_lightning.augment.segmenters.instances import BoxMasks
from aga_lightning.augment.segmenters.sam import SAM
from aga_lightning.datasets.folder import ImageFolder
from aga_lightning.images.codec import decode_rgb
from aga_lightning.images.records import DatasetError, ImageRecord

STILL = Merging(flip_probability=0.0, in_place=True)


def recipe(folder, **settings):
    """The middle half of each photo, in front of one colour."""
    subject = {"detector": CostlyDetector(str(folder / "log")), "segmenter": CostlySegmenter(str(folder / "log"))}
    return AGA(**(subject | {"painter": FlatColour(), "merging": STILL, "gates": []} | settings))


def photo(path, size, seed=0):
    pixels = np.random.default_rng(seed).integers(60, 200, (size[1], size[0], 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return ImageRecord(path, 0, "water ouzel", "bird")


def test_black_subject_pixels_survive(tmp_path):
    pixels = np.full((64, 64, 3), 120, np.uint8)
    pixels[24:40, 24:40] = 0
    Image.fromarray(pixels).save(tmp_path / "raven.png")
    record = ImageRecord(tmp_path / "raven.png", 0, "raven", "bird")
    store = Store(tmp_path / "cache")
    aga = recipe(tmp_path)
    aga.prepare([record], store)
    (made,) = aga.augment([Request(record, 0)], store)
    assert isinstance(made, Augmented)
    assert np.array_equal(made.image[16:48, 16:48], pixels[16:48, 16:48])
    assert not np.array_equal(made.image[:16], pixels[:16])


class Flock(Detector):
    """Two birds."""

    def detect(self, samples):
        return [[Detection((4.0, 4.0, 20.0, 20.0), 0.9), Detection((40.0, 30.0, 60.0, 50.0), 0.5)] for _ in samples]


@dataclass(kw_only=True, eq=False)
class Rectangles(SAM):
    """SAM, but that its masks are the boxes themselves."""

    def load(self):
        return None

    def cut(self, prompts):
        return [
            BoxMasks(np.stack([self._fill(prompt.image, box) for box in prompt.boxes]), np.ones(len(prompt.boxes)))
            for prompt in prompts
        ]

    def _fill(self, image, box):
        left, top, right, bottom = (int(edge) for edge in box)
        mask = np.zeros(image.shape[:2], bool)
        mask[top:bottom, left:right] = True
        return mask


def test_all_instances_are_kept(tmp_path):
    record = photo(tmp_path / "flock.png", (64, 64))
    store = Store(tmp_path / "cache")
    aga = recipe(tmp_path, detector=Flock(), segmenter=Rectangles())
    aga.prepare([record], store)
    (made,) = aga.augment([Request(record, 0)], store)
    source = np.asarray(Image.open(record.path))
    for place in (np.s_[4:20, 4:20], np.s_[30:50, 40:60]):
        assert np.array_equal(made.image[place], source[place])
    assert GroundingDINO().boxes == "all"


@pytest.mark.parametrize("size", [(1600, 1200), (224, 224), (300, 900)])
def test_full_resolution_is_kept(tmp_path, size):
    record = photo(tmp_path / "large.png", size)
    collection = Collection(recipe(tmp_path, max_side=None), Store(tmp_path / "cache"), [record], 1, 0)
    collection.make(collection.requests)
    (file,) = collection.folder.rglob("*.jpg")
    assert decode_rgb(file.read_bytes()).shape == (size[1], size[0], 3)


def test_a_second_run_does_not_overwrite_the_first(tmp_path):
    records = [photo(tmp_path / f"{number}.png", (40, 30), number) for number in range(2)]
    made = {}
    for degree in (1, 3):
        collection = Collection(recipe(tmp_path), Store(tmp_path / "cache"), records, degree, 0)
        for requests in collection.pending():
            collection.make(requests)
        now = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in collection.folder.rglob("*.jpg")}
        assert made.items() <= now.items()
        made = now
    assert len(made) == 6


def test_an_answer_without_numbered_lines_does_not_stop_the_run(monkeypatch):
    captioner = LanguageModel(weights="nowhere", tries=2)
    monkeypatch.setattr(captioner, "answers", lambda prompts, seeds: ["" if seed % 2 else "???" for seed in seeds])
    prompts = [Prompt("Describe", "a lake", "at dawn", ("bird",))] * 3
    captions = captioner.caption(prompts, [1, 2, 3])
    assert [caption.fallback for caption in captions] == [True, True, True]
    assert all("lake" in caption.text for caption in captions)


def test_the_order_of_classes_cannot_be_shifted_by_an_extra_folder(tmp_path):
    for split in ("train", "val"):
        for name in ("box turtle", "tick"):
            (tmp_path / split / name).mkdir(parents=True)
            photo(tmp_path / split / name / "1.png", (20, 20))
    before = {record.path: record.class_name for record in ImageFolder(str(tmp_path)).records("train")}
    (tmp_path / "train" / "chickadee").mkdir()
    photo(tmp_path / "train" / "chickadee" / "1.png", (20, 20))
    named = ImageFolder(str(tmp_path)).records("train")
    # A record's class is the name of its own folder, whatever else lies there.
    assert all(record.class_name == record.path.parent.name for record in named)
    assert before.items() <= {record.path: record.class_name for record in named}.items()
    (tmp_path / "val" / "zebra").mkdir()
    photo(tmp_path / "val" / "zebra" / "1.png", (20, 20))
    with pytest.raises(DatasetError, match="zebra"):
        ImageFolder(str(tmp_path)).records("val")
