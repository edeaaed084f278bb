import pickle

import fsspec
import pytest
import torch

from aga_lightning.checkpoints.reading import CheckpointError, read_checkpoint

CONTENT = {"state_dict": {"net.weight": torch.zeros(100)}, "pytorch-lightning_version": "2.5.0", "epoch": 3}


class Runs:
    """An object that runs a command where it is unpickled."""

    def __reduce__(self):
        return (exec, ("raise SystemExit('it ran')",))


@pytest.fixture
def path(tmp_path):
    torch.save(CONTENT, tmp_path / "last.ckpt")
    return tmp_path / "last.ckpt"


def test_a_checkpoint_is_read(path):
    assert read_checkpoint(path)["epoch"] == 3


@pytest.mark.parametrize("cut", [0, 1, 300, -1, -300])
def test_a_cut_one_is_told_with_a_whole_one_beside_it(path, cut):
    torch.save(CONTENT, path.with_name("best.ckpt"))
    path.with_name("other.ckpt").write_bytes(b"no more whole")
    torch.save(CONTENT, path.with_name(".0123456789abcdef.ckpt"))  # of a writer that was killed
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(CheckpointError, match=r"last\.ckpt is cut off or damaged .*beside it: \S*best\.ckpt$"):
        read_checkpoint(path)


def test_a_whole_one_whose_weights_have_changed_is_told(path):
    content = path.read_bytes()
    place = content.index(bytes(400)) + 200  # among the numbers, at which torch does not look
    path.write_bytes(content[:place] + b"\x40" + content[place + 1 :])
    with pytest.raises(CheckpointError, match=r"last\.ckpt is cut off or damaged \(its checksums do not fit\)"):
        read_checkpoint(path)


def test_what_is_not_there_is_told(path, tmp_path):
    with pytest.raises(CheckpointError, match=r"there is no checkpoint \S*gone\.ckpt; whole ones .*last\.ckpt"):
        read_checkpoint(tmp_path / "gone.ckpt")
    with pytest.raises(CheckpointError, match=r"is a folder, not a checkpoint; whole ones beside it: \S*last\.ckpt"):
        read_checkpoint(tmp_path)


@pytest.mark.parametrize("save", [torch.save, lambda content, path: path.write_bytes(pickle.dumps(content, 2))])
def test_objects_are_refused_not_made(tmp_path, save):
    save(CONTENT | {"hyper_parameters": {"optimizer": Runs()}}, tmp_path / "evil.ckpt")
    with pytest.raises(CheckpointError, match="it could run code"):
        read_checkpoint(tmp_path / "evil.ckpt")


def test_an_address_is_no_more_trusted_than_a_file():
    with fsspec.open("memory://evil.ckpt", "wb") as file:
        torch.save(CONTENT | {"callbacks": Runs()}, file)
    with pytest.raises(CheckpointError, match="evil"):
        read_checkpoint("memory://evil.ckpt")


@pytest.mark.parametrize(
    "content",
    [
        [1],
        {"state_dict": {}},
        CONTENT["state_dict"],
        CONTENT | {"state_dict": [1]},
        CONTENT | {"state_dict": {"net.weight": 1}},
        CONTENT | {"pytorch-lightning_version": 2},
    ],
)
def test_other_files_of_torch_are_told(tmp_path, content):
    torch.save(content, tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match=r"other\.pth is no checkpoint that fit has written"):
        read_checkpoint(tmp_path / "other.pth")
