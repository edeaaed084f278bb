"""From the masks of several boxes to one subject: what all segmenters that are asked about boxes share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from aga_lightning.augment.base import Detection, Subject
from aga_lightning.images.boxes import clamp, mask_overlap
from aga_lightning.images.pixels import Image
from aga_lightning.images.records import Box
from aga_lightning.images.samples import Sample

Instances = Literal["best", "union", "each"]

DUPLICATE = 0.8
"""Two masks that overlap more than this (intersection over union) show one instance, found twice."""


@dataclass(frozen=True, eq=False, slots=True)
class BoxPrompt:
    """An image, and at least one box in it; every box lies inside the image and is a pixel wide or more."""

    image: Image
    boxes: tuple[Box, ...]


@dataclass(frozen=True, eq=False, slots=True)
class BoxMasks:
    """The answer to a prompt: (boxes, height, width) masks, and (boxes,) their predicted overlap with the truth."""

    masks: npt.NDArray[np.bool_]
    quality: npt.NDArray[np.float64]


def check_instances(instances: Instances) -> None:
    """Check the setting.

    Raises:
        ValueError: If it is none of the three.
    """
    if instances not in get_args(Instances):
        raise ValueError(f"instances is {instances!r}; choose one of {', '.join(get_args(Instances))}")


def subjects_in_boxes(
    samples: Sequence[Sample],
    detections: Sequence[Sequence[Detection]],
    instances: Instances,
    cut: Callable[[Sequence[BoxPrompt]], Sequence[BoxMasks]],
) -> list[Subject | None]:
    """Ask a model about the boxes of each sample, and make one subject of its answer.

    Args:
        samples: The images.
        detections: The boxes of each, best first; what lies outside the image is cut off.
        instances: See `assemble`.
        cut: The model; samples without a box of a pixel or more are kept from it.

    Returns:
        The subject of each sample; None where there is no box, or no mask with a pixel.
    """
    usable = [_inside(sample.image, found) for sample, found in zip(samples, detections, strict=True)]
    asked = [index for index, pairs in enumerate(usable) if pairs]
    prompts = [BoxPrompt(samples[index].image, tuple(box for _, box in usable[index])) for index in asked]
    subjects: list[Subject | None] = [None] * len(samples)
    for index, answer in zip(asked, cut(prompts) if prompts else (), strict=True):
        subjects[index] = assemble([detection for detection, _ in usable[index]], answer, instances)
    return subjects


def assemble(detections: Sequence[Detection], answer: BoxMasks, instances: Instances) -> Subject | None:
    """One subject of the masks of several boxes.

    Args:
        detections: The boxes, best first.
        answer: A mask for each; empty ones are left out.
        instances: "best" keeps the mask of the best box; "union" joins all masks; "each" does so too, and keeps the
            instances to be pasted one by one, without those that were found twice.

    Returns:
        The subject, None where all masks are empty. Its detection and score are those of the best box: the geometric
        mean of the detector's score and the predicted quality, each cut to 0..1.
    """
    found = [
        Subject(mask, detection, _score(detection.score, float(quality)))
        for detection, mask, quality in zip(detections, answer.masks, answer.quality, strict=True)
        if mask.any()
    ]
    if instances == "each":
        found = _distinct(found)
    if not found:
        return None
    best = found[0]
    if len(found) == 1 or instances == "best":
        return best
    union = np.logical_or.reduce([one.mask for one in found])
    return Subject(union, best.detection, best.score, tuple(found) if instances == "each" else ())


def most_confident(logits: Tensor, quality: Tensor) -> tuple[Tensor, Tensor]:
    """Of the masks that a model offers for each box, the one it thinks best.

    Args:
        logits: (boxes, masks, height, width).
        quality: (boxes, masks), the predicted overlap of each mask with the truth; not-a-number counts as 0.

    Returns:
        (boxes, 1, height, width) logits and (boxes,) quality.
    """
    quality = torch.nan_to_num(quality, nan=0.0)
    best = quality.argmax(1)
    rows = torch.arange(len(best), device=best.device)
    return logits[rows, best][:, None], quality[rows, best]


def _inside(image: Image, found: Sequence[Detection]) -> list[tuple[Detection, Box]]:
    height, width = image.shape[:2]
    boxes = [(detection, clamp(detection.box, width, height)) for detection in found]
    return [(detection, box) for detection, box in boxes if box is not None]


def _score(detection: float, quality: float) -> float:
    return float(np.sqrt(np.clip(detection, 0, 1) * np.clip(quality, 0, 1)))


def _distinct(found: Sequence[Subject]) -> list[Subject]:
    kept: list[Subject] = []
    for one in found:
        if all(mask_overlap(one.mask, other.mask) <= DUPLICATE for other in kept):
            kept.append(one)
    return kept
