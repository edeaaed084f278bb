"""Data modules that the verb check looks over."""

import pytest

from aga_lightning.datasets.folder import ImageFolder
from aga_lightning.training.datamodule import AGADataModule


@pytest.fixture
def open_checked(disc_folder, tmp_path):
    def open_checked(augmenter=None, **settings):
        dataset = ImageFolder(str(disc_folder), superclasses={"plum": "fruit"}, ood={"dusk": str(disc_folder / "dusk")})
        return AGADataModule(dataset, augmenter, cache_dir=str(tmp_path / "cache"), **settings)

    return open_checked
