import sys

import pytest
import timm
import torch
from huggingface_hub import constants
from safetensors.torch import save_file

from aga_lightning.networks.backbones import build_backbone, network_of
from aga_lightning.networks.network import Inputs, UnreachableError
from aga_lightning.networks.timm_nets import TimmNet
from aga_lightning.networks.weights import read_weights
from aga_lightning.networks.weights_files import WeightsError


@pytest.fixture(autouse=True)
def empty_cache(monkeypatch, tmp_path):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub" / "models--timm--test_resnet.r160_in1k"


def test_a_network_is_timms_with_our_head():
    ours, theirs = build_backbone("timm/test_convnext", 7), timm.create_model("test_convnext", num_classes=7)
    assert {key: value.shape for key, value in ours.state_dict().items()} == {
        key: value.shape for key, value in theirs.state_dict().items()
    }


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("timm/test_vitt", r"timm has no network 'test_vitt'; did you mean timm/test_vit"),
        ("timm/test_vit.in1k", r"no weights 'in1k' of test_vit: .* choose one of r160_in1k"),
    ],
)
def test_an_unknown_name_is_refused_with_near_ones(name, line):
    with pytest.raises(ValueError, match=line):
        TimmNet(name)


def test_without_timm_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ValueError, match=r"timm/test_vit .*not installed: pip install 'aga-lightning\[timm\]'"):
        TimmNet("timm/test_vit")


def test_images_are_as_the_weights_were_trained_on():
    assert TimmNet("timm/test_vit").inputs == Inputs(160, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    plain = TimmNet("timm/vit_base_patch16_224")
    assert plain.inputs.mean == (0.5, 0.5, 0.5)
    other = plain.with_weights("dino")
    assert (other.name, other.inputs.mean) == ("timm/vit_base_patch16_224.dino", (0.485, 0.456, 0.406))
    assert plain.with_weights("DEFAULT").name == "timm/vit_base_patch16_224.augreg2_in21k_ft_in1k"
    assert plain.with_weights("net.pth") is plain.with_weights(None) is plain


@pytest.mark.parametrize("name", ["test_vit", "swin_tiny_patch4_window7_224", "maxvit_rmlp_pico_rw_256"])
def test_transformers_are_built_for_the_size_of_the_images(name):
    with torch.device("meta"):
        net = network_of(f"timm/{name}").build(3, 64)
        assert net(torch.zeros(2, 3, 64, 64)).shape == (2, 3)


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_a_file_of_other_classes_and_another_image_size_fits(tmp_path, suffix):
    torch.manual_seed(0)
    theirs = timm.create_model("test_vit", num_classes=1000)
    state = theirs.state_dict()
    file = tmp_path / f"vit{suffix}"
    save_file(state, file) if suffix == ".safetensors" else torch.save(state, file)
    network = network_of("timm/test_vit")
    found = read_weights(network, str(file)).converted(network, network.build(3, 64))
    assert torch.equal(found.state["blocks.0.attn.qkv.weight"], state["blocks.0.attn.qkv.weight"])
    assert found.state["pos_embed"].shape == (1, 17, 64)
    reference = timm.create_model(
        "test_vit", pretrained=True, pretrained_cfg_overlay={"state_dict": state}, img_size=64
    ).state_dict()
    assert torch.equal(found.state["pos_embed"], reference["pos_embed"])


def test_a_file_of_another_network_is_told(tmp_path):
    torch.save(timm.create_model("test_resnet").state_dict(), tmp_path / "other.pth")
    for name in ("test_vit", "test_convnext"):
        with pytest.raises(WeightsError, match=r"other\.pth do not fit this net: .* is missing"):
            build_backbone(f"timm/{name}", 3, weights=str(tmp_path / "other.pth"))


def test_weights_that_cannot_be_had_are_told_with_the_places_of_the_file(empty_cache):
    network = network_of("timm/test_resnet")
    assert list(network.published) == ["DEFAULT", "r160_in1k"] and network.file("DEFAULT") == empty_cache
    with pytest.raises(UnreachableError) as error:
        read_weights(network, "DEFAULT")
    for part in ("https://huggingface.co/timm/test_resnet.r160_in1k", "model.safetensors", str(empty_cache)):
        assert part in str(error.value)
    with pytest.raises(WeightsError, match=r"no weights 'IMAGENET1K_V1' for timm/test_resnet.*DEFAULT, r160_in1k"):
        read_weights(network, "IMAGENET1K_V1")
    assert network.file("IMAGENET1K_V1") is None


def test_downloaded_weights_are_read_and_damaged_ones_are_named(empty_cache):
    state = timm.create_model("test_resnet").state_dict()
    snapshot = empty_cache / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (empty_cache / "refs").mkdir()
    (empty_cache / "refs" / "main").write_text("0" * 40)
    save_file(state, snapshot / "model.safetensors")
    network = network_of("timm/test_resnet")
    assert network.file("r160_in1k") == snapshot / "model.safetensors"
    net = build_backbone("timm/test_resnet", 3, weights="r160_in1k")
    assert torch.equal(net.layer4[0].conv1.weight, state["layer4.0.conv1.weight"]) and len(net.fc.weight) == 3
    (snapshot / "model.safetensors").write_bytes(b"<html>")
    with pytest.raises(WeightsError, match=r"model\.safetensors cannot be read .*remove it"):
        read_weights(network, "DEFAULT")


def test_a_network_published_without_a_head_gets_one(tmp_path):
    state = timm.create_model("test_resnet", num_classes=0).state_dict()
    torch.save(state, tmp_path / "features.pth")
    net = build_backbone("timm/test_resnet", 3, weights=str(tmp_path / "features.pth"))
    assert torch.equal(net.conv1[0].weight, state["conv1.0.weight"]) and len(net.fc.weight) == 3
