import pickle
from urllib.error import URLError

import pytest
import torch
import torchvision
from safetensors.torch import save_file
from torch import nn

from aga_lightning.models.backbones import build_backbone
from aga_lightning.models.weights import WeightsError, fit_weights, head_name, read_weights

FAMILIES = [
    "resnet18",
    "convnext_tiny",
    "densenet121",
    "efficientnet_b0",
    "maxvit_t",
    "mnasnet0_5",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "regnet_y_400mf",
    "shufflenet_v2_x0_5",
    "squeezenet1_1",
    "swin_t",
    "vit_b_32",
]


def slim(num_classes: int) -> nn.Module:
    return build_backbone("resnet18", num_classes, width=4)


@pytest.mark.parametrize("name", FAMILIES)
def test_each_family_keeps_its_body_and_gets_a_new_head(name):
    published = {
        key: value.clone() for key, value in torchvision.models.get_model(name, num_classes=1000).state_dict().items()
    }
    net = build_backbone(name, num_classes=3)
    fit_weights(net, published, source="memory")
    head = head_name(net)
    for key, value in net.state_dict().items():
        if key.startswith(head):
            assert value.shape[0] == 3
        else:
            assert torch.equal(value, published[key]), key
    assert net.eval()(torch.zeros(1, 3, 224, 224)).shape == (1, 3)


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".safetensors"])
def test_a_file_of_1000_classes_becomes_a_net_of_three(tmp_path, suffix):
    path = tmp_path / f"resnet18{suffix}"
    state = torchvision.models.resnet18(num_classes=1000).state_dict()
    if suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save(state, path)
    net = build_backbone("resnet18", num_classes=3, weights=str(path))
    assert torch.equal(net.state_dict()["layer4.1.conv2.weight"], state["layer4.1.conv2.weight"])
    assert net.state_dict()["fc.weight"].shape == (3, 512)


def test_a_head_with_our_number_of_classes_is_kept():
    state, net = slim(6).state_dict(), slim(6)
    fit_weights(net, state, source="memory")
    assert all(torch.equal(value, state[key]) for key, value in net.state_dict().items())


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: {"state_dict": {f"net.{key}": value for key, value in state.items()}, "epoch": 3},
        lambda state: {"model": {f"module.{key}": value for key, value in state.items()}, "args": [1]},
        lambda state: {f"_orig_mod.{key}": value for key, value in state.items()},
    ],
    ids=["lightning", "torchvision reference, distributed", "compiled"],
)
def test_checkpoints_are_unwrapped(tmp_path, wrap):
    state = slim(6).state_dict()
    torch.save(wrap(state), tmp_path / "last.ckpt")
    assert read_weights("resnet18", str(tmp_path / "last.ckpt")).keys() == state.keys()


def test_densenet_files_of_torchvision_with_their_old_names_fit(tmp_path):
    state = build_backbone("densenet121", 1000).state_dict()
    old = {key.replace("norm1", "norm.1").replace("conv2", "conv.2"): value for key, value in state.items()}
    assert old.keys() != state.keys()
    torch.save(old, tmp_path / "densenet121.pth")
    assert read_weights("densenet121", str(tmp_path / "densenet121.pth")).keys() == state.keys()


def test_files_that_do_not_count_batches_fit():
    state = {key: value for key, value in slim(6).state_dict().items() if "num_batches" not in key}
    fit_weights(slim(6), state, source="memory")


def test_what_does_not_fit_is_named_with_the_file_and_the_remedy(tmp_path):
    state = slim(6).state_dict()
    state["conv1.weight"] = torch.zeros(4, 3, 3, 3)
    del state["layer1.0.bn1.bias"]
    state["stranger"] = torch.zeros(1)
    path = tmp_path / "small-stem.pth"
    torch.save(state, path)
    with pytest.raises(WeightsError) as error:
        build_backbone("resnet18", 6, weights=str(path), width=4)
    for part in (
        str(path),
        "conv1.weight is (4, 3, 3, 3), not (4, 3, 7, 7)",
        "layer1.0.bn1.bias is missing",
        "stranger is unknown",
        "Use the backbone, stem and width",
    ):
        assert part in str(error.value)


def test_a_head_of_another_width_is_no_replaceable_head():
    state = slim(6).state_dict()
    state["fc.weight"] = torch.zeros(9, 99)
    with pytest.raises(WeightsError, match=r"fc\.weight is \(9, 99\)"):
        fit_weights(slim(6), state, source="memory")


def test_long_lists_are_cut():
    with pytest.raises(WeightsError, match="and 97 more"):
        fit_weights(slim(6), {}, source="memory")


class Exploit:
    def __reduce__(self):
        raise_it = "raise RuntimeError('code of the file was run')"
        return exec, (raise_it,)


def test_a_file_cannot_run_code(tmp_path):
    path = tmp_path / "evil.pth"
    path.write_bytes(pickle.dumps({"state_dict": Exploit()}, protocol=2))
    with pytest.raises(WeightsError, match=r"evil\.pth holds more than tensors.*torch\.save"):
        read_weights("resnet18", str(path))
    torch.save({"state_dict": Exploit()}, path)
    with pytest.raises(WeightsError, match=r"evil\.pth holds more than tensors.*torch\.save"):
        read_weights("resnet18", str(path))


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_file_that_was_cut_off_is_named(tmp_path, suffix):
    path = tmp_path / f"half{suffix}"
    state = slim(6).state_dict()
    if suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save(state, path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(WeightsError, match=rf"half{suffix}.*copy it again"):
        read_weights("resnet18", str(path))


def test_a_damaged_file_is_named_whatever_its_bytes_spell(tmp_path):
    path = tmp_path / "damaged.pt"
    torch.save(slim(6).state_dict(), path, _use_new_zipfile_serialization=False)
    intact = path.read_bytes()
    for position in range(100, 200):
        path.write_bytes(intact[:position] + b"\xff" + intact[position + 1 :])
        try:
            read_weights("resnet18", str(path))
        except WeightsError as error:
            assert str(path) in str(error)


@pytest.mark.parametrize("content", [[1, 2], {"epoch": 3}, torch.zeros(2)])
def test_a_file_without_a_state_dict_is_named(tmp_path, content):
    torch.save(content, tmp_path / "other.pt")
    with pytest.raises(WeightsError, match=r"other\.pt holds no state dict"):
        read_weights("resnet18", str(tmp_path / "other.pt"))


def test_a_name_that_is_neither_file_nor_published_is_refused_with_the_published_ones():
    with pytest.raises(WeightsError, match=r"no weights 'IMAGENET'.*a file that exists.*IMAGENET1K_V1"):
        read_weights("resnet18", "IMAGENET")


def test_published_weights_come_from_torchvision(monkeypatch):
    state = torchvision.models.resnet18().state_dict()
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", lambda *args, **kwargs: state)
    net = build_backbone("resnet18", 3, weights="IMAGENET1K_V1")
    assert torch.equal(net.state_dict()["conv1.weight"], state["conv1.weight"])


def test_without_a_network_the_remedy_is_named(monkeypatch):
    def offline(*args, **kwargs):
        raise URLError("no route to host")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", offline)
    with pytest.raises(
        WeightsError, match=r"resnet50-11ad3fa6\.pth.*no route to host.*copy it to .*checkpoints"
    ) as error:
        build_backbone("resnet50", 3, weights="DEFAULT")
    assert "give its path" in str(error.value)
