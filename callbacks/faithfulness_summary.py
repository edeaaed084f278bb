"""One number and one curve for each measure, set and model, from what was measured of each image."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from aga_lightning.callbacks.attributing import BASELINE, THIS_MODEL
from aga_lightning.callbacks.measuring import MASKED, Measure, Measured
from aga_lightning.explain.information_curve import KINDS, aggregate
from aga_lightning.explain.per_image import PerImage, Skip, common

Aggregation = Literal["median", "mean"]
"""How one information curve is made of many."""

OWN, COMMON = "own", "common"


@dataclass(frozen=True, slots=True, eq=False)
class Summary:
    """What a measure says of a set.

    Args:
        set: The set's name: "test", "ood/sketch".
        model: THIS_MODEL or BASELINE.
        images: Over which images: OWN, those that the model can use, or COMMON, those that both models can use, on
            which alone the two may be compared.
        measure: Which measure.
        value: In 0..1; NaN if no image is used.
        used: How many images the value rests on.
        skipped: How many other images there are, by reason.
        x: (K,), where the curve is known; (0,) for a measure without curves.
        y: (K,), the curve; NaN if no image is used.
    """

    set: str
    model: str
    images: str
    measure: Measure
    value: float
    used: int
    skipped: dict[str, int]
    x: Tensor
    y: Tensor


def summarise(
    name: str, measured: Measured, baseline: Measured | None = None, aggregation: Aggregation = "median"
) -> list[Summary]:
    """What all measures say of a set. Measures that need masks are left out where no image of the set has one.

    Args:
        name: The set's name.
        measured: The current model's images.
        baseline: The same images, by the model that it is compared with.
        aggregation: How AIC and SIC make one curve of many, before they take its area. The other measures take the
            mean over the images, as is usual for them.

    Returns:
        By measure, model and images; `COMMON` only with a baseline.
    """
    summaries = []
    for measure, own in measured.scores.items():
        if measure in MASKED and (own.skips == Skip.NO_MASK).all():
            continue
        versions = {(THIS_MODEL, OWN): own}
        if baseline is not None:
            other = baseline.scores[measure]
            this, that = common(own, other)
            versions |= {(THIS_MODEL, COMMON): this, (BASELINE, OWN): other, (BASELINE, COMMON): that}
        for (model, images), version in versions.items():
            value, curve = _summarised(measure, version, aggregation)
            skipped = {skip.reason: count for skip, count in version.skipped.items()}
            used = int(version.used.sum())
            summaries.append(Summary(name, model, images, measure, value, used, skipped, version.x, curve))
    return summaries


def scalars(summaries: Iterable[Summary]) -> dict[str, float]:
    """What is logged: values where there are any, and how many images they rest on.

    `<set>/aic` and `<set>/aic_used` are this model's, `<set>/aic_baseline` and `<set>/aic_baseline_used` the
    baseline's. Measures that skip images skip others for each model: `<set>/aic_common`, `<set>/aic_baseline_common`
    and `<set>/aic_common_used` are those of the images that both can use. Insertion and deletion use all images.
    """
    logged = {}
    for summary in summaries:
        key = f"{summary.set}/{summary.measure}" + ("_baseline" if summary.model == BASELINE else "")
        if summary.images == COMMON:
            if summary.measure in ("insertion", "deletion"):
                continue
            key += "_common"
        if summary.used:
            logged[key] = summary.value
        if summary.images == OWN or summary.model == THIS_MODEL:
            logged[f"{key}_used"] = float(summary.used)
    return logged


def _summarised(measure: Measure, images: PerImage, aggregation: Aggregation) -> tuple[float, Tensor]:
    """A value and a curve."""
    if not images.used.any():
        return torch.nan, torch.full_like(images.x, torch.nan)
    if measure in KINDS:
        curve = aggregate(images, aggregation)
        return curve.area, curve.y
    return float(images.values[images.used].double().mean()), images.curves[images.used].mean(dim=0)
