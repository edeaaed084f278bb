import pickle

import pytest
import torch
from safetensors.torch import save_file

from aga_lightning.networks.weights_files import WeightsError, load_all, read_weights_file


def layer():
    return torch.nn.Linear(2, 3)


@pytest.mark.parametrize("wrapper", [None, "model", "state_dict"])
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "net."])
def test_checkpoints_are_read_under_the_names_of_the_bare_network(tmp_path, wrapper, prefix):
    state = {f"{prefix}{key}": value for key, value in layer().state_dict().items()}
    more = {"train_accuracy.tp": torch.zeros(1)} if prefix else {}
    torch.save(state | more if wrapper is None else {wrapper: state | more, "epoch": 3}, tmp_path / "x.ckpt")
    found, facts = read_weights_file(tmp_path / "x.ckpt")
    assert found.keys() == layer().state_dict().keys() and facts.classes is None


def test_all_tensors_of_a_model_are_filled_and_surplus_ones_left_out(tmp_path):
    trained, other = layer(), layer()
    save_file({**trained.state_dict(), "more": torch.zeros(1)}, tmp_path / "a.safetensors")
    load_all(other, read_weights_file(tmp_path / "a.safetensors").state, "a.safetensors", "")
    assert torch.equal(trained.weight, other.weight) and torch.equal(trained.bias, other.bias)
    with pytest.raises(WeightsError, match=r"weights a\.pth do not fit: bias is missing: try another"):
        load_all(layer(), {"weight": torch.zeros(3, 2)}, "a.pth", "try another")
    with pytest.raises(WeightsError, match=r"weight is \(2, 2\), not \(3, 2\): try another"):
        load_all(layer(), {"weight": torch.zeros(2, 2), "bias": torch.zeros(3)}, "a.pth", "try another")


class Exploit:
    def __reduce__(self):
        return exec, ("raise RuntimeError('code of the file was run')",)


def test_a_file_cannot_run_code(tmp_path):
    path = tmp_path / "evil.pth"
    path.write_bytes(pickle.dumps({"state_dict": Exploit()}, protocol=2))
    with pytest.raises(WeightsError, match=r"evil\.pth holds more than tensors.*torch\.save"):
        read_weights_file(path)
    torch.save({"state_dict": Exploit()}, path)
    with pytest.raises(WeightsError, match=r"evil\.pth holds more than tensors.*torch\.save"):
        read_weights_file(path)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_file_that_is_missing_or_cut_off_is_named(tmp_path, suffix):
    path = tmp_path / f"half{suffix}"
    with pytest.raises(WeightsError, match=rf"there is no file .*half{suffix}: give a"):
        read_weights_file(path)
    (save_file if suffix == ".safetensors" else torch.save)(layer().state_dict(), path)
    for content in (path.read_bytes()[: path.stat().st_size // 2], b"", b"<html>not found</html>"):
        path.write_bytes(content)
        with pytest.raises(WeightsError, match=rf"half{suffix}"):
            read_weights_file(path)


def test_a_flipped_byte_of_a_tensor_is_noticed(tmp_path):
    path = tmp_path / "net.pt"
    torch.save({"weight": torch.full((64,), 3.0)}, path)
    intact = path.read_bytes()
    place = intact.index(torch.full((8,), 3.0).numpy().tobytes())
    path.write_bytes(intact[:place] + b"\xff" + intact[place + 1 :])
    with pytest.raises(WeightsError, match=r"net\.pt is damaged: its checksums do not fit"):
        read_weights_file(path)


def test_a_damaged_file_is_named_whatever_its_bytes_spell(tmp_path):
    path = tmp_path / "damaged.pt"
    torch.save(torch.nn.Linear(40, 40).state_dict(), path, _use_new_zipfile_serialization=False)
    intact = path.read_bytes()
    for position in range(100, 200):
        path.write_bytes(intact[:position] + b"\xff" + intact[position + 1 :])
        try:
            read_weights_file(path)
        except WeightsError as error:
            assert str(path) in str(error)


@pytest.mark.parametrize("content", [[1, 2], {"epoch": 3}, torch.zeros(2), {"state_dict": {"a": 1}}])
def test_a_file_without_a_state_dict_is_named(tmp_path, content):
    torch.save(content, tmp_path / "other.pt")
    with pytest.raises(WeightsError, match=r"other\.pt holds no state dict"):
        read_weights_file(tmp_path / "other.pt")


def test_weights_that_a_clone_left_out_are_called_by_their_name(tmp_path):
    (tmp_path / "net.pt").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\n")
    with pytest.raises(WeightsError, match=r"net\.pt is a pointer of Git LFS.*git lfs pull"):
        read_weights_file(tmp_path / "net.pt")
