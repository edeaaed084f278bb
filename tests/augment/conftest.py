import pytest

from aga_lightning.augment.engine.store import Store


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "cache")


@pytest.fixture
def log(tmp_path):
    """The file that the parts of `tiny.costly` write down in what they are asked."""
    return tmp_path / "log.txt"
