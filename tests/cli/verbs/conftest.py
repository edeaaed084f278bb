"""Data modules that a trainer augments, in an empty working directory."""

import pytest

from aga_lightning.datasets.folder import ImageFolder
from aga_lightning.training.datamodule import AGADataModule


@pytest.fixture
def open_data(disc_folder, tmp_path):
    def open_data(augmenter=None, **settings):
        settings = {"batch_size": 8, "image_size": 32, "num_workers": 0} | settings
        return AGADataModule(ImageFolder(str(disc_folder)), augmenter, cache_dir=str(tmp_path / "cache"), **settings)

    return open_data


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
