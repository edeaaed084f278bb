"""Grad-CAM: captum's, a plain one's, and the same wherever it is asked for."""

import pytest
import torch
from captum.attr import LayerAttribution, LayerGradCam
from tiny.networks import TINY, build
from torch import nn
from torch.nn.functional import interpolate

from aga_lightning.explain.grad_cam import grad_cam
from aga_lightning.explain.layers import find_map
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


def plain_grad_cam(net, layer, images, targets, relu, to_map=lambda output: output):
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
        weights = to_map(torch.autograd.grad(score, kept)[0]).mean((2, 3), keepdim=True)
        cam = (weights * to_map(kept[0])).sum(1, keepdim=True)
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


def test_memory_formats_change_nothing_and_half_precision_little():
    net = small_resnet()
    expected = grad_cam(net, pictures(), TARGETS, relu=False)
    images = pictures().contiguous(memory_format=torch.channels_last)
    found = grad_cam(small_resnet().to(memory_format=torch.channels_last), images, TARGETS, relu=False)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-4)
    half = grad_cam(small_resnet().to(torch.bfloat16), pictures(), TARGETS, relu=False)
    assert half.dtype == torch.float32
    assert torch.corrcoef(torch.stack([half.flatten(), expected.flatten()]))[0, 1] > 0.99


def as_map(output, tiny):
    """A layer's output as (N, C, h, w), by what is known of the network."""
    if tiny.axis == 2:
        places = output[:, tiny.before :]
        side = round(places.shape[1] ** 0.5)
        return torch.stack([places[:, :, channel].reshape(-1, side, side) for channel in range(places.shape[2])], dim=1)
    return output.permute(0, 3, 1, 2) if tiny.axis == 3 else output


@pytest.mark.parametrize("name", TINY)
def test_networks_of_timm_and_torchvision(name):
    net, tiny = build(name), TINY[name]
    images, targets = pictures((tiny.size, tiny.size)), torch.tensor([2, 0, 1, 2])
    found = grad_cam(net, images, targets, relu=False)
    assert (found.std(dim=(1, 2)) > 1e-3 * found.abs().amax(dim=(1, 2))).all() and found.abs().amax() > 1e-6
    layer = net.get_submodule(tiny.layer)
    expected = plain_grad_cam(net, layer, images, targets, False, lambda output: as_map(output, tiny))
    assert find_map(net, None, images).name == tiny.layer
    torch.testing.assert_close(found, expected, atol=1e-3 * float(expected.abs().max()), rtol=1e-3)


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
    with pytest.raises(ValueError, match=r"a grid of the shape of images of 12 x 24; .* a tensor \(1, 30, 3\)"):
        grad_cam(Tokens(12), pictures((12, 24)), TARGETS.clamp(max=2), "tokens")
