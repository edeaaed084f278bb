from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from aga_lightning.data.base import DatasetError, ImageDataset, ImageRecord


class Smallest(ImageDataset):
    """The least a data set has to say."""

    @property
    def classes(self):
        return ("wren", "ouzel")

    def records(self, split):
        return [ImageRecord(Path(f"{split}.png"), 0, "wren", self.superclass("wren"))]


def test_a_data_set_of_two_methods_has_everything_else():
    dataset = Smallest()
    dataset.prepare()
    assert dataset.num_classes == 2
    assert dataset.superclass("ouzel") == "ouzel"
    assert dataset.ood_records() == {}
    assert (dataset.records("val")[0].box, dataset.records("val")[0].mask_path) == (None, None)


@pytest.mark.parametrize("missing", ["classes", "records"])
def test_a_data_set_without_one_of_the_two_cannot_be_made(missing):
    kept = {name: vars(Smallest)[name] for name in {"classes", "records"} - {missing}}
    with pytest.raises(TypeError, match=missing):
        type("Broken", (ImageDataset,), kept)()


def test_records_are_keys_that_nothing_changes():
    record = ImageRecord(Path("a.png"), 0, "wren", "bird")
    assert {record: 1}[ImageRecord(Path("a.png"), 0, "wren", "bird")] == 1
    with pytest.raises(FrozenInstanceError):
        record.label = 1


def test_a_wrong_data_set_is_a_wrong_value():
    assert issubclass(DatasetError, ValueError)
