"""Performance information curves of single images and of sets: what they hold, how many make one, how two compare."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Kind = Literal["sic", "aic"]
KINDS: tuple[Kind, ...] = ("sic", "aic")


class Skip(IntEnum):
    """Why an image has no curve; the first rule that applies, in the order of the `saliency` package."""

    USED = 0
    LOW_PREDICTION = 1
    NO_PREDICTION_GAP = 2
    NO_INFORMATION_GAP = 3
    NOT_FINITE = 4
    NOT_COMMON = 5

    @property
    def reason(self) -> str:
        """In words, for tables and logs."""
        return _REASONS[self]


_REASONS = {
    Skip.USED: "used",
    Skip.LOW_PREDICTION: "the prediction on the original image is below the minimum",
    Skip.NO_PREDICTION_GAP: "the prediction on the hidden image is as high as on the original",
    Skip.NO_INFORMATION_GAP: "the hidden image takes as many bytes as the original",
    Skip.NOT_FINITE: "an attribution or a probability is not finite",
    Skip.NOT_COMMON: "the model it is compared with cannot use the image",
}


@dataclass(frozen=True, slots=True, eq=False)
class ImageCurves:
    """The curves of single images, by kind.

    Args:
        ids: int64 (N,), which tell images apart.
        curves: Of each kind, float64 (N, points + 1): y at evenly spaced x from 0 to 1; rows of NaN where skipped.
        areas: Of each kind, float64 (N,), in 0..1; NaN where skipped.
        skips: Of each kind, int8 (N,): the `Skip` of each image.
    """

    ids: Tensor
    curves: dict[Kind, Tensor]
    areas: dict[Kind, Tensor]
    skips: dict[Kind, Tensor]

    def used(self, kind: Kind) -> Tensor:
        """Which images have a curve: boolean (N,)."""
        return self.skips[kind] == Skip.USED


@dataclass(frozen=True, slots=True, eq=False)
class InformationCurve:
    """The curve of a set of images.

    Args:
        x: float64 (points + 1,): the share of the information, evenly spaced from 0 to 1.
        y: float64 (points + 1,): the scaled prediction; NaN if no image is used.
        area: Under the curve, in 0..1; NaN if no image is used.
        used: How many images have a curve.
        skipped: How many have none, by reason; all reasons, also those that never occurred.
    """

    x: Tensor
    y: Tensor
    area: float
    used: int
    skipped: dict[Skip, int]


def curve_through(x: NDArray[np.float64], y: NDArray[np.float64], points: int) -> NDArray[np.float64]:
    """A curve from (0, 0) to (1, 1) through measured points, linear between them, as the `saliency` package draws it.

    Args:
        x: Shares of the information (T,), in 0..1, in the order of the thresholds.
        y: Scaled predictions (T,), in 0..1.
        points: At how many evenly spaced x, from 0 up to but without 1.

    Returns:
        y at them, and at 1: (points + 1,).
    """
    x, y = np.append(x, [0.0, 1.0]), np.append(y, [0.0, 1.0])
    # Stable, and both ends last, which decides between points of equal x.
    order = np.argsort(x, kind="stable")
    return np.append(np.interp(np.linspace(0, 1, points, endpoint=False), x[order], y[order]), 1.0)


def aggregate(curves: ImageCurves, kind: Kind, method: Literal["median", "mean"] = "median") -> InformationCurve:
    """One curve of many, as the `saliency` package makes it: point by point, and then its area.

    Args:
        curves: Of single images.
        kind: Which of their curves.
        method: The median, or the mean, of the used images at each point. The area under the median curve isn't the
            median of the areas.

    Raises:
        ValueError: If there is no such method.
    """
    if method not in ("median", "mean"):
        raise ValueError(f'The aggregation is "median" or "mean", not {method!r}.')
    skips = curves.skips[kind].tolist()
    rows = curves.curves[kind][curves.used(kind)].cpu().numpy()
    x = np.linspace(0, 1, curves.curves[kind].shape[1])
    if len(rows):
        y = np.median(rows, axis=0) if method == "median" else np.mean(rows, axis=0)
    else:
        y = np.full_like(x, np.nan)
    return InformationCurve(
        x=torch.from_numpy(x),
        y=torch.from_numpy(y),
        area=float(torch.trapezoid(torch.from_numpy(y), torch.from_numpy(x))),
        used=len(rows),
        skipped={skip: skips.count(skip) for skip in Skip if skip != Skip.USED},
    )


def common(first: ImageCurves, second: ImageCurves) -> tuple[ImageCurves, ImageCurves]:
    """Both models' curves on the images that both can use, so that their areas may be compared.

    Args:
        first: The curves of one model.
        second: Those of another, on the same images in any order.

    Returns:
        Both, restricted to the ids that both have, in the first's order: row by row the same image. For each kind,
        images that only one of the two can use become `Skip.NOT_COMMON` in it.

    Raises:
        ValueError: If an id stands twice in one of them.
    """
    for curves in (first, second):
        if len(set(curves.ids.tolist())) < len(curves.ids):
            raise ValueError("Images are compared by their ids, and an id stands twice: give each image its own.")
    place = {int(id): row for row, id in enumerate(second.ids)}
    rows = [(row, place[int(id)]) for row, id in enumerate(first.ids) if int(id) in place]
    index = torch.tensor(rows, dtype=torch.int64).reshape(-1, 2)
    one, two = _rows(first, index[:, 0]), _rows(second, index[:, 1])
    kinds = [kind for kind in one.skips if kind in two.skips]
    usable = {kind: one.used(kind) & two.used(kind) for kind in kinds}
    return _without(one, usable), _without(two, usable)


def _rows(curves: ImageCurves, index: Tensor) -> ImageCurves:
    parts = (
        {kind: values[index] for kind, values in part.items()} for part in (curves.curves, curves.areas, curves.skips)
    )
    return ImageCurves(curves.ids[index], *parts)


def _without(curves: ImageCurves, usable: dict[Kind, Tensor]) -> ImageCurves:
    nan = torch.tensor(torch.nan, dtype=torch.float64)
    return ImageCurves(
        ids=curves.ids,
        curves={kind: torch.where(use[:, None], curves.curves[kind], nan) for kind, use in usable.items()},
        areas={kind: torch.where(use, curves.areas[kind], nan) for kind, use in usable.items()},
        skips={
            kind: torch.where(curves.used(kind) & ~use, Skip.NOT_COMMON, curves.skips[kind]).to(torch.int8)
            for kind, use in usable.items()
        },
    )
