"""Performance information curves of single images and of sets, and how one curve is made of many."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aga_lightning.explain.per_image import PerImage, Skip

Kind = Literal["sic", "aic"]
KINDS: tuple[Kind, ...] = ("sic", "aic")


SKIPS = (
    Skip.LOW_PREDICTION,
    Skip.NO_PREDICTION_GAP,
    Skip.NO_INFORMATION_GAP,
    Skip.NOT_FINITE,
    Skip.NOT_COMMON,
)
"""The reasons for which an image has no information curve."""


@dataclass(frozen=True, slots=True, eq=False)
class ImageCurves:
    """The curves of single images, by kind.

    Args:
        ids: int64 (N,), which tell images apart.
        curves: Of each kind (N, points + 1): y at evenly spaced x from 0 to 1; rows of NaN where skipped. They are
            float64 as they are made, and float32 as a metric keeps them.
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

    def of(self, kind: Kind) -> PerImage:
        """What one kind of curve says of each image."""
        curves = self.curves[kind]
        x = torch.linspace(0, 1, curves.shape[1], dtype=torch.float64)
        return PerImage(self.ids, self.areas[kind], self.skips[kind], x, curves)


@dataclass(frozen=True, slots=True, eq=False)
class InformationCurve:
    """The curve of a set of images.

    Args:
        x: float64 (points + 1,): the share of the information, evenly spaced from 0 to 1.
        y: float64 (points + 1,): the scaled prediction; NaN if no image is used.
        area: Under the curve, in 0..1; NaN if no image is used.
        used: How many images have a curve.
        skipped: How many have none, by reason; all of `SKIPS`, also those that never occurred.
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


def aggregate(images: PerImage, method: Literal["median", "mean"] = "median") -> InformationCurve:
    """One curve of many, as the `saliency` package makes it: point by point, and then its area.

    Args:
        images: The information curves of single images, of one kind.
        method: The median, or the mean, of the used images at each point. The area under the median curve isn't the
            median of the areas.

    Raises:
        ValueError: If there is no such method.
    """
    if method not in ("median", "mean"):
        raise ValueError(f'The aggregation is "median" or "mean", not {method!r}.')
    rows = images.curves[images.used].cpu().numpy()
    x = np.linspace(0, 1, images.curves.shape[1])
    if len(rows):
        y = np.median(rows, axis=0) if method == "median" else np.mean(rows, axis=0)
    else:
        y = np.full_like(x, np.nan)
    skipped = images.skipped
    return InformationCurve(
        x=torch.from_numpy(x),
        y=torch.from_numpy(y).double(),
        area=float(torch.trapezoid(torch.from_numpy(y), torch.from_numpy(x))),
        used=len(rows),
        skipped={skip: skipped[skip] for skip in SKIPS},
    )
