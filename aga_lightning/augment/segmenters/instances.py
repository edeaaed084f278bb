"""Segmenters with a model that gives a mask for each box: from several boxes of an image to one subject."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from aga_lightning.augment.base import Detection, Segmenter, Subject
from aga_lightning.augment.pretrained import Pretrained
from aga_lightning.images.boxes import clamp, mask_overlap
from aga_lightning.images.pixels import Image
from aga_lightning.images.records import Box
from aga_lightning.images.samples import Sample

Instances = Literal["best", "union", "each"]

DUPLICATE = 0.8
"""Two masks that overlap by more than this (intersection over union) show the same instance."""


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


@dataclass(kw_only=True, eq=False)
class BoxSegmenter(Pretrained, Segmenter):
    """A segmenter with a model that is asked about boxes; a subclass loads the model and cuts the masks.

    Args:
        instances: If there are several boxes: "best" keeps the mask of the best box, "union" joins all masks into one
            subject, "each" pastes the instances one by one, in turn over the augmentations.
        dtype: Numbers to encode the image with; masks are always decoded in float32. auto is float32 everywhere,
            because users of ViT-H report useless masks in float16.
        batch_size: Images encoded at once.
    """

    instances: Instances = "union"
    batch_size: int = 4

    def __post_init__(self) -> None:
        if self.instances not in get_args(Instances):
            raise ValueError(f"instances is {self.instances!r}; choose one of {', '.join(get_args(Instances))}")

    @abstractmethod
    def cut(self, prompts: Sequence[BoxPrompt]) -> list[BoxMasks]:
        """The masks of a batch of images."""

    def segment(self, samples: Sequence[Sample], detections: Sequence[Sequence[Detection]]) -> list[Subject | None]:
        """The subject of each sample; None without a box of a pixel or more, or if all masks are empty."""
        usable = [_inside(sample.image, found) for sample, found in zip(samples, detections, strict=True)]
        asked = [index for index, pairs in enumerate(usable) if pairs]
        prompts = [BoxPrompt(samples[index].image, tuple(box for _, box in usable[index])) for index in asked]
        subjects: list[Subject | None] = [None] * len(samples)
        for index, answer in zip(asked, self.batched(prompts, self.cut), strict=True):
            subjects[index] = assemble([detection for detection, _ in usable[index]], answer, self.instances)
        return subjects


def assemble(detections: Sequence[Detection], answer: BoxMasks, instances: Instances) -> Subject | None:
    """One subject from the masks of several boxes.

    Args:
        detections: The boxes, best first.
        answer: A mask for each box; empty masks are left out.
        instances: "best" keeps the mask of the best box; "union" joins all masks; "each" joins them too, and keeps the
            single instances, without duplicates, to be pasted one by one.

    Returns:
        The subject, None if all masks are empty. It has the detection of the best box, and as score the geometric mean
        of the detector's score and the predicted quality, each clipped to 0..1.
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
    """The mask with the best predicted quality among those that a model offers for each box.

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
