"""RISE: a plain loop over the same masks, and what the masks depend on."""

import pytest
import torch
from torch import nn
from torch.nn.functional import interpolate

from aga_lightning.explain.rise import rise
from aga_lightning.networks.backbones import build_backbone

TARGETS = torch.tensor([0, 3, 4])


def small_resnet():
    torch.manual_seed(0)
    return build_backbone("resnet18", 5, width=8).eval()


def pictures(size=(32, 48)):
    return torch.randn(3, 3, *size, generator=torch.Generator().manual_seed(1))


class Peephole(nn.Module):
    """Sees the upper left corner, and is the surer of class 1 the brighter it is."""

    def forward(self, images):
        brightness = images[:, :, :8, :8].mean((1, 2, 3))
        return torch.stack([torch.zeros_like(brightness), 6 * brightness - 3], dim=1)


class Recording(nn.Module):
    """Remembers what it is shown; certain of its only class."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, images):
        self.seen.append(images.clone())
        return images.flatten(1)[:, :1]


def masks_of(size=(32, 48), **settings):
    """The masks themselves, as an image of ones shows them to a model."""
    model = Recording()
    rise(model, torch.ones(1, 1, *size), torch.tensor([0]), **settings)
    return torch.cat(model.seen)[:, 0]


def test_it_is_the_published_sum_over_its_masks():
    net, images = small_resnet(), pictures()
    masks = masks_of(masks=20, keep=0.4)
    expected = torch.zeros(3, 32, 48)
    with torch.no_grad():
        for number, (image, target) in enumerate(zip(images, TARGETS, strict=True)):
            for mask in masks:
                expected[number] += net((image * mask)[None]).softmax(1)[0, target] * mask / 0.4 / 20
    found = rise(net, images, TARGETS, masks=20, keep=0.4)
    assert found.dtype == torch.float32 and not found.requires_grad
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_masks_are_upsampled_grids_shifted_by_less_than_a_cell():
    generator = torch.Generator().manual_seed(5)
    grids = (torch.rand(6, 1, 4, 4, generator=generator) < 0.3).float()
    rows, columns = (torch.randint(length, (6,), generator=generator) for length in (8, 12))
    large = interpolate(grids, (5 * 8, 5 * 12), mode="bilinear")[:, 0]
    expected = [mask[y : y + 32, x : x + 48] for mask, y, x in zip(large, rows, columns, strict=True)]
    assert masks_of(masks=6, cells=4, keep=0.3, seed=5).equal(torch.stack(expected))


def test_as_much_is_seen_as_asked_for():
    masks = masks_of((24, 24), masks=2000, cells=6, keep=0.3)
    assert masks.min() == 0 and masks.max() == pytest.approx(1)
    torch.testing.assert_close(masks.mean(0), torch.full((24, 24), 0.3), atol=0.05, rtol=0)


def test_only_the_corner_that_matters_stands_out():
    maps = rise(Peephole(), torch.ones(1, 3, 64, 64), torch.tensor([1]), masks=500)
    inside = torch.zeros(64, 64, dtype=torch.bool)
    inside[:8, :8] = True
    assert maps[0][inside].min() > 1.15 * maps[0][16:, 16:].max()
    against = rise(Peephole(), torch.ones(1, 3, 64, 64), torch.tensor([0]), masks=500)
    assert against[0][inside].max() < against[0][16:, 16:].min()


def test_images_may_be_smaller_than_the_grid():
    assert masks_of((3, 5), masks=4).shape == (4, 3, 5)


def test_no_gradients_are_kept():
    net, kept = small_resnet(), []
    net.register_forward_hook(lambda module, inputs, output: kept.append(output.requires_grad))
    rise(net, pictures().requires_grad_(), TARGETS, masks=8)
    assert kept == [False] * 3


def test_the_batch_size_bounds_what_the_model_sees_at_once():
    model = Recording()
    rise(model, pictures(), TARGETS * 0, masks=20, batch_size=8)
    assert [len(seen) for seen in model.seen] == [8, 8, 8, 8, 8, 8, 4, 4, 4]


def test_the_seed_alone_decides_the_masks():
    first = masks_of(masks=4)
    torch.manual_seed(9)
    state = torch.random.get_rng_state()
    assert masks_of(masks=4).equal(first)
    assert torch.random.get_rng_state().equal(state)
    assert not masks_of(masks=4, seed=1).equal(first)


def test_all_images_are_seen_through_the_same_masks():
    model = Recording()
    rise(model, torch.stack([torch.ones(1, 16, 16), torch.full((1, 16, 16), 2.0)]), torch.tensor([0, 0]), masks=4)
    assert model.seen[1].equal(2 * model.seen[0])


def test_a_model_of_one_class_shows_the_masks_alone():
    torch.testing.assert_close(
        rise(Recording(), pictures()[:1, :1], torch.tensor([0]), masks=8)[0], masks_of(masks=8).mean(0) / 0.5
    )


@pytest.mark.parametrize("settings", [{"masks": 0}, {"cells": 0}, {"batch_size": 0}, {"keep": 0.0}, {"keep": 1.5}])
def test_settings_out_of_range(settings):
    with pytest.raises(ValueError, match="RISE needs masks, cells and batch_size of at least 1 and keep in"):
        rise(small_resnet(), pictures(), TARGETS, **settings)
