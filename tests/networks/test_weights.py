import socket
from urllib.error import URLError

import pytest
import torch
import torchvision
from safetensors.torch import save_file
from torch import nn

from aga_lightning.networks.backbones import build_backbone, network_of
from aga_lightning.networks.network import UnreachableError
from aga_lightning.networks.stages import head_names
from aga_lightning.networks.weights import fit_weights, read_weights
from aga_lightning.networks.weights_files import WeightsError

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
    head = head_names(net)[0]
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


TEN = [19, 20, 33, 37, 57, 65, 72, 78, 81, 83]


@pytest.mark.parametrize("name", ["resnet18", "squeezenet1_1", "maxvit_t"])  # squeezenet's head is a convolution
def test_a_head_cut_down_to_some_classes_gives_their_logits(name):
    torch.manual_seed(0)
    whole = torchvision.models.get_model(name, num_classes=1000)
    net = build_backbone(name, num_classes=len(TEN))
    fit_weights(net, whole.state_dict(), source="memory", head_rows=TEN)
    images = torch.randn(1, 3, 224, 224)
    with torch.inference_mode():
        ours, theirs = net.eval()(images), whole.eval()(images)
    assert theirs[:, TEN].std() > 0
    # The sums of another number of columns may run in another order, so these may differ in their last bits.
    torch.testing.assert_close(ours, theirs[:, TEN])
    head = head_names(net)[0]
    for key, value in net.state_dict().items():
        expected = whole.state_dict()[key]
        assert torch.equal(value, expected[TEN] if key.startswith(f"{head}.") else expected), key


def test_the_rows_of_a_head_come_in_the_order_asked_for():
    state, net = slim(6).state_dict(), slim(3)
    fit_weights(net, state, source="memory", head_rows=[5, 0, 2])
    assert torch.equal(net.state_dict()["fc.weight"], state["fc.weight"][[5, 0, 2]])
    assert torch.equal(net.state_dict()["fc.bias"], state["fc.bias"][[5, 0, 2]])


def test_weights_of_our_own_classes_are_kept_whole_whatever_rows_are_asked_for():
    state, net = slim(3).state_dict(), slim(3)
    fit_weights(net, state, source="memory", head_rows=[500, 0, 2])
    assert all(torch.equal(value, state[key]) for key, value in net.state_dict().items())


def test_rows_do_not_change_what_they_are_taken_from():
    state = slim(6).state_dict()
    before = state["fc.weight"].clone()
    fit_weights(slim(2), state, source="memory", head_rows=[1, 3])
    assert torch.equal(state["fc.weight"], before)


@pytest.mark.parametrize(("classes", "rows", "lacking"), [(6, [0, 6, 7], 6), (6, [0, 1, -1], -1), (2, [0, 1, 2], 2)])
def test_rows_that_the_weights_do_not_have_are_refused(classes, rows, lacking):
    with pytest.raises(WeightsError, match=f"short.pth tell {classes} classes apart.* no row {lacking}:.* head to new"):
        fit_weights(slim(3), slim(classes).state_dict(), source="short.pth", head_rows=rows)


def test_one_row_a_class_is_needed():
    with pytest.raises(WeightsError, match="2 rows are asked for, but the net has 3 classes: give one row a class"):
        fit_weights(slim(3), slim(6).state_dict(), source="memory", head_rows=[0, 1])


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("fc.bias", torch.tensor(0.0), r"fc\.bias is \(\), not \(3,\)"),
        ("conv1.weight", torch.zeros(4, 3, 3, 3), r"this net: conv1\.weight is \(4, 3, 3, 3\), not .*7, 7\)\."),
    ],
)
def test_what_does_not_fit_is_named_with_rows_as_without(name, value, words):
    with pytest.raises(WeightsError, match=words):
        fit_weights(slim(3), slim(6).state_dict() | {name: value}, source="memory", head_rows=[0, 1, 2])


def test_densenet_files_of_torchvision_with_their_old_names_fit(tmp_path):
    state = build_backbone("densenet121", 1000).state_dict()
    old = {key.replace("norm1", "norm.1").replace("conv2", "conv.2"): value for key, value in state.items()}
    assert old.keys() != state.keys()
    torch.save(old, tmp_path / "densenet121.pth")
    net = build_backbone("densenet121", 3, weights=str(tmp_path / "densenet121.pth"))
    assert torch.equal(net.features.denseblock4.denselayer16.norm1.weight, torch.ones(992))


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


def test_a_name_that_is_neither_file_nor_published_is_refused_with_the_published_ones():
    with pytest.raises(WeightsError, match=r"no weights 'IMAGENET'.*a file that exists.*IMAGENET1K_V1"):
        read_weights(network_of("resnet18"), "IMAGENET")


def test_published_weights_come_from_torchvision_which_does_not_wait_for_ever(monkeypatch):
    state, patience = torchvision.models.resnet18().state_dict(), []

    def load(*args, **kwargs):
        patience.append(socket.getdefaulttimeout())
        return state

    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", load)
    net = build_backbone("resnet18", 3, weights="IMAGENET1K_V1")
    assert torch.equal(net.state_dict()["conv1.weight"], state["conv1.weight"])
    assert patience == [15] and socket.getdefaulttimeout() is None


def test_a_user_who_forbids_the_network_is_not_connected(monkeypatch):
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", lambda *_, **__: pytest.fail("asked"))
    with pytest.raises(UnreachableError, match="HF_HUB_OFFLINE forbids"):
        read_weights(network_of("resnet18"), "IMAGENET1K_V1")


def test_a_damaged_file_of_an_earlier_download_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    file = tmp_path / "hub" / "checkpoints" / "squeezenet1_1-b8a52dc0.pth"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"<html>")
    with pytest.raises(WeightsError, match=r"squeezenet1_1-b8a52dc0\.pth is damaged .*remove it"):
        read_weights(network_of("squeezenet1_1"), "DEFAULT")


def test_without_a_network_the_remedy_is_named(monkeypatch):
    def offline(*args, **kwargs):
        raise URLError("no route to host")

    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", offline)
    with pytest.raises(
        WeightsError, match=r"resnet50-11ad3fa6\.pth.*no route to host.*copy it to .*checkpoints"
    ) as error:
        build_backbone("resnet50", 3, weights="DEFAULT")
    assert "give its path" in str(error.value)
