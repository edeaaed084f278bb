import pytest
from tiny.sd1 import save_tiny_sd1

from aga_lightning.augment.engine.store import Store


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "cache")


@pytest.fixture(scope="session")
def sd1(tmp_path_factory):
    """The folder of a tiny Stable Diffusion 1."""
    return str(save_tiny_sd1(tmp_path_factory.mktemp("weights") / "sd1"))


@pytest.fixture
def log(tmp_path):
    """The file that the parts of `tiny.costly` write down in what they are asked."""
    return tmp_path / "log.txt"
