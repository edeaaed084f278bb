import pytest
import torch
from safetensors.torch import save_file

from aga_lightning.augment.detectors.state_dicts import load_all, read_tensors
from aga_lightning.augment.pretrained import PretrainedError


@pytest.mark.parametrize(
    "wrap", [dict, lambda state: {"model": state}, lambda state: {"state_dict": state, "epoch": 3}]
)
def test_a_state_dict_is_found_however_training_wrapped_it(tmp_path, wrap):
    layer = torch.nn.Linear(2, 3)
    torch.save(wrap({f"module.{name}": value for name, value in layer.state_dict().items()}), tmp_path / "a.pth")
    other = torch.nn.Linear(2, 3)
    load_all(other, read_tensors(str(tmp_path / "a.pth")), "a.pth", "")
    assert torch.equal(layer.weight, other.weight)


def test_safetensors_are_read_and_surplus_tensors_left_out(tmp_path):
    layer = torch.nn.Linear(2, 3)
    save_file({**layer.state_dict(), "more": torch.zeros(1)}, tmp_path / "a.safetensors")
    other = torch.nn.Linear(2, 3)
    load_all(other, read_tensors(str(tmp_path / "a.safetensors")), "a.safetensors", "")
    assert torch.equal(layer.bias, other.bias)


def test_missing_and_misshapen_tensors_are_named_with_the_remedy():
    layer = torch.nn.Linear(2, 3)
    with pytest.raises(PretrainedError, match=r"a\.pth lacks 1 of the model's 2 tensors \(bias, .*try another"):
        load_all(layer, {"weight": torch.zeros(3, 2)}, "a.pth", "try another")
    with pytest.raises(PretrainedError, match=r"weight has the shape \(2, 2\), not \(3, 2\): try another"):
        load_all(layer, {"weight": torch.zeros(2, 2), "bias": torch.zeros(3)}, "a.pth", "try another")


@pytest.mark.parametrize("name", ["a.pth", "a.safetensors"])
def test_files_of_something_else_are_refused(tmp_path, name):
    file = tmp_path / name
    with pytest.raises(PretrainedError, match="there is no file"):
        read_tensors(str(file))
    file.write_bytes(b"")
    with pytest.raises(PretrainedError, match="no readable file of tensors"):
        read_tensors(str(file))
    file.write_bytes(b"<html>not found</html>")
    with pytest.raises(PretrainedError, match="no readable file of tensors"):
        read_tensors(str(file))


def test_pickled_code_is_refused_and_files_without_names_too(tmp_path):
    file = tmp_path / "a.pth"
    torch.save({"model": torch.nn.Linear(2, 3)}, file)
    with pytest.raises(PretrainedError, match="no readable file of tensors"):
        read_tensors(str(file))
    torch.save([torch.zeros(2)], file)
    with pytest.raises(PretrainedError, match="no named tensors"):
        read_tensors(str(file))
