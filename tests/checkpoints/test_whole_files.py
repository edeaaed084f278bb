import os
import resource
import tempfile
import time

import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.plugins.io import AsyncCheckpointIO

from aga_lightning.checkpoints.reading import CheckpointError
from aga_lightning.checkpoints.whole_files import WholeCheckpoints, use_whole_checkpoints

EARLIER = {"state_dict": {"weight": torch.ones(3)}, "pytorch-lightning_version": "2.5.0"}
LARGER = EARLIER | {"state_dict": {"weight": torch.ones(100_000)}}


@pytest.fixture
def path(tmp_path):
    WholeCheckpoints().save_checkpoint(EARLIER, tmp_path / "checkpoints" / "last.ckpt")
    return tmp_path / "checkpoints" / "last.ckpt"


@pytest.fixture
def full_disk():
    """No file may be longer than 20 kB; the system's error is like that of a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_leaves_the_earlier_checkpoint_and_nothing_else(path, full_disk):
    with pytest.raises(CheckpointError, match=r"last\.ckpt cannot be written .*the one before it is still there"):
        WholeCheckpoints().save_checkpoint(LARGER, path)
    with pytest.raises(CheckpointError, match=r"first\.ckpt cannot be written \([^;]*$"):
        WholeCheckpoints().save_checkpoint(LARGER, path.with_name("first.ckpt"))
    assert list(path.parent.iterdir()) == [path]
    assert WholeCheckpoints().load_checkpoint(path)["state_dict"]["weight"].shape == (3,)


def test_a_checkpoint_has_its_name_when_it_is_complete_and_needs_no_other_file_system(path, monkeypatch):
    seen = {}

    def stop(checkpoint, file):
        file.write(b"half")
        file.flush()
        seen.update((one.name, one.stat().st_size) for one in path.parent.iterdir())
        raise KeyboardInterrupt

    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    size = path.stat().st_size
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(torch, "save", stop)
        WholeCheckpoints().save_checkpoint(LARGER, path)
    assert seen.pop("last.ckpt") == size and len(seen) == 1, "it is written beside its name"
    assert list(path.parent.iterdir()) == [path]
    WholeCheckpoints().save_checkpoint(LARGER, path)
    assert path.stat().st_size > size


def test_what_killed_writers_have_left_goes_after_an_hour(path):
    names = {".0123456789abcdef.ckpt": 4000, ".fedcba9876543210.ckpt": 10, ".mine.ckpt": 4000}
    for name, age in names.items():
        path.with_name(name).write_bytes(b"half")
        os.utime(path.with_name(name), (time.time() - age,) * 2)
    WholeCheckpoints().save_checkpoint(EARLIER, path)
    left = {one.name for one in path.parent.iterdir()}
    assert left == {"last.ckpt", ".fedcba9876543210.ckpt", ".mine.ckpt"}


def test_a_trainer_writes_so_unless_it_was_given_another_way():
    settings = {"accelerator": "cpu", "logger": False, "enable_progress_bar": False, "enable_checkpointing": False}
    plain, own = Trainer(**settings), Trainer(**settings, plugins=AsyncCheckpointIO())
    for trainer in (plain, own):
        use_whole_checkpoints(trainer.strategy)
    assert isinstance(plain.strategy.checkpoint_io, WholeCheckpoints)
    assert isinstance(own.strategy.checkpoint_io, AsyncCheckpointIO)
