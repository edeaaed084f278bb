"""Gradients of logits in every context a caller may be in, and what is refused."""

from contextlib import nullcontext

import pytest
import torch
from torch import nn

from aga_lightning.explain.logits import check_images, check_targets, differentiable, finished

TARGETS = torch.tensor([0, 2])
CONTEXTS = {
    "plain": nullcontext,
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
}


def small_net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(16, 3)).eval()


def pictures():
    return torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))


def gradient(model, images, targets=TARGETS):
    with differentiable(model, images, targets) as (logits, inputs, classes):
        score = logits(inputs.requires_grad_()).gather(1, classes[:, None])
        return torch.autograd.grad(score.sum(), inputs)[0]


@pytest.mark.parametrize("context", CONTEXTS)
def test_gradients_are_the_same_in_every_context(context):
    net, images = small_net(), pictures().requires_grad_()
    expected = torch.autograd.grad(net(images).gather(1, TARGETS[:, None]).sum(), images)[0]
    with CONTEXTS[context]():
        found = gradient(net, pictures() * 1, TARGETS + 0)  # made inside the context, as a loader's are
    assert found.equal(expected)
    assert not found.is_inference()


def test_a_model_that_was_made_in_inference_mode_has_gradients():
    expected = gradient(small_net(), pictures())
    with torch.inference_mode():
        net = small_net()
        assert gradient(net, pictures()).equal(expected)
    assert gradient(net, pictures()).equal(expected)


def test_frozen_weights_are_no_obstacle():
    expected = gradient(small_net(), pictures())
    assert gradient(small_net().requires_grad_(False), pictures()).equal(expected)


def test_the_weights_take_no_part():
    net = small_net()
    with differentiable(net, pictures(), TARGETS) as (logits, inputs, _):
        assert not logits(inputs).requires_grad
    assert all(weight.requires_grad for weight in net.parameters())


def test_a_backward_pass_under_way_is_not_disturbed():
    net, other = small_net(), small_net()
    other(pictures()).sum().backward()
    loss = net(pictures()).sum()
    gradient(net, pictures())
    assert all(weight.grad is None for weight in net.parameters())
    loss.backward()
    assert all(a.grad.equal(b.grad) for a, b in zip(net.parameters(), other.parameters(), strict=True))


def test_batch_norm_still_learns_in_training_mode():
    net = small_net().train()
    gradient(net, pictures())
    assert net[1].num_batches_tracked == 1


def test_images_and_targets_are_copies():
    images, targets = pictures(), TARGETS.clone()
    with differentiable(small_net(), images, targets) as (_, inputs, classes):
        inputs.zero_()
        classes.zero_()
    assert images.equal(pictures()) and targets.equal(TARGETS)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_the_model_gets_its_own_number_format(dtype):
    with differentiable(small_net().to(dtype), pictures(), TARGETS.int()) as (logits, inputs, classes):
        assert inputs.dtype == logits(inputs).dtype == dtype
        assert classes.dtype == torch.int64


def test_a_model_without_weights_gets_the_images_as_they_are():
    with differentiable(nn.Flatten(), pictures().double(), TARGETS) as (logits, inputs, _):
        assert logits(inputs).equal(pictures().double().flatten(1))


def test_finished_maps_are_plain_and_show_broken_images():
    images = pictures()
    images[1, 0, 0, 0] = torch.inf
    maps = finished(torch.ones(2, 4, 4, dtype=torch.float64, requires_grad=True) * 2, images)
    assert maps.dtype == torch.float32 and not maps.requires_grad and maps.is_contiguous()
    assert maps[0].equal(torch.full((4, 4), 2.0)) and maps[1].isnan().all()


@pytest.mark.parametrize("images", [torch.zeros(3, 4, 4), torch.zeros(2, 3, 4, 4, dtype=torch.uint8)])
def test_only_normalised_images_are_explained(images):
    with pytest.raises(ValueError, match=r"floating point \(N, C, H, W\); these are torch\.\w+ \("):
        check_images(images)
    with pytest.raises(ValueError, match="floating point"), differentiable(small_net(), images, TARGETS):
        pass


@pytest.mark.parametrize(
    "targets",
    [torch.tensor([1]), torch.tensor(1), torch.zeros(2, 3, dtype=torch.int64), torch.ones(2), torch.ones(2) > 0],
)
def test_targets_are_one_integer_an_image(targets):
    with pytest.raises(ValueError, match=r"one class index an image, int64 \(2,\); these are torch\.\w+ \("):
        check_targets(targets, 2)


@pytest.mark.parametrize(("target", "message"), [(3, "Target 3 .* 0 to 2"), (-1, "Target -1 .* from 0")])
def test_targets_are_classes_of_the_model(target, message):
    with pytest.raises(ValueError, match=message):
        gradient(small_net(), pictures(), torch.tensor([0, target]))


@pytest.mark.parametrize(
    ("answer", "name"), [(lambda images: images, r"\(2, 3, 4, 4\)"), (lambda images: (images,), "tuple")]
)
def test_a_model_that_answers_with_something_else_is_refused(answer, name):
    class Model(nn.Module):
        def forward(self, images):
            return answer(images)

    with pytest.raises(ValueError, match=rf"logits \(N, num_classes\); the model answered with a .*{name}"):
        gradient(Model(), pictures())
