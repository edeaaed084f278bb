import pytest
import torch
import torchvision
from safetensors.torch import save_file
from torch import nn

from aga_lightning.augment.gates.classifier_file import check_backbone, read_classifier
from aga_lightning.augment.pretrained import PretrainedError
from aga_lightning.training.models.backbones import build_backbone

IMAGES = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def tiny(name="resnet18", classes=3, **settings):
    """A net whose running statistics are not those it starts with."""
    torch.manual_seed(0)
    net = build_backbone(name, classes, **settings)
    for layer in net.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.normal_()
    return net.eval()


def assert_same(path, net, name="resnet18"):
    with torch.inference_mode():
        assert torch.equal(read_classifier(name, str(path))[0].eval()(IMAGES), net(IMAGES))


@pytest.mark.parametrize(
    ("wrapper", "prefix"),
    [(None, ""), (None, "module."), ("model", ""), ("model", "module."), ("state_dict", "net.")],
)
def test_checkpoints_are_read_under_the_names_of_common_wrappers(tmp_path, prefix, wrapper):
    net = tiny(width=4)
    state = {f"{prefix}{key}": value for key, value in net.state_dict().items()}
    torch.save(state if wrapper is None else {wrapper: state, "epoch": 3}, tmp_path / "x.ckpt")
    assert_same(tmp_path / "x.ckpt", net)


@pytest.mark.parametrize("settings", [{"width": 4}, {"width": 4, "stem": "small"}, {"width": 24, "classes": 7}])
def test_width_stem_and_classes_are_read_from_safetensors(tmp_path, settings):
    net = tiny(**settings)
    save_file(net.state_dict(), tmp_path / "x.safetensors")
    assert_same(tmp_path / "x.safetensors", net)


@pytest.mark.parametrize("name", ["resnet50", "squeezenet1_1", "mobilenet_v3_small"])
def test_other_classifiers_of_torchvision_are_read(tmp_path, name):
    settings = {"width": 8} if name == "resnet50" else {}
    net = tiny(name, 5, **settings)
    torch.save(net.state_dict(), tmp_path / "x.pth")
    assert_same(tmp_path / "x.pth", net, name)


def test_other_keys_of_a_module_are_left_out_when_the_net_has_a_prefix(tmp_path):
    net = tiny(width=4)
    state = {f"net.{key}": value for key, value in net.state_dict().items()}
    torch.save({"state_dict": {**state, "train_accuracy.tp": torch.zeros(1)}}, tmp_path / "x.ckpt")
    assert_same(tmp_path / "x.ckpt", net)


def test_reading_draws_no_random_numbers(tmp_path):
    torch.save(tiny(width=4).state_dict(), tmp_path / "x.pth")
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    read_classifier("resnet18", str(tmp_path / "x.pth"))
    assert torch.equal(torch.rand(1), expected)


class Harm:
    def __reduce__(self):
        return (print, ("run",))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"state_dict": {"a": 1}}, "holds no state dict"),
        ({"conv1.weight": torch.zeros(4, 3, 7, 7)}, "holds no fc.weight, so it is no resnet18"),
        (torch.zeros(3), "holds no state dict"),
        (Harm(), "cannot be read as plain tensors"),
    ],
)
def test_files_of_something_else_are_explained(tmp_path, content, words, capsys):
    torch.save(content, tmp_path / "x.pth")
    with pytest.raises(PretrainedError, match=words):
        read_classifier("resnet18", str(tmp_path / "x.pth"))
    assert capsys.readouterr().out == ""


def test_another_backbone_a_cut_off_and_a_missing_file_are_explained(tmp_path):
    state = tiny(width=4).state_dict()
    torch.save(state, tmp_path / "x.pth")
    with pytest.raises(PretrainedError, match=r"does not fit a resnet34 \(layer1\.2\.conv1\.weight is missing"):
        read_classifier("resnet34", str(tmp_path / "x.pth"))
    torch.save({**state, "layer1.0.conv1.weight": torch.zeros(4, 5, 3, 3)}, tmp_path / "y.pth")
    with pytest.raises(PretrainedError, match=r"layer1\.0\.conv1\.weight is \(4, 5, 3, 3\), not \(4, 4, 3, 3\)"):
        read_classifier("resnet18", str(tmp_path / "y.pth"))
    for name in ("x.pth", "x.safetensors"):
        (tmp_path / name).write_bytes(b"\x80\x02 cut off")
        with pytest.raises(PretrainedError, match="copy it again"):
            read_classifier("resnet18", str(tmp_path / name))
    with pytest.raises(PretrainedError, match="there is no file"):
        read_classifier("resnet18", str(tmp_path / "nowhere.pth"))


def test_backbones_are_those_of_torchvision_with_one_output():
    check_backbone("resnet50")
    for name in ("resnet5", "googlenet", "fasterrcnn_resnet50_fpn"):
        with pytest.raises(ValueError, match="such as resnet50"):
            check_backbone(name)
    assert "resnet50" in torchvision.models.list_models(module=torchvision.models)
