"""What a measure says of each image of a set, and why it says nothing of some."""

from collections import Counter
from dataclasses import dataclass, replace
from enum import IntEnum

import torch
from torch import Tensor


class Skip(IntEnum):
    """Why a measure cannot use an image; information curves check in the order of the `saliency` package."""

    USED = 0
    LOW_PREDICTION = 1
    NO_PREDICTION_GAP = 2
    NO_INFORMATION_GAP = 3
    NOT_FINITE = 4
    NOT_COMMON = 5
    NO_MASK = 6
    NO_SUBJECT = 7
    NO_POSITIVE = 8
    CONSTANT = 9

    @property
    def reason(self) -> str:
        """The reason in words, for tables and logs; "" for an image that is used."""
        return _REASONS[self]


_REASONS = {
    Skip.USED: "",
    Skip.LOW_PREDICTION: "the prediction on the original image is below the minimum",
    Skip.NO_PREDICTION_GAP: "the prediction on the hidden image is as high as on the original",
    Skip.NO_INFORMATION_GAP: "the hidden image takes as many bytes as the original",
    Skip.NOT_FINITE: "an attribution or a probability is not finite",
    Skip.NOT_COMMON: "the model it is compared with cannot use the image",
    Skip.NO_MASK: "it is unknown where the subject is",
    Skip.NO_SUBJECT: "the mask is empty",
    Skip.NO_POSITIVE: "no attribution is positive",
    Skip.CONSTANT: "all attributions are equal",
}


@dataclass(frozen=True, slots=True, eq=False)
class PerImage:
    """What a measure says of each image, on the CPU.

    Args:
        ids: int64 (N,), which tell images apart; -1 for images that were given none.
        values: Floating point (N,); NaN where the image cannot be used.
        skips: int8 (N,), the `Skip` of each image.
        x: (K,), where the curves are known; (0,) for a measure without curves.
        curves: Floating point (N, K); rows of NaN where the image cannot be used.
    """

    ids: Tensor
    values: Tensor
    skips: Tensor
    x: Tensor
    curves: Tensor

    @property
    def used(self) -> Tensor:
        """Which images the measure can use: boolean (N,)."""
        return self.skips == Skip.USED

    @property
    def skipped(self) -> Counter[Skip]:
        """How many images cannot be used, by reason."""
        return Counter(Skip(skip) for skip in self.skips.tolist() if skip != Skip.USED)

    @property
    def reasons(self) -> list[str]:
        """For each image why it is not used, in words; "" where it is used."""
        return [Skip(skip).reason for skip in self.skips.tolist()]


def common(first: PerImage, second: PerImage) -> tuple[PerImage, PerImage]:
    """What a measure says of two models on the images that both can use, so that their values may be compared.

    Args:
        first: What the measure says of one model.
        second: What it says of the other, on the same images in any order.

    Returns:
        Both, restricted to the ids that both have, in the first's order: row by row the same image. Images that only
        one of the two can use become `Skip.NOT_COMMON` in it.

    Raises:
        ValueError: If an id stands twice in one of them.
    """
    for images in (first, second):
        if len(set(images.ids.tolist())) < len(images.ids):
            raise ValueError("Images are compared by their ids, and an id stands twice: give each image its own.")
    place = {id: row for row, id in enumerate(second.ids.tolist())}
    rows = [(row, place[id]) for row, id in enumerate(first.ids.tolist()) if id in place]
    index = torch.tensor(rows, dtype=torch.int64).reshape(-1, 2)
    one, two = _rows(first, index[:, 0]), _rows(second, index[:, 1])
    usable = one.used & two.used
    return _restricted(one, usable), _restricted(two, usable)


def _rows(images: PerImage, index: Tensor) -> PerImage:
    return PerImage(images.ids[index], images.values[index], images.skips[index], images.x, images.curves[index])


def _restricted(images: PerImage, usable: Tensor) -> PerImage:
    return replace(
        images,
        values=images.values.masked_fill(~usable, torch.nan),
        skips=images.skips.masked_fill(images.used & ~usable, Skip.NOT_COMMON),
        curves=images.curves.masked_fill(~usable[:, None], torch.nan),
    )
