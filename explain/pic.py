"""Performance information curves: how soon a model is right again as the pixels that it relied on are revealed.

Kapishnikov et al. 2019, "XRAI: Better Attributions Through Regions" (arXiv:1906.02825). An image starts fully hidden.
The most important pixels are revealed step by step; the x-axis is the information shown (lossless WebP bytes, from 0
for the hidden image to 1 for the original), the y-axis the model's prediction, scaled alike. The softmax information
curve (SIC) takes the target's probability, the accuracy information curve (AIC) 1 where the target is predicted and 0
elsewhere.
"""

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from aga_lightning.explain.information import InformationMemory
from aga_lightning.explain.information_curve import KINDS, ImageCurves, InformationCurve, Kind, aggregate
from aga_lightning.explain.prediction import Predict
from aga_lightning.explain.reconstruction import Triangulation
from aga_lightning.explain.revealing import CallingThread, Revealing

PIC_THRESHOLDS = (0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.07, 0.10, 0.13, 0.21, 0.34, 0.5, 0.75)
"""Fractions of the pixels that are revealed, most important first: those of the authors' notebook."""


@dataclass(frozen=True, slots=True, eq=False)
class PerformanceInformation:
    """Both curves of a set of images, and those of the single images that they come from."""

    sic: InformationCurve
    aic: InformationCurve
    images: ImageCurves


def performance_information_curve(
    images: Tensor,
    attributions: Tensor,
    predict: Predict,
    targets: Tensor,
    ids: Tensor | None = None,
    random_masks: Tensor | None = None,
    thresholds: Sequence[float] = PIC_THRESHOLDS,
    min_prediction: float = 0.8,
    monotone: bool = True,
    points: int = 1000,
    triangulation: Triangulation = "exact",
    executor: Executor | None = None,
    batch_size: int = 64,
    memory: InformationMemory | None = None,
    aggregation: Literal["median", "mean"] = "median",
) -> PerformanceInformation:
    """The softmax and the accuracy information curve of a set of images, from one pass.

    Arguments and errors are those of `image_curves`; `aggregation` is the method of `aggregate`.
    """
    curves = image_curves(
        images,
        attributions,
        predict,
        targets,
        ids=ids,
        random_masks=random_masks,
        thresholds=thresholds,
        min_prediction=min_prediction,
        monotone=monotone,
        points=points,
        triangulation=triangulation,
        executor=executor,
        batch_size=batch_size,
        memory=memory,
    )
    sic, aic = (aggregate(curves.of(kind), aggregation) for kind in KINDS)
    return PerformanceInformation(sic=sic, aic=aic, images=curves)


def image_curves(
    images: Tensor,
    attributions: Tensor,
    predict: Predict,
    targets: Tensor,
    ids: Tensor | None = None,
    random_masks: Tensor | None = None,
    thresholds: Sequence[float] = PIC_THRESHOLDS,
    min_prediction: float = 0.8,
    monotone: bool = True,
    points: int = 1000,
    triangulation: Triangulation = "exact",
    executor: Executor | None = None,
    batch_size: int = 64,
    memory: InformationMemory | None = None,
    kinds: Sequence[Kind] = KINDS,
) -> ImageCurves:
    """The performance information curves of single images, equal to the `saliency` package's.

    Memory is bounded: whatever N, the reconstructions of about three batches exist at a time.

    Args:
        images: uint8 pixels (N, C, H, W), C 1 or 3.
        attributions: Floating point (N, H, W); higher is more important.
        predict: uint8 pixels (B, C, H, W) to probabilities (B, num_classes).
        targets: int64 (N,), the class that the curve is about.
        ids: int64 (N,), at least 0; 0..N-1 by default.
        random_masks: Boolean (N, H, W): what is known of the fully hidden image. By default 1% of the pixels, drawn
            with the image's id as the seed, so that all models and attributions meet the same hidden image.
        thresholds: Ascending fractions of the pixels, most important first, that are revealed; in 0..1. Pixels as
            important as the least important of them are revealed too: all, if all are equal.
        min_prediction: Images whose original gets less than this are skipped.
        monotone: Whether a curve keeps the highest prediction so far. Then the lengths of images between equal
            predictions are not needed, and only those beside the ends of such a run are measured, or all, if these
            do not grow with the threshold. It is assumed that the others do not leave the run's range.
        points: Of a curve, from 0 up to but without 1, which is added.
        triangulation: See `reconstruct`.
        executor: Runs the reconstructions and the encodings while the model predicts, in threads, which both leave free
            to run, or in processes, which start without torch. By default the calling thread does it all.
        batch_size: How many images `predict` gets at once, at most.
        memory: Keeps the lengths that do not depend on the model from one call to the next.
        kinds: Which curves.

    Returns:
        The curves, and for each image without one the reason.

    Raises:
        ValueError: If shapes, types or ranges do not fit.
    """
    if ids is None:
        ids = torch.arange(len(images))
    _check_tensors(images, attributions, targets, ids, random_masks)
    if not thresholds or list(thresholds) != sorted(thresholds) or not 0 <= thresholds[0] <= thresholds[-1] <= 1:
        raise ValueError(f"The thresholds must be ascending fractions in 0..1, at least one, not {thresholds}.")
    if points < 1 or batch_size < 1:
        raise ValueError(f"The points ({points}) and the batch size ({batch_size}) must be at least 1.")
    if not kinds or not set(kinds) <= set(KINDS):
        raise ValueError(f"The kinds are {KINDS}, not {kinds}.")
    maps = attributions.detach().cpu()
    revealing = Revealing(
        pixels=images.cpu().permute(0, 2, 3, 1).numpy(),
        maps=(maps if maps.dtype == torch.float64 else maps.float()).numpy(),
        predict=predict,
        targets=targets.cpu().long(),
        ids=ids.cpu().long(),
        random_masks=None if random_masks is None else random_masks.cpu().numpy(),
        thresholds=thresholds,
        min_prediction=min_prediction,
        monotone=monotone,
        points=points,
        triangulation=triangulation,
        executor=executor or CallingThread(),
        batch_size=batch_size,
        memory=InformationMemory() if memory is None else memory,
        kinds=kinds,
    )
    revealing.predict_originals()
    revealing.hide()
    revealing.reveal()
    return revealing.curves()


def _check_tensors(
    images: Tensor, attributions: Tensor, targets: Tensor, ids: Tensor, random_masks: Tensor | None
) -> None:
    if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] not in (1, 3) or 0 in images.shape[1:]:
        raise ValueError(
            f"The images must be uint8 pixels (N, 1 or 3, H, W), not {images.dtype} {tuple(images.shape)}; "
            "Pixels.pixels turns what a network sees into pixels."
        )
    expected = (len(images), *images.shape[2:])
    if tuple(attributions.shape) != expected or not attributions.is_floating_point():
        raise ValueError(
            f"The attributions must be floating point of the images' size {expected}, not {attributions.dtype} "
            f"{tuple(attributions.shape)}; resize them to the images."
        )
    for name, numbers in (("targets", targets), ("ids", ids)):
        whole = not (numbers.is_floating_point() or numbers.is_complex() or numbers.dtype == torch.bool)
        if tuple(numbers.shape) != expected[:1] or not whole or (numbers < 0).any():
            raise ValueError(
                f"The {name} must be {len(images)} integers, at least 0: one an image, not {numbers.dtype} "
                f"{tuple(numbers.shape)}."
            )
    if random_masks is not None and (tuple(random_masks.shape) != expected or random_masks.dtype != torch.bool):
        raise ValueError(
            f"The random masks must be boolean of the images' size {expected}, not {random_masks.dtype} "
            f"{tuple(random_masks.shape)}."
        )
