"""Grad-CAM: captum's, a plain one's, and the same wherever it is asked for."""

import pytest
import torch
from captum.attr import LayerAttribution, LayerGradCam
from torch import nn
from torch.nn.functional import interpolate
from torchvision.models import VisionTransformer

from aga_lightning.explain.grad_cam import grad_cam
from aga_lightning.networks.backbones import build_backbone

TARGETS = torch.tensor([0, 3, 4, 0])


def small_resnet(num_classes=5):
    torch.manual_seed(0)
    net = build_backbone("resnet18", num_classes, width=8)
    with torch.no_grad():
        net.train()(pictures())  # running statistics that are not the identity
    return net.eval()


def pictures(size=(64, 64)):
    return torch.randn(4, 3, *size, generator=torch.Generator().manual_seed(1))


def plain_grad_cam(net, layer, images, targets, relu):
    """Selvaraju et al. 2017, equations 1 and 2, with a hook and one image at a time."""
    maps = []
    for image, target in zip(images, targets, strict=True):
        kept = []

        def keep(module, inputs, output, kept=kept):
            kept.append(output)
            return output.clone()  # rectifiers after it work in place

        hook = layer.register_forward_hook(keep)
        score = net(image[None])[0, target]
        hook.remove()
        weights = torch.autograd.grad(score, kept)[0].mean((2, 3), keepdim=True)
        cam = (weights * kept[0]).sum(1, keepdim=True)
        maps.append(interpolate(cam.relu() if relu else cam, image.shape[-2:], mode="bilinear")[0, 0].detach())
    return torch.stack(maps)


@pytest.mark.parametrize("relu", [True, False])
def test_a_batch_equals_captum_image_by_image(relu):
    net, images = small_resnet(), pictures((64, 96))
    method = LayerGradCam(net, net.layer4)
    expected = [
        LayerAttribution.interpolate(
            method.attribute(images[[number]], int(target), relu_attributions=relu), (64, 96), "bilinear"
        )[0, 0]
        for number, target in enumerate(TARGETS)
    ]
    found = grad_cam(net, images, TARGETS, relu=relu)
    assert found.dtype == torch.float32 and not found.requires_grad and found.is_contiguous()
    torch.testing.assert_close(found, torch.stack(expected).detach(), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("relu", [True, False])
@pytest.mark.parametrize("layer", ["layer4", "layer3", "layer3.0.bn1", "conv1"])
def test_it_is_the_published_method(layer, relu):
    net = small_resnet()
    expected = plain_grad_cam(net, net.get_submodule(layer), pictures(), TARGETS, relu)
    assert expected.std() > 1e-4
    torch.testing.assert_close(grad_cam(net, pictures(), TARGETS, layer, relu), expected, atol=1e-6, rtol=1e-4)


def test_rectified_maps_are_not_negative_and_others_are_somewhere():
    net = small_resnet()
    assert grad_cam(net, pictures(), TARGETS).min() == 0
    assert grad_cam(net, pictures(), TARGETS, relu=False).min() < 0


def test_inference_mode_autocast_and_frozen_weights_change_nothing():
    net = small_resnet()
    expected = grad_cam(net, pictures(), TARGETS)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        made_inside = pictures() * 1
        assert made_inside.is_inference()
        assert grad_cam(net, made_inside, TARGETS + 0).equal(expected)
    with torch.no_grad():
        assert grad_cam(net.requires_grad_(False), pictures(), TARGETS).equal(expected)
    assert not any(weight.requires_grad for weight in net.parameters())


def test_memory_formats_change_nothing_and_half_precision_little():
    net = small_resnet()
    expected = grad_cam(net, pictures(), TARGETS, relu=False)
    images = pictures().contiguous(memory_format=torch.channels_last)
    found = grad_cam(small_resnet().to(memory_format=torch.channels_last), images, TARGETS, relu=False)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-4)
    half = grad_cam(small_resnet().to(torch.bfloat16), pictures(), TARGETS, relu=False)
    assert half.dtype == torch.float32
    assert torch.corrcoef(torch.stack([half.flatten(), expected.flatten()]))[0, 1] > 0.99


@pytest.mark.parametrize("gradients", [True, False])
def test_the_model_is_left_as_it_was(gradients):
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
    grad_cam(net, images, TARGETS)
    assert images.equal(pictures()) and images.grad is None and not images.requires_grad
    for weight, (gradient, values) in zip(net.parameters(), before, strict=True):
        assert weight.grad is gradient
        assert gradient is None or gradient.equal(values)
    assert any(gradient is not None for gradient, _ in before) == gradients
    assert all(tensor.equal(state[name]) for name, tensor in net.state_dict().items())
    assert modes == [module.training for module in net.modules()]
    assert needed == [weight.requires_grad for weight in net.parameters()]
    assert not any(module._forward_hooks or module._backward_hooks for module in net.modules())


def small_transformer():
    torch.manual_seed(0)
    net = VisionTransformer(
        image_size=32, patch_size=8, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=32, num_classes=5
    ).eval()
    nn.init.normal_(net.heads.head.weight)  # torchvision starts the head at zero, where no gradient comes from
    return net


@pytest.mark.parametrize("relu", [True, False])
def test_tokens_are_laid_out_as_the_patches_were(relu):
    net, images = small_transformer(), pictures((32, 32))
    kept = {}
    hook = net.encoder.layers[-1].ln_1.register_forward_hook(lambda module, inputs, output: kept.update(tokens=output))
    scores = net(images).gather(1, TARGETS[:, None]).sum()
    hook.remove()
    gradient = torch.autograd.grad(scores, kept["tokens"])[0][:, 1:]
    cam = (gradient.mean(1, keepdim=True) * kept["tokens"][:, 1:]).sum(2).reshape(4, 1, 4, 4)
    expected = interpolate(cam.relu() if relu else cam, (32, 32), mode="bilinear")[:, 0].detach()
    assert expected.std() > 1e-4
    torch.testing.assert_close(grad_cam(net, images, TARGETS, relu=relu), expected, atol=1e-6, rtol=1e-4)


class Tokens(nn.Module):
    """A map of 3 x 6 places as tokens, after a few others."""

    def __init__(self, others):
        super().__init__()
        self.others, self.tokens = others, nn.Identity()

    def forward(self, images):
        grid = nn.functional.avg_pool2d(images, 4).flatten(2).mT
        tokens = self.tokens(torch.cat([grid[:, : self.others] * 0, grid], dim=1))
        return tokens[:, self.others :].square().sum(1)


@pytest.mark.parametrize("others", [0, 1, 5])
def test_tokens_of_oblong_images_and_several_class_tokens(others):
    images = pictures((12, 24))
    small = nn.functional.avg_pool2d(images, 4).requires_grad_()
    targets = torch.tensor([0, 1, 2, 0])
    gradient = torch.autograd.grad(small.square().sum((2, 3)).gather(1, targets[:, None]).sum(), small)[0]
    cam = (gradient.mean((2, 3), keepdim=True) * small).sum(1, keepdim=True)
    expected = interpolate(cam, (12, 24), mode="bilinear")[:, 0].detach()
    torch.testing.assert_close(grad_cam(Tokens(others), images, targets, "tokens", relu=False), expected)


def test_tokens_that_lie_on_no_grid_are_refused():
    with pytest.raises(ValueError, match="tokens do not lie on a grid of the shape of images of 12 x 24"):
        grad_cam(Tokens(12), pictures((12, 24)), TARGETS.clamp(max=2), "tokens")


def test_a_broken_image_breaks_its_own_map_only():
    images = pictures()
    images[1, 0, 5, 5] = torch.nan
    maps = grad_cam(small_resnet(), images, TARGETS)
    assert maps[1].isnan().all()
    torch.testing.assert_close(maps[[0, 2, 3]], grad_cam(small_resnet(), pictures(), TARGETS)[[0, 2, 3]])


def test_no_images_no_maps():
    assert grad_cam(small_resnet(), pictures()[:0], TARGETS[:0]).shape == (0, 64, 64)


def test_one_class_and_grey_images():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 1))
    images, targets = pictures()[:, :1], torch.zeros(4, dtype=torch.int64)
    expected = plain_grad_cam(net, net[1], images, targets, relu=False)
    torch.testing.assert_close(grad_cam(net, images, targets, relu=False), expected)
    assert grad_cam(net, images[:1], targets[:1]).shape == (1, 64, 64)


def test_layers_that_cannot_be_looked_at():
    net = small_resnet()
    with pytest.raises(ValueError, match=r"Linear returns a tensor \(4, 5\)"):
        grad_cam(net, pictures(), TARGETS, "fc")
    net.add_module("spare", nn.Conv2d(3, 3, 1))
    with pytest.raises(ValueError, match="a Conv2d, is not used when the model looks at an image"):
        grad_cam(net, pictures(), TARGETS, "spare")
    assert not any(module._forward_hooks for module in net.modules())
