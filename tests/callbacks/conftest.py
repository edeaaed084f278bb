import pytest
from tiny.explained import write_checkpoint


@pytest.fixture(scope="session")
def other(tmp_path_factory, shared_disc_folder):
    """A checkpoint of another model of the same classes."""
    return write_checkpoint(tmp_path_factory.mktemp("other") / "other.ckpt", shared_disc_folder, seed=7)
