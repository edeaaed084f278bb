"""One number and one curve for each measure, set and model, from what was measured of each image."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from aga_lightning.callbacks.measuring import MASKED, NO_MASK, Measure, Measured, Scores
from aga_lightning.explain.information_curve import KINDS, ImageCurves, Kind, Skip, aggregate

Aggregation = Literal["median", "mean"]
"""How one information curve is made of many."""

THIS_MODEL, BASELINE = "this model", "baseline"
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
        used: How many images it rests on.
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
        name: The set's.
        measured: The current model's images.
        baseline: The same images, by the model that it is compared with.
        aggregation: How AIC and SIC make one curve of many, before they take its area. The other measures take the
            mean over the images, as is usual for them.

    Returns:
        By measure, model and images; `COMMON` only with a baseline.
    """
    models = {THIS_MODEL: measured} | ({} if baseline is None else {BASELINE: baseline})
    summaries = []
    for measure in measured.scores:
        scores = {model: known.scores[measure] for model, known in models.items()}
        if measure in MASKED and all(reason == NO_MASK for reason in scores[THIS_MODEL].reasons):
            continue
        both = torch.stack([each.used for each in scores.values()]).all(dim=0)
        for model, own in scores.items():
            versions = {OWN: own} | ({} if baseline is None else {COMMON: restricted(own, both)})
            for images, version in versions.items():
                value, curve = _summarised(measure, version, aggregation)
                skipped = Counter(reason for reason in version.reasons if reason)
                used = int(version.used.sum())
                summaries.append(Summary(name, model, images, measure, value, used, dict(skipped), version.x, curve))
    return summaries


def restricted(scores: Scores, usable: Tensor) -> Scores:
    """The scores of some of the images; the others are skipped because the other model cannot use them.

    Args:
        scores: Of all images.
        usable: Which images both models can use: boolean (N,).
    """
    reasons = zip(scores.reasons, usable.tolist(), strict=True)
    return Scores(
        scores.values.masked_fill(~usable, torch.nan),
        tuple(reason if use or reason else Skip.NOT_COMMON.reason for reason, use in reasons),
        scores.x,
        scores.curves.masked_fill(~usable[:, None], torch.nan),
    )


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


def _summarised(measure: Measure, scores: Scores, aggregation: Aggregation) -> tuple[float, Tensor]:
    """A value and a curve."""
    if not scores.used.any():
        return torch.nan, torch.full_like(scores.x, torch.nan)
    for kind in KINDS:
        if kind == measure:
            curve = aggregate(_image_curves(scores, kind), kind, aggregation)
            return curve.area, curve.y
    return float(scores.values[scores.used].mean()), scores.curves[scores.used].mean(dim=0)


def _image_curves(scores: Scores, kind: Kind) -> ImageCurves:
    used = scores.used
    skips = torch.where(used, Skip.USED, Skip.NOT_COMMON)
    return ImageCurves(torch.arange(len(used)), {kind: scores.curves}, {kind: scores.values}, {kind: skips})
