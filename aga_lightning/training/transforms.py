"""Named recipes of transforms for training and evaluation: from an upright RGB image to a classifier's input."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from aga_lightning.training.policies import Policy, build_policy

Transform = Callable[[Image.Image], Tensor]
"""A PIL RGB image to a float32 tensor, (3, height, width)."""

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

Normalisation = tuple[tuple[float, ...], tuple[float, ...]]
"""The mean and the standard deviation, one number a channel."""

UNCHANGED: Normalisation = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
"""What leaves values in 0..1."""

Steps = Callable[[int], list[Any]]  # torchvision ships no types


@dataclass(frozen=True, slots=True)
class _Recipe:
    """The spatial steps of training and evaluation for an image size, that size's default, and the normalisation."""

    train: Steps
    evaluate: Steps
    image_size: int = 224
    normalise: bool = True


def _torchvision_train(size: int) -> list[Any]:
    return [v2.RandomResizedCrop(size), v2.RandomHorizontalFlip()]


def _torchvision_eval(size: int) -> list[Any]:
    return [v2.Resize(round(size * 256 / 224)), v2.CenterCrop(size)]


def _fieldguide_train(size: int) -> list[Any]:
    # Square crops of at least 0.7 of the area: marks of one to three pixels must survive.
    return [v2.RandomResizedCrop(size, scale=(0.7, 1.0), ratio=(1.0, 1.0)), v2.RandomHorizontalFlip()]


def _squash(size: int) -> list[Any]:
    return [v2.Resize((size, size))]


def _without_banner(size: int) -> list[Any]:
    """Cuts off a camera trap's banners at the top and the bottom, at twice the final size (at 224: rows 10 to 410)."""
    double = 2 * size
    top, height = round(double * 10 / 448), round(double * 400 / 448)
    return [v2.Resize((double, double)), _Rows(top, height), v2.Resize((size, size))]


class _Rows(v2.Transform):  # type: ignore[misc] # torchvision ships no types
    """Crops an image, or its mask, to `height` rows from row `top` on."""

    def __init__(self, top: int, height: int) -> None:
        super().__init__()
        self.top, self.height = top, height

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:  # noqa: ANN401 whatever torchvision crops
        width = functional.get_size(inpt)[1]
        return functional.crop(inpt, top=self.top, left=0, height=self.height, width=width)


class _InOrder(v2.Transform):  # type: ignore[misc] # torchvision ships no types
    """Copies a tensor that is stored pixel by pixel, as Pillow does, to one that is stored channel by channel.

    No value changes, but all steps that follow, collating included, take a third of the time.
    """

    def transform(self, inpt: Tensor, params: dict[str, Any]) -> Tensor:
        return inpt.contiguous()


_RECIPES = {
    "torchvision": _Recipe(_torchvision_train, _torchvision_eval),
    "fieldguide": _Recipe(_fieldguide_train, _squash, image_size=64),
    "alia_cub": _Recipe(_squash, _squash),
    "alia_iwildcam": _Recipe(_without_banner, _without_banner, normalise=False),
}

RECIPES = tuple(_RECIPES)
"""The recipes: torchvision's classification reference, FieldGuide's, and the two of ALIA (Dunlap et al. 2023)."""


def default_size(recipe: str) -> int:
    """A recipe's own image size: the side in pixels.

    Raises:
        ValueError: If there is no such recipe.
    """
    return _named(recipe).image_size


def normalises(recipe: str) -> bool:
    """Whether a recipe normalises values at all, rather than leaving them in 0..1.

    Args:
        recipe: One of `RECIPES`.

    Raises:
        ValueError: If there is no such recipe.
    """
    return _named(recipe).normalise


def normalisation(recipe: str) -> Normalisation:
    """Per-channel mean and standard deviation by which a recipe normalises values in 0..1.

    Args:
        recipe: One of `RECIPES`.
    """
    return (IMAGENET_MEAN, IMAGENET_STD) if normalises(recipe) else UNCHANGED


def evaluation_mask(transform: Transform, image: Image.Image, mask: np.ndarray) -> Tensor:
    """The mask of the subject in the tensor that an evaluation transform makes of an image.

    Args:
        transform: The evaluation transform of `build_transforms`.
        image: The image.
        mask: (height, width) bool of the image, True at the subject.

    Returns:
        (height, width) bool of the tensor.
    """
    _, moved = transform(image, tv_tensors.Mask(torch.from_numpy(np.ascontiguousarray(mask))))  # type: ignore[call-arg] # masks may go along
    return moved  # type: ignore[no-any-return]


def build_transforms(
    recipe: str = "torchvision",
    image_size: int | None = None,
    policy: Policy = "none",
    policy_magnitude: int | None = None,
    normalised_by: Normalisation | None = None,
) -> tuple[Transform, Transform]:
    """The train and eval transforms of a named recipe.

    Training draws from torch's global generator, which Lightning seeds for each loader worker.

    Args:
        recipe: One of `RECIPES`.
        image_size: Height and width of the tensors in pixels; by default the recipe's own. All other sizes of the
            recipe scale with it.
        policy: Random operations on a training image between its flip and the normalisation: see `build_policy`.
        policy_magnitude: Their strength: see `build_policy`.
        normalised_by: The mean and the standard deviation of each channel by which values in 0..1 are normalised; by
            default those of `normalisation`.

    Returns:
        The transform for training and the one for evaluation.

    Raises:
        ValueError: If the recipe or policy is unknown, or the policy does not take the magnitude.
    """
    chosen = _named(recipe)
    size = chosen.image_size if image_size is None else image_size
    to_tensor: list[Any] = [v2.ToImage(), _InOrder(), v2.ToDtype(torch.float32, scale=True)]
    mean, std = normalised_by or normalisation(recipe)
    if (mean, std) != UNCHANGED:
        to_tensor.append(v2.Normalize(mean, std))
    # Plain tensors, because torchvision's own image class slows every operation on a batch.
    to_tensor.append(v2.ToPureTensor())
    train: Transform = v2.Compose([*chosen.train(size), *build_policy(policy, policy_magnitude), *to_tensor])
    evaluate: Transform = v2.Compose([*chosen.evaluate(size), *to_tensor])
    return train, evaluate


def _named(recipe: str) -> _Recipe:
    if recipe not in _RECIPES:
        raise ValueError(f"unknown recipe {recipe!r}: choose one of {', '.join(_RECIPES)}")
    return _RECIPES[recipe]
