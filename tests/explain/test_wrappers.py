"""A wrapped model is explained as the model inside it."""

from copy import deepcopy

import pytest
import torch
from lightning.pytorch import LightningModule
from tiny.networks import TINY, build
from torch import distributed, nn

from aga_lightning.explain.attribution import METHODS, attribute
from aga_lightning.explain.layers import find_map
from aga_lightning.explain.wrappers import plain_names, unwrapped
from aga_lightning.networks.backbones import build_backbone


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return build_backbone("resnet18", 5, width=4).eval()


@pytest.fixture(scope="module")
def one_process(tmp_path_factory):
    """A group of this process alone."""
    place = tmp_path_factory.mktemp("group") / "store"
    distributed.init_process_group("gloo", init_method=f"file://{place}", rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


def compiled(model):
    return torch.compile(model, backend="eager")


def compiled_in_place(model):
    model = deepcopy(model)
    model.compile(backend="eager")
    return model


class Within(LightningModule):
    """A module that calls a compiled one."""

    def __init__(self, inner):
        super().__init__()
        self.net = compiled(inner)

    def forward(self, images):
        return self.net(images)


WRAPPERS = {
    "DataParallel": nn.DataParallel,
    "DistributedDataParallel": nn.parallel.DistributedDataParallel,
    "compiled": compiled,
    "compiled in place": compiled_in_place,
    "both": lambda net: compiled(nn.DataParallel(net)),
    "within": Within,
}


@pytest.mark.parametrize("kind", WRAPPERS)
def test_a_wrapped_model_has_the_attributions_of_the_model_inside(net, one_process, kind):
    images, targets = torch.randn(2, 3, 64, 64), torch.tensor([1, 4])
    wrapped = WRAPPERS[kind](net)
    with torch.no_grad():
        wrapped(images)  # compiled before there are hooks
    for method in METHODS:
        settings = {"rise": {"masks": 8}, "integrated_gradients": {"steps": 4}}.get(method, {})
        expected = attribute(net, images, targets, method, **settings)
        assert torch.allclose(attribute(wrapped, images, targets, method, **settings), expected, atol=1e-6)
    if kind == "compiled in place":
        return  # a copy with layers of its own
    assert find_map(wrapped, None, images).layer is net.layer4
    expected = attribute(net, images, targets, layer="layer3")
    outer = "net." if kind == "within" else ""
    for prefix in ("", "module.", "_orig_mod.") if not outer else ("net.", "net._orig_mod."):
        assert find_map(wrapped, f"{prefix}layer3", images).layer is net.layer3
    assert torch.allclose(attribute(wrapped, images, targets, layer=f"{outer}layer3"), expected, atol=1e-6)


@pytest.mark.parametrize("name", ["vit_small_patch14_reg4_dinov2", "swin_tiny_patch4_window7_224"])
@pytest.mark.parametrize("kind", ["compiled in place", "within"])
def test_wrapped_networks_of_timm(name, kind):
    inner, tiny = build(name), TINY[name]
    images, targets = torch.randn(2, 3, tiny.size, tiny.size), torch.tensor([1, 2])
    expected = attribute(inner, images, targets)
    assert expected.max() > 0
    wrapped = WRAPPERS[kind](inner)
    with torch.no_grad():
        wrapped(images)
    outer = "net." if kind == "within" else ""
    assert find_map(wrapped, None, images).name == outer + tiny.layer
    for layer in (None, outer + tiny.layer):
        assert torch.allclose(attribute(wrapped, images, targets, layer=layer), expected, atol=1e-6)


def test_only_wrappers_are_taken_off(net):
    assert unwrapped(compiled(nn.DataParallel(net))) is net
    own = nn.Sequential()
    own.module = net  # of a user's own, which may do more than to call it
    assert unwrapped(own) is own and "module.layer3" in plain_names(own)
    assert find_map(own, "module.layer3", torch.randn(1, 3, 64, 64)).layer is net.layer3
