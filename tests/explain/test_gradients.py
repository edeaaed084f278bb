"""Gradient x input and integrated gradients: autograd's own, captum's, and what they sum up to."""

import pytest
import torch
from captum.attr import InputXGradient, IntegratedGradients
from torch import nn

from aga_lightning.explain.gradients import gradient_x_input, integrated_gradients
from aga_lightning.networks.backbones import build_backbone

TARGETS = torch.tensor([0, 3, 4])


def small_resnet():
    torch.manual_seed(0)
    return build_backbone("resnet18", 5, width=8).eval()


def pictures():
    return torch.randn(3, 3, 32, 48, generator=torch.Generator().manual_seed(1))


def score(net, images):
    return net(images).gather(1, TARGETS[:, None]).squeeze(1)


def test_gradient_x_input_by_hand():
    net, images = small_resnet(), pictures().requires_grad_()
    gradient = torch.autograd.grad(score(net, images).sum(), images)[0]
    expected = (gradient * images).sum(1).detach()
    found = gradient_x_input(net, pictures(), TARGETS)
    assert found.dtype == torch.float32 and not found.requires_grad
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(gradient_x_input(net, pictures(), TARGETS, absolute=True), expected.abs())


def test_gradient_x_input_of_a_linear_model_is_the_score():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 48, 5, bias=False))
    sums = gradient_x_input(net, pictures(), TARGETS).sum((1, 2))
    torch.testing.assert_close(sums, score(net, pictures()).detach(), rtol=1e-4, atol=1e-5)


def test_a_batch_equals_captum_image_by_image():
    net, images = small_resnet(), pictures()
    by_input = [
        InputXGradient(net).attribute(images[[n]].requires_grad_(), int(target)) for n, target in enumerate(TARGETS)
    ]
    torch.testing.assert_close(
        gradient_x_input(net, images, TARGETS), torch.cat(by_input).sum(1).detach(), atol=1e-6, rtol=1e-4
    )
    integrated = [
        IntegratedGradients(net).attribute(images[[n]], target=int(target), n_steps=8)
        for n, target in enumerate(TARGETS)
    ]
    torch.testing.assert_close(
        integrated_gradients(net, images, TARGETS, steps=8),
        torch.cat(integrated).sum(1).float(),  # captum 0.7 adds up in float64
        atol=1e-6,
        rtol=1e-4,
    )


@pytest.mark.parametrize("baseline", [0.0, -0.5, torch.full((3, 1, 1), 0.25), pictures().flip(0)])
def test_integrated_gradients_are_complete(baseline):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 5), nn.Softplus(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, 5))
    images = pictures()
    sums = integrated_gradients(net, images, TARGETS, steps=30, baseline=baseline).sum((1, 2))
    start = torch.as_tensor(baseline).expand_as(images)
    torch.testing.assert_close(sums, (score(net, images) - score(net, start)).detach(), atol=1e-5, rtol=1e-4)


def test_absolute_values_are_those_of_whole_pixels():
    net = small_resnet()
    signed = integrated_gradients(net, pictures(), TARGETS, steps=4)
    assert signed.min() < 0
    assert integrated_gradients(net, pictures(), TARGETS, steps=4, absolute=True).equal(signed.abs())


def test_the_batch_size_bounds_what_the_model_sees_at_once():
    seen = []
    net = small_resnet()
    net.register_forward_pre_hook(lambda module, inputs: seen.append(len(inputs[0])))
    integrated_gradients(net, pictures(), TARGETS, steps=5, batch_size=2)
    assert max(seen) == 2 and sum(seen) == 15


def test_a_baseline_from_inference_mode():
    net = small_resnet()
    expected = integrated_gradients(net, pictures(), TARGETS, steps=4, baseline=pictures().flip(0))
    with torch.inference_mode():
        assert integrated_gradients(net, pictures(), TARGETS, steps=4, baseline=pictures().flip(0) * 1).equal(expected)


def test_settings_out_of_range():
    with pytest.raises(ValueError, match=r"at least 1, not 0, 64"):
        integrated_gradients(small_resnet(), pictures(), TARGETS, steps=0)
    with pytest.raises(ValueError, match=r"at least 1, not 50, 0"):
        integrated_gradients(small_resnet(), pictures(), TARGETS, batch_size=0)
    with pytest.raises(ValueError, match=r"baseline \(2, 2\) cannot be expanded to images \(3, 3, 32, 48\)"):
        integrated_gradients(small_resnet(), pictures(), TARGETS, baseline=torch.zeros(2, 2))
