"""The classical augmentation policies, with the settings of their papers: random operations on single images."""

from typing import Any, Literal, get_args

from torchvision.transforms import v2

Policy = Literal["none", "randaugment", "trivialaugment", "augmix", "autoaugment"]

_MAGNITUDES = {"randaugment": (0, 30, 9), "augmix": (1, 10, 3)}  # lowest, highest, default


def build_policy(policy: Policy = "none", magnitude: int | None = None) -> list[Any]:
    """The steps that a policy adds to a training transform, after the flip and before the image becomes a tensor.

    They are torchvision's, with bilinear interpolation, and draw from torch's global generator. Pixels that a rotation,
    a shear or a shift uncovers are black; in the authors' code of RandAugment and AutoAugment they are grey.

    - randaugment (Cubuk et al. 2020): N = 2 of 14 operations at magnitude M = 9. M counts the 31 steps of torchvision's
      scale, from 0: 9 is three tenths of an operation's strongest.
    - trivialaugment (Mueller and Hutter 2021), the paper's wide space: one of 14 operations, each time at one of 31
      strengths.
    - augmix (Hendrycks et al. 2020): 3 chains of 1 to 3 operations, drawn anew for each image and mixed by weights of
      Dirichlet(1, 1, 1), then with the image itself by Beta(1, 1). Its operations are the paper's nine; torchvision's
      default (`all_ops`) adds brightness, colour, contrast and sharpness, which the authors leave out because the
      corruptions of ImageNet-C overlap with them. Severity 3 is torchvision's and that of the authors' script for
      CIFAR; their script for ImageNet has 1. The paper's second half, the Jensen-Shannon loss between the predictions
      for two such mixtures and the image, is not part of it.
    - autoaugment (Cubuk et al. 2019): one of the 25 pairs of operations that the paper found on ImageNet, each with
      its own probability and strength.

    Args:
        policy: One of these names, or none.
        magnitude: For randaugment M, 0..30; for augmix the severity, 1..10. None for the default.

    Returns:
        An empty list for none, otherwise one step from PIL image to PIL image.

    Raises:
        ValueError: If the policy is unknown, takes no magnitude, or the magnitude is out of its range.
    """
    if magnitude is not None:
        _check(policy, magnitude)
    elif policy in _MAGNITUDES:
        magnitude = _MAGNITUDES[policy][2]
    smooth = v2.InterpolationMode.BILINEAR
    if policy == "none":
        return []
    if policy == "randaugment":
        return [v2.RandAugment(num_ops=2, magnitude=magnitude, num_magnitude_bins=31, interpolation=smooth)]
    if policy == "trivialaugment":
        return [v2.TrivialAugmentWide(num_magnitude_bins=31, interpolation=smooth)]
    if policy == "augmix":
        chains = {"mixture_width": 3, "chain_depth": -1, "alpha": 1.0, "all_ops": False}
        return [v2.AugMix(severity=magnitude, **chains, interpolation=smooth)]
    if policy == "autoaugment":
        return [v2.AutoAugment(v2.AutoAugmentPolicy.IMAGENET, interpolation=smooth)]
    raise ValueError(f"unknown policy {policy!r}: choose one of {', '.join(get_args(Policy))}")


def _check(policy: Policy, magnitude: int) -> None:
    if policy not in _MAGNITUDES:
        takers = " or ".join(_MAGNITUDES)
        raise ValueError(f"policy {policy} takes no magnitude; leave policy_magnitude null, or set policy to {takers}")
    lowest, highest, _ = _MAGNITUDES[policy]
    if not lowest <= magnitude <= highest:
        raise ValueError(f"policy_magnitude of {policy} is {lowest} to {highest}, not {magnitude}")
