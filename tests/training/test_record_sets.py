"""The sets of a run: listed once, missing files named, guides given along."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from aga_lightning.augment.engine.store import Store
from aga_lightning.datasets.base import ImageDataset
from aga_lightning.images.records import DatasetError, ImageRecord
from aga_lightning.training.background_sets import BackgroundSets
from aga_lightning.training.record_sets import RecordSets, groups_of


class Cameras(ImageDataset):
    """Records of files that a test has or has not written."""

    classes = ("cat", "empty")

    def __init__(self, folder, groups=("", "")):
        self.folder = folder
        self.groups = groups
        self.calls = []

    def records(self, split):
        self.calls.append(split)
        if split == "test":
            raise DatasetError("test.csv is missing")
        return [
            ImageRecord(self.folder / f"{split}.png", 0, "cat", "cat", group=self.groups[0]),
            ImageRecord(self.folder / "empty.png", 1, "empty", "", group=self.groups[1]),
        ]

    def ood_records(self):
        return {"night": [ImageRecord(self.folder / "night.png", 0, "cat", "cat", group="west")]}

    def guide(self):
        return "Get it from a shelf."


class WithTest(Cameras):
    def records(self, split):
        return super().records("val" if split == "test" else split)


@pytest.fixture
def folder(tmp_path, disc_folder):
    photo = next((disc_folder / "train" / "plum").iterdir()).read_bytes()
    for name in ("train", "val", "empty", "night"):
        (tmp_path / f"{name}.png").write_bytes(photo)
    return tmp_path


def test_each_set_is_listed_once(folder):
    dataset = WithTest(folder)
    sets = RecordSets(dataset)
    assert [len(sets.train), len(sets.val), len(sets.test), len(sets.ood["night"])] == [2, 2, 2, 1]
    assert [len(records) for records in sets.evaluation] == [2, 2, 1]
    assert sets.train is sets.train
    assert dataset.calls == ["train", "val", "val"]


def test_missing_files_are_counted_and_the_first_is_named(folder):
    (folder / "empty.png").unlink()
    with pytest.raises(DatasetError, match=r"1 of 2 image files are missing, such as .*empty\.png: .*bad_images skip"):
        _ = RecordSets(Cameras(folder)).train


def test_errors_carry_the_guide(folder):
    with pytest.raises(DatasetError, match=r"test\.csv is missing") as caught:
        _ = RecordSets(Cameras(folder)).test
    assert caught.value.__notes__ == ["Get it from a shelf."]


def test_groups_are_those_of_the_evaluation_sets(folder):
    sets = RecordSets(WithTest(folder, ("north", "south")))
    assert groups_of(sets.evaluation) == ("north", "south", "west")
    assert groups_of([sets.val]) == ("north", "south")


class Masked(WithTest):
    """One photo of two cats is all there is to test."""

    classes = ("cat",)

    def records(self, split):
        return [replace(one, mask_path=self.folder / "mask.png") for one in super().records(split)[:1]]


@pytest.fixture
def masked(folder):
    Image.fromarray(np.arange(48 * 48).reshape(48, 48) % 48 < 20).save(folder / "mask.png")
    return Masked(folder)


def test_background_sets_come_after_the_data_sets_own(masked, tmp_path):
    sets = RecordSets(masked, background_sets=BackgroundSets(["only_fg", "no_fg"], Store(tmp_path / "cache")))
    # They are made of photos that are guarded already: what they show must not change what is guarded.
    assert sets.evaluation == [sets.val, sets.test, masked.ood_records()["night"]]
    assert not (tmp_path / "cache").exists()
    assert list(sets.ood) == ["night", "only_fg", "no_fg"]
    assert [record.label for record in sets.ood["only_fg"]] == [0]
    assert sets.ood is sets.ood


def test_two_sets_of_one_name_are_refused(masked, tmp_path):
    masked.ood_records = lambda: {"no_fg": masked.records("val")}
    with pytest.raises(DatasetError, match=r"sets of its own named no_fg: rename them"):
        _ = RecordSets(masked, background_sets=BackgroundSets("all", Store(tmp_path))).ood


def test_where_masks_are_missing_the_guide_says_where_to_get_them(folder, tmp_path):
    sets = RecordSets(WithTest(folder), background_sets=BackgroundSets("all", Store(tmp_path)))
    with pytest.raises(DatasetError, match="no test image has one") as caught:
        _ = sets.ood
    assert caught.value.__notes__ == ["Get it from a shelf."]
