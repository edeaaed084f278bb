"""Some images of each evaluation set, the same ones whenever they are asked for."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
import torch
from lightning.pytorch import Trainer
from torch import Tensor
from torch.utils.data import default_collate

from aga_lightning.callbacks.data_facts import check_range
from aga_lightning.callbacks.evaluation_loaders import (
    BatchOf,
    Parts,
    batches_of,
    evaluation_loaders,
    parts_of,
    places_of,
)
from aga_lightning.explain.prediction import Pixels
from aga_lightning.images.reading import read_image
from aga_lightning.images.records import ImageRecord
from aga_lightning.images.samples import load_sample
from aga_lightning.preflight import SettingError
from aga_lightning.training.transforms import evaluation_mask

Masks = Literal["dataset", "augmenter"]
"""Whose masks are compared with: those that the data set ships, or where it ships none those of the augmenter."""


@dataclass(frozen=True, slots=True)
class Examples:
    """A few images of an evaluation set, as the network sees them.

    Args:
        ids: (N,) int64, their places in the set.
        images: (N, C, H, W) float32.
        labels: (N,) int64.
        masks: For each image where the subject is, (H, W) bool, or None where that is unknown.
    """

    ids: Tensor
    images: Tensor
    labels: Tensor
    masks: tuple[Tensor | None, ...]

    def __len__(self) -> int:
        """How many."""
        return len(self.ids)


class EvaluationSample:
    """Images of one evaluation set, chosen once; nothing but their places is kept in memory.

    Args:
        name: What the metrics of the set begin with: "val", "ood/sketch".
        dataset: Any map-style data set.
        ids: The places of the images that were chosen.
        datamodule: Whose augmenter makes masks, if asked to.
        pixels: How the images were normalised; None where that is not known.
        batch_of: Makes of items of the data set what the network would get of them.
    """

    def __init__(
        self,
        name: str,
        dataset: Any,  # noqa: ANN401 any map-style data set
        ids: Sequence[int],
        datamodule: Any = None,  # noqa: ANN401 any data module, or none
        pixels: Pixels | None = None,
        batch_of: BatchOf = default_collate,
    ) -> None:
        self.name = name
        self.dataset = dataset
        self.ids = tuple(ids)
        self.datamodule = datamodule
        self.stated = pixels is not None
        self.pixels = pixels or Pixels()
        self.batch_of = batch_of

    def __len__(self) -> int:
        """How many images were chosen."""
        return len(self.ids)

    def chosen(self, ids: Sequence[int]) -> "EvaluationSample":
        """Other images of the same set.

        Args:
            ids: Their places in the set.
        """
        return EvaluationSample(
            self.name, self.dataset, ids, self.datamodule, self.pixels if self.stated else None, self.batch_of
        )

    def examples(self, ids: Sequence[int], masks: Masks | None = None) -> Examples:
        """Load some of the images.

        Args:
            ids: Their places in the set, at least one.
            masks: Whose masks to load with them; None for none.

        Raises:
            ImageReadError: If an image or its mask cannot be read.
            SettingError: If it cannot be told which parts of the data are images and labels, or how these images were
                normalised.
        """
        parts = self._parts(ids)
        images, labels = parts.images.to("cpu", torch.float32), parts.labels.to("cpu", torch.int64)
        check_range(self.name, images, self.pixels, self.stated)
        found: list[Tensor | None] = [None] * len(ids)
        if masks is not None:
            shipped = found if parts.masks is None else list(parts.masks.cpu())
            found = [
                self._mask(index, masks) if mask is None else mask for index, mask in zip(ids, shipped, strict=True)
            ]
        return Examples(torch.tensor(list(ids), dtype=torch.int64), images, labels, tuple(found))

    def _parts(self, ids: Sequence[int]) -> Parts:
        batch = self.batch_of([self.dataset[index] for index in ids])
        parts = parts_of(batch, grouped=bool(getattr(self.datamodule, "group_names", ())))
        if parts is None or len(parts.images) != len(ids):
            raise SettingError(
                f"the batches of {self.name} do not tell images from labels: make them (images, labels) or "
                '{"image": images, "label": labels}, images (N, C, H, W), labels (N,) integers'
            )
        return parts

    def batches(self, size: int, masks: Masks | None = None, rank: int = 0, ranks: int = 1) -> Iterator[Examples]:
        """Load all of the images that are a rank's share, a batch at a time.

        Args:
            size: Images a batch.
            masks: Whose masks to load with them; None for none.
            rank: Which share, from 0.
            ranks: How many shares there are.
        """
        share = self.ids[rank::ranks]
        for start in range(0, len(share), size):
            yield self.examples(share[start : start + size], masks)

    @property
    def has_masks(self) -> bool:
        """Whether the data set ships a mask for one of the images; one without records is asked for the first."""
        if getattr(self.dataset, "records", None) is None:
            return len(self) > 0 and self._parts(self.ids[:1]).masks is not None
        records = [self._record(index) for index in self.ids]
        return any(record is not None and record.mask_path is not None for record in records)

    def _record(self, index: int) -> ImageRecord | None:
        records = getattr(self.dataset, "records", None)
        return None if records is None else records[index]

    def file(self, index: int) -> str:
        """An image's class and file name, or its place in the set where the data does not say.

        Args:
            index: The image's place in the set.
        """
        record = self._record(index)
        return str(index) if record is None else f"{record.class_name}/{record.path.name}"

    def _mask(self, index: int, masks: Masks) -> Tensor | None:
        record = self._record(index)
        if record is None or not record.has_subject:
            return None
        if record.mask_path is not None:
            mask = load_sample(record, digest="", max_side=None).mask
        else:
            mask = self._isolated(record) if masks == "augmenter" else None
        return None if mask is None else evaluation_mask(self.dataset.transform, read_image(record.path), mask)

    def _isolated(self, record: ImageRecord) -> "np.ndarray[Any, Any] | None":
        """The mask that the augmenter's detector and segmenter make; they learn nothing from the image."""
        if self.datamodule is None or self.datamodule.augmenter is None:
            return None
        found = self.datamodule.augmenter.subject(record, self.datamodule.store)
        if found is None or found[1] is None:
            return None
        width, height = read_image(record.path).size
        mask = cv2.resize(found[1].mask.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
        return np.asarray(mask > 0)


def evaluation_samples(trainer: Trainer, count: int, seed: int, pixels: Pixels | None = None) -> list[EvaluationSample]:
    """A sample of each evaluation set of the stage that the trainer is in.

    Args:
        trainer: One that is validating or testing.
        count: Images of each set, at most; spread evenly over its classes.
        seed: Which images.
        pixels: How the images were normalised; None where that is not known.

    Raises:
        SettingError: If a loader has no data set whose images can be had by their places.
    """
    datamodule: Any = getattr(trainer, "datamodule", None)
    return [
        EvaluationSample(
            name,
            loader.dataset,
            spread_over_classes(loader.dataset, count, seed, places_of(name, loader)),
            datamodule,
            pixels,
            batches_of(trainer, loader, number),
        )
        for number, (name, loader) in enumerate(evaluation_loaders(trainer))
    ]


def spread_over_classes(dataset: Any, count: int, seed: int, places: Sequence[int] | None = None) -> list[int]:  # noqa: ANN401 any map-style data set
    """Places of images, drawn by a seed, as many of each class as there is room for; sorted.

    Args:
        dataset: With `records`, whose labels are known without loading an image; any other is drawn from evenly.
        count: How many, at most.
        seed: Which.
        places: Of which images; None for all.
    """
    places = range(len(dataset)) if places is None else places
    order = [places[place] for place in np.random.default_rng(seed).permutation(len(places)).tolist()]
    records = getattr(dataset, "records", None)
    if records is None:
        return sorted(order[:count])
    turns: dict[int, int] = defaultdict(int)
    rounds = []
    for place, index in enumerate(order):
        label = records[index].label
        rounds.append((turns[label], place, index))
        turns[label] += 1
    return sorted(index for _, _, index in sorted(rounds)[:count])
