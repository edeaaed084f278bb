from pathlib import Path

import pytest

from aga_lightning.datasets.base import ImageDataset
from aga_lightning.images.records import ImageRecord


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
