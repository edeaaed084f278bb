import pickle
from typing import get_args

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import v2

from aga_lightning.training.policies import Policy
from aga_lightning.training.transforms import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    RECIPES,
    UNCHANGED,
    build_transforms,
    evaluation_mask,
    normalisation,
)


@pytest.fixture
def photo():
    rng = np.random.default_rng(0)
    small = Image.fromarray(rng.integers(0, 256, (15, 20, 3), dtype=np.uint8))
    return small.resize((500, 375), Image.Resampling.BICUBIC)


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_gives_a_float_tensor_of_its_size_a_channel_after_the_other(photo, recipe):
    for size, expected in ((None, 64 if recipe == "fieldguide" else 224), (96, 96)):
        for transform in build_transforms(recipe, size):
            tensor = transform(photo)
            assert type(tensor) is torch.Tensor and tensor.dtype == torch.float32
            assert tensor.shape == (3, expected, expected) and tensor.is_contiguous()


def test_an_unknown_recipe_is_told_the_names():
    with pytest.raises(ValueError, match="'alia': choose one of torchvision, fieldguide, alia_cub, alia_iwildcam"):
        build_transforms("alia")


def test_the_torchvision_evaluation_is_the_reference_by_hand(photo):
    _, evaluate = build_transforms("torchvision")
    resized = photo.resize((341, 256), Image.Resampling.BILINEAR)
    left, top = round((341 - 224) / 2), 16
    pixels = np.asarray(resized.crop((left, top, left + 224, top + 224)), np.float32) / 255
    expected = (pixels - IMAGENET_MEAN) / IMAGENET_STD
    np.testing.assert_allclose(evaluate(photo).permute(1, 2, 0), expected, atol=1e-5)


def test_alia_cub_squashes_the_whole_image_and_draws_nothing(photo):
    train, evaluate = build_transforms("alia_cub")
    pixels = np.asarray(photo.resize((224, 224), Image.Resampling.BILINEAR), np.float32) / 255
    expected = (pixels - IMAGENET_MEAN) / IMAGENET_STD
    for transform in (train, train, evaluate):
        np.testing.assert_allclose(transform(photo).permute(1, 2, 0), expected, atol=1e-5)


@pytest.mark.parametrize("size", [224, 112])
def test_alia_iwildcam_cuts_both_banners_and_does_not_normalise(size):
    pixels = np.full((448, 448, 3), 128, np.uint8)
    pixels[:10], pixels[410:] = 255, 255
    train, evaluate = build_transforms("alia_iwildcam", size)
    for transform in (train, evaluate):
        tensor = transform(Image.fromarray(pixels))
        inner = tensor[:, 1:-1]  # at half the size the cut falls between two rows
        torch.testing.assert_close(inner, torch.full_like(inner, 128 / 255))
    assert tensor.min() >= 0
    assert tensor.max() <= 1


def test_fieldguide_training_keeps_most_of_the_image_and_mirrors_half_the_time():
    ramp = np.repeat(np.arange(64, dtype=np.uint8)[None, :, None] * 4, 64, 0).repeat(3, 2)
    train, _ = build_transforms("fieldguide", normalised_by=UNCHANGED)
    torch.manual_seed(0)
    spans = [float(image[0, 32, -1] - image[0, 32, 0]) for image in (train(Image.fromarray(ramp)) for _ in range(80))]
    assert 25 <= sum(span < 0 for span in spans) <= 55
    assert min(abs(span) for span in spans) > 0.95 * 0.7**0.5 * 0.9


@pytest.mark.parametrize("policy", [name for name in get_args(Policy) if name != "none"])
def test_a_policy_changes_training_alone_repeats_with_the_seed_and_travels_to_workers(photo, policy):
    train, evaluate = build_transforms("alia_cub", policy=policy)
    _, plain = build_transforms("alia_cub")
    torch.manual_seed(0)
    first = [train(photo) for _ in range(5)]
    assert any(not torch.equal(made, plain(photo)) for made in first)
    torch.testing.assert_close(evaluate(photo), plain(photo))
    torch.manual_seed(0)
    assert torch.equal(pickle.loads(pickle.dumps(train))(photo), first[0])


@pytest.mark.parametrize(("magnitude", "expected"), [(None, 9), (5, 5)])
def test_randaugment_stands_where_torchvisions_reference_has_it(photo, magnitude, expected):
    train, _ = build_transforms("torchvision", policy="randaugment", policy_magnitude=magnitude)
    before = [v2.RandomResizedCrop(224), v2.RandomHorizontalFlip()]
    policy = v2.RandAugment(magnitude=expected, interpolation=v2.InterpolationMode.BILINEAR)
    after = [v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(IMAGENET_MEAN, IMAGENET_STD)]
    reference = v2.Compose([*before, policy, *after])
    for seed in range(10):
        torch.manual_seed(seed)
        tensor = train(photo)
        torch.manual_seed(seed)
        torch.testing.assert_close(tensor, torch.Tensor(reference(photo)), rtol=0, atol=0)


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_named_normalisation_is_the_one_applied(photo, recipe):
    _, evaluate = build_transforms(recipe)
    _, plain = build_transforms(recipe, normalised_by=UNCHANGED)
    mean, std = (torch.tensor(values)[:, None, None] for values in normalisation(recipe))
    torch.testing.assert_close((plain(photo) - mean) / std, evaluate(photo))


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_mask_goes_the_way_of_its_image(recipe):
    # The image is its own mask: white where the subject is.
    mask = np.zeros((90, 120), bool)
    mask[20:60, 30:80] = True
    image = Image.fromarray(mask.astype(np.uint8)[..., None].repeat(3, 2) * 255)
    _, evaluate = build_transforms(recipe, 64, normalised_by=UNCHANGED)
    moved = evaluation_mask(evaluate, image, mask)
    assert moved.dtype == torch.bool
    assert type(moved) is torch.Tensor
    agree = moved == (evaluate(image)[0] > 0.5)
    assert agree.float().mean() > 0.96  # they may differ along the border, where the image is a blend
