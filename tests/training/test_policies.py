"""The classical policies: which operations they draw, with which settings."""

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import v2

from aga_lightning.training.policies import build_policy


def plain(colour, size=64):
    return Image.new("RGB", (size, size), colour)


def made(policy, image, magnitude=None, times=60):
    """What a policy makes of an image, at one seed after another."""
    (step,) = build_policy(policy, magnitude)
    outputs = []
    for seed in range(times):
        torch.manual_seed(seed)
        outputs.append(np.asarray(step(image)))
    return outputs


def centres(outputs):
    return {tuple(pixels[pixels.shape[0] // 2, pixels.shape[1] // 2].tolist()) for pixels in outputs}


@pytest.mark.parametrize(
    ("policy", "magnitude", "kind", "published"),
    [
        ("randaugment", None, v2.RandAugment, {"num_ops": 2, "magnitude": 9, "num_magnitude_bins": 31}),
        ("randaugment", 0, v2.RandAugment, {"magnitude": 0}),
        ("randaugment", 30, v2.RandAugment, {"magnitude": 30}),
        ("trivialaugment", None, v2.TrivialAugmentWide, {"num_magnitude_bins": 31}),
        ("augmix", None, v2.AugMix, {"severity": 3, "mixture_width": 3, "chain_depth": -1, "alpha": 1.0}),
        ("augmix", 10, v2.AugMix, {"severity": 10}),
        ("autoaugment", None, v2.AutoAugment, {"policy": v2.AutoAugmentPolicy.IMAGENET}),
    ],
)
def test_each_policy_has_the_settings_of_its_paper(policy, magnitude, kind, published):
    (step,) = build_policy(policy, magnitude)
    assert type(step) is kind
    assert {name: getattr(step, name) for name in published} == published
    assert step.interpolation == v2.InterpolationMode.BILINEAR


@pytest.mark.parametrize("policy", ["randaugment", "trivialaugment", "augmix", "autoaugment"])
def test_bytes_in_and_bytes_out(policy):
    outputs = made(policy, plain((200, 90, 30)), times=10)
    assert {(pixels.shape, pixels.dtype.name) for pixels in outputs} == {((64, 64, 3), "uint8")}
    assert len({pixels.tobytes() for pixels in outputs}) > 2


def test_trivialaugment_is_one_operation_and_randaugment_two():
    # Rows tell a shift along x from one along y: two shifts, one of each kind, take two operations.
    ramp = np.zeros((64, 64, 3), np.uint8)
    ramp[16:48, 16:48] = 255
    for policy, both in (("trivialaugment", False), ("randaugment", True)):
        shifted = set()
        for pixels in made(policy, Image.fromarray(ramp), times=400):
            is_square = len(np.unique(pixels)) == 2 and (pixels > 0).sum() == 3 * 32 * 32
            if is_square:
                rows, columns = np.nonzero(pixels[..., 0])
                shifted.add((bool(rows.min() != 16), bool(columns.min() != 16)))
        assert {(True, False), (False, True)} <= shifted
        assert ((True, True) in shifted) is both


def test_augmix_draws_no_operation_that_imagenet_c_has():
    # Of the paper's nine, none mixes the channels; a change of colour or contrast does.
    colours = centres(made("augmix", plain((255, 0, 0)), times=150))
    assert len(colours) > 1
    assert all(colour[1:] == (0, 0) for colour in colours)


def test_augmix_moves_nothing_at_its_lowest_severity():
    assert all(len(np.unique(pixels)) == 1 for pixels in made("augmix", plain((90, 90, 90)), magnitude=1))
    assert any(len(np.unique(pixels)) > 1 for pixels in made("augmix", plain((90, 90, 90)), magnitude=10))


def test_autoaugment_draws_from_the_policy_of_imagenet():
    # In the middle of a grey, all that the policy has changes nothing, or drops low bits, or inverts, or stretches it
    # to white against the corners that a rotation left black. The policy of CIFAR changes its brightness too.
    possible = {100, 96, 255 - 100, 255 - 96, 152, 144, 255}
    assert {colour[0] for colour in centres(made("autoaugment", plain((100, 100, 100)), times=300))} <= possible


@pytest.mark.parametrize("policy", ["none", "trivialaugment", "autoaugment"])
def test_a_policy_without_a_magnitude_says_so(policy):
    message = f"policy {policy} takes no magnitude; leave policy_magnitude null, or set policy to randaugment or augmix"
    with pytest.raises(ValueError, match=message):
        build_policy(policy, 3)


@pytest.mark.parametrize(
    ("policy", "magnitude", "scale"),
    [
        ("randaugment", -1, "0 to 30"),
        ("randaugment", 31, "0 to 30"),
        ("augmix", 0, "1 to 10"),
        ("augmix", 11, "1 to 10"),
    ],
)
def test_a_magnitude_off_the_scale_is_refused(policy, magnitude, scale):
    with pytest.raises(ValueError, match=f"policy_magnitude of {policy} is {scale}, not {magnitude}"):
        build_policy(policy, magnitude)
