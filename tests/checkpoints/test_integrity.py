import pytest
import torch

from aga_lightning.checkpoints.integrity import is_whole


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: b"",
        lambda content: content[:-1],
        lambda content: content[: len(content) // 2],
        lambda content: content[:500] + bytes([content[500] ^ 1]) + content[501:],
        lambda content: bytes(len(content)),
    ],
    ids=["empty", "the last byte", "half", "a flipped bit", "a hole"],
)
def test_damage_is_noticed(tmp_path, spoil):
    path = tmp_path / "last.ckpt"
    torch.save({"weight": torch.ones(300)}, path)
    assert is_whole(path)
    path.write_bytes(spoil(path.read_bytes()))
    assert not is_whole(path)


def test_what_is_no_file_is_not_whole(tmp_path):
    assert not is_whole(tmp_path) and not is_whole(tmp_path / "gone.ckpt")
