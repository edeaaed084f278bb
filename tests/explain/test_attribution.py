"""One verb: the methods' own results, in parts, and what is refused before any work is done."""

import pytest
import torch
from torch import nn

from aga_lightning.explain.attribution import METHODS, attribute
from aga_lightning.explain.grad_cam import grad_cam
from aga_lightning.explain.gradients import gradient_x_input, integrated_gradients
from aga_lightning.explain.rise import rise
from aga_lightning.networks.backbones import build_backbone

TARGETS = torch.tensor([0, 3, 4, 1, 2])
SETTINGS = {"integrated_gradients": {"steps": 4}, "rise": {"masks": 6}}
FUNCTIONS = {
    "grad_cam": grad_cam,
    "integrated_gradients": integrated_gradients,
    "gradient_x_input": gradient_x_input,
    "rise": rise,
}


def small_resnet():
    torch.manual_seed(0)
    return build_backbone("resnet18", 5, width=8).eval()


def pictures():
    return torch.randn(5, 3, 64, 48, generator=torch.Generator().manual_seed(1))


def settings_of(method):
    return SETTINGS.get(method, {})


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("batch_size", [1, 2, 64])
def test_each_method_in_parts_of_any_size(method, batch_size):
    net, settings = small_resnet(), settings_of(method)
    expected = FUNCTIONS[method](net, pictures(), TARGETS, **settings)
    found = attribute(net, pictures(), TARGETS, method, batch_size, **settings)
    assert found.shape == (5, 64, 48) and found.dtype == torch.float32 and found.device.type == "cpu"
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_grad_cam_is_the_default_and_takes_its_settings():
    net = small_resnet()
    assert attribute(net, pictures(), TARGETS).equal(grad_cam(net, pictures(), TARGETS))
    expected = grad_cam(net, pictures(), TARGETS, layer="layer3", relu=False)
    assert attribute(net, pictures(), TARGETS, layer="layer3", relu=False).equal(expected)
    with pytest.raises(TypeError, match="mask"):
        attribute(net, pictures(), TARGETS, masks=3)


def test_the_layer_is_looked_for_once():
    net, seen = small_resnet(), []
    net.register_forward_pre_hook(lambda module, inputs: seen.append(len(inputs[0])))
    attribute(net, pictures(), TARGETS, batch_size=2)
    looks = len(seen) - 3
    assert looks <= 3 and seen == [1] * looks + [2, 2, 1]


@pytest.mark.parametrize("method", METHODS)
def test_inference_mode_autocast_and_frozen_weights_change_nothing(method):
    net, settings = small_resnet(), settings_of(method)
    expected = attribute(net, pictures(), TARGETS, method, **settings)
    state = torch.random.get_rng_state()
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        found = attribute(net, pictures() * 1, TARGETS + 0, method, **settings)
    assert found.equal(expected)
    assert not found.is_inference()
    with torch.no_grad():
        assert attribute(net.requires_grad_(False), pictures(), TARGETS, method, **settings).equal(expected)
    assert not any(weight.requires_grad for weight in net.parameters())
    assert torch.random.get_rng_state().equal(state)


@pytest.mark.parametrize("method", METHODS)
def test_half_precision_changes_little(method):
    expected = attribute(small_resnet(), pictures(), TARGETS, method, **settings_of(method))
    half = attribute(small_resnet().to(torch.bfloat16), pictures(), TARGETS, method, **settings_of(method))
    assert half.dtype == torch.float32
    assert torch.corrcoef(torch.stack([half.flatten(), expected.flatten()]))[0, 1] > 0.98


@pytest.mark.parametrize("gradients", [True, False])
@pytest.mark.parametrize("method", METHODS)
def test_the_model_and_the_images_are_left_as_they_were(method, gradients):
    net = small_resnet()
    net.layer1.train().requires_grad_(False)
    net.layer1.apply(lambda module: module.eval() if isinstance(module, nn.BatchNorm2d) else None)
    if gradients:
        net(pictures()).sum().backward()
    state = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    before = [(weight.grad, None if weight.grad is None else weight.grad.clone()) for weight in net.parameters()]
    modes = [module.training for module in net.modules()]
    needed = [weight.requires_grad for weight in net.parameters()]
    images = pictures()
    attribute(net, images, TARGETS, method, **settings_of(method))
    assert images.equal(pictures()) and images.grad is None and not images.requires_grad
    for weight, (gradient, values) in zip(net.parameters(), before, strict=True):
        assert weight.grad is gradient
        assert gradient is None or gradient.equal(values)
    assert any(gradient is not None for gradient, _ in before) == gradients
    assert all(tensor.equal(state[name]) for name, tensor in net.state_dict().items())
    assert modes == [module.training for module in net.modules()]
    assert needed == [weight.requires_grad for weight in net.parameters()]
    assert not any(module._forward_hooks or module._backward_hooks for module in net.modules())


@pytest.mark.parametrize("method", METHODS)
def test_a_broken_image_breaks_its_own_map_only(method):
    images, settings = pictures(), settings_of(method)
    images[1, 2, 60, 40], images[3, 0, 0, 0] = torch.nan, -torch.inf
    maps = attribute(small_resnet(), images, TARGETS, method, **settings)
    expected = attribute(small_resnet(), pictures(), TARGETS, method, **settings)
    assert maps[[1, 3]].isnan().all()
    torch.testing.assert_close(maps[[0, 2, 4]], expected[[0, 2, 4]])


@pytest.mark.parametrize("method", METHODS)
def test_no_images_have_no_maps(method):
    assert attribute(small_resnet(), pictures()[:0], TARGETS[:0], method).shape == (0, 64, 48)


@pytest.mark.parametrize("method", METHODS)
def test_grey_images_and_one_class(method):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 1))
    maps = attribute(net, pictures()[:, :1], torch.zeros(5, dtype=torch.int64), method, **settings_of(method))
    assert maps.shape == (5, 64, 48) and maps.isfinite().all()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("target", [5, -1])
def test_targets_are_classes_of_the_model(method, target):
    with pytest.raises(ValueError, match=f"Target {target} is out of range"):
        attribute(small_resnet(), pictures(), TARGETS.clone().index_fill(0, torch.tensor(4), target), method)


def test_what_is_refused():
    net = small_resnet()
    with pytest.raises(ValueError, match="no attribution method 'cam'; choose one of grad_cam, integrated_gradients, "):
        attribute(net, pictures(), TARGETS, "cam")
    with pytest.raises(ValueError, match="batch_size has to be at least 1, not 0"):
        attribute(net, pictures(), TARGETS, batch_size=0)
    with pytest.raises(ValueError, match=r"floating point \(N, C, H, W\); these are torch.float32 \(3, 64, 48\)"):
        attribute(net, pictures()[0], TARGETS)
    with pytest.raises(ValueError, match=r"these are torch.uint8 .* `Pixels.normalised`"):
        attribute(net, pictures().to(torch.uint8), TARGETS)
    with pytest.raises(ValueError, match=r"int64 \(5,\); these are torch.int64 \(3,\)"):
        attribute(net, pictures(), TARGETS[:3])
