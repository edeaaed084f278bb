"""Detectors with a model: their batches of images, and the form of their boxes."""

from abc import abstractmethod
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import get_args

import torch

from aga_lightning.augment.base import Detection, Detector
from aga_lightning.augment.detectors.boxes_found import Boxes, best_first
from aga_lightning.augment.detectors.wording import check_prompt, filled
from aga_lightning.augment.pretrained import Pretrained
from aga_lightning.images.pixels import Image
from aga_lightning.images.samples import Sample

Candidates = tuple[torch.Tensor, torch.Tensor]
"""(n, 4) boxes (left, top, right, bottom in pixels of the image) and their (n,) scores, as a model gives them."""

SLIMMEST = 100
"""Longer side in shorter sides above which models would shrink an image to nothing."""


@dataclass(kw_only=True, eq=False)
class ModelDetector(Pretrained, Detector):
    """A detector with a model; a subclass defines the question and the search.

    Args:
        threshold: Boxes with a greater score are kept; 0 to less than 1.
        boxes: The best box alone, or all (20 at most).

    Raises:
        ValueError: If a setting is out of range.
    """

    threshold: float = 0.35
    boxes: Boxes = "all"
    batch_size: int = 8

    def __post_init__(self) -> None:
        _check_threshold("threshold", self.threshold)
        if self.boxes not in get_args(Boxes):
            raise ValueError(f"boxes is {self.boxes!r}; give best or all")
        if self.batch_size < 1:
            raise ValueError(f"batch_size is {self.batch_size}; give at least 1")

    @abstractmethod
    def query(self, superclass: str) -> str:
        """The question to the model for a superclass."""

    @abstractmethod
    def look_for(self, query: str, images: Sequence[Image]) -> Sequence[Candidates]:
        """The candidates of each image; the images are of one size."""

    def detect(self, samples: Sequence[Sample]) -> list[list[Detection]]:
        """Boxes of each sample's superclass, best first; an empty list if nothing was found.

        A batch holds only images of one size with the same question: otherwise they would be padded, and the boxes of
        one image would depend on the others. The last batch of a size is not filled up, since most sizes occur once in
        a set of photos. Kernels that round differently for other batch sizes still change scores by about 1e-6;
        `batch_size` 1 avoids that too.
        """
        alike: dict[tuple[tuple[int, ...], str], list[int]] = defaultdict(list)
        for index, sample in enumerate(samples):
            if max(sample.image.shape[:2]) > SLIMMEST * min(sample.image.shape[:2]):
                continue
            alike[sample.image.shape, self.query(sample.record.superclass)].append(index)
        found: list[list[Detection]] = [[] for _ in samples]
        for (shape, query), indexes in alike.items():
            images = [samples[index].image for index in indexes]
            with torch.inference_mode():
                candidates = self.batched(images, partial(self.look_for, query), pad=False)
            for index, (boxes, scores) in zip(indexes, candidates, strict=True):
                size = (shape[0], shape[1])
                found[index] = best_first(
                    boxes.float().cpu().numpy(), scores.float().cpu().numpy(), size, self.threshold, self.boxes
                )
        return found


@dataclass(kw_only=True, eq=False)
class PromptedDetector(ModelDetector):
    """A detector that is asked in words, and scores the words one by one.

    Args:
        text_threshold: Boxes are dropped unless a word of the prompt scores more than this; 0 to less than 1. Detectors
            that do not score single words ignore it.
        prompt: The question; {superclass} stands for the superclass in lower case. For the GroundingDINO family a dot
            is added at the end if it is missing.

    Raises:
        ValueError: If a setting is out of range or `prompt` has an unknown field.
    """

    text_threshold: float = 0.25
    prompt: str = "{superclass}."

    def __post_init__(self) -> None:
        super().__post_init__()
        check_prompt(self.prompt)
        _check_threshold("text_threshold", self.text_threshold)

    def query(self, superclass: str) -> str:
        """The prompt, filled in."""
        return filled(self.prompt, superclass)


def _check_threshold(name: str, value: float) -> None:
    if not 0 <= value < 1:
        raise ValueError(f"{name} is {value}; give a number of at least 0 and less than 1")
