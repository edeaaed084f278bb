"""Some images of each evaluation set, the same ones whenever they are asked for."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.utilities import CombinedLoader
from torch import Tensor

from aga_lightning.explain.prediction import Pixels
from aga_lightning.images.reading import read_image
from aga_lightning.images.records import ImageRecord
from aga_lightning.images.samples import load_sample
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
        dataset: Gives (image, label, ...) for a place.
        ids: The places of the images that were chosen.
        datamodule: Whose augmenter makes masks, if asked to.
    """

    def __init__(self, name: str, dataset: Any, ids: Sequence[int], datamodule: Any = None) -> None:  # noqa: ANN401 any map-style data set
        self.name = name
        self.dataset = dataset
        self.ids = tuple(ids)
        self.datamodule = datamodule

    def __len__(self) -> int:
        """How many images were chosen."""
        return len(self.ids)

    def examples(self, ids: Sequence[int], masks: Masks | None = None) -> Examples:
        """Load some of the images.

        Args:
            ids: Their places in the set.
            masks: Whose masks to load with them; None for none.

        Raises:
            ImageReadError: If an image or its mask cannot be read.
        """
        items = [self.dataset[index] for index in ids]  # image, label, and a group if there are groups
        return Examples(
            torch.tensor(list(ids), dtype=torch.int64),
            torch.stack([item[0] for item in items]),
            torch.tensor([int(item[1]) for item in items], dtype=torch.int64),
            tuple(None if masks is None else self._mask(index, masks) for index in ids),
        )

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
        """Whether the data set ships a mask for one of the images."""
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


def evaluation_samples(trainer: Trainer, count: int, seed: int) -> list[EvaluationSample]:
    """A sample of each evaluation set of the stage that the trainer is in.

    Args:
        trainer: One that is validating or testing.
        count: Images of each set, at most; spread evenly over its classes.
        seed: Which images.
    """
    datamodule: Any = getattr(trainer, "datamodule", None)
    return [
        EvaluationSample(name, loader.dataset, spread_over_classes(loader.dataset, count, seed), datamodule)
        for name, loader in evaluation_loaders(trainer)
    ]


def evaluation_loaders(trainer: Trainer) -> list[tuple[str, Any]]:
    """The name and the loader of each evaluation set of the stage that the trainer is in, in order.

    Args:
        trainer: One that is validating or testing.
    """
    datamodule: Any = getattr(trainer, "datamodule", None)
    stage = "test" if trainer.testing else "val"
    given = trainer.test_dataloaders if trainer.testing else trainer.val_dataloaders
    loaders = [] if given is None or given == [] else CombinedLoader(given, "sequential").flattened
    names = getattr(datamodule, f"{stage}_names", None)
    if names is None or len(names) != len(loaders):
        names = [stage] if len(loaders) == 1 else [f"{stage}/{number}" for number in range(len(loaders))]
    return list(zip(names, loaders, strict=True))


def spread_over_classes(dataset: Any, count: int, seed: int) -> list[int]:  # noqa: ANN401 any map-style data set
    """Places of images, drawn by a seed, as many of each class as there is room for; sorted.

    Args:
        dataset: With `records`, whose labels are known without loading an image; any other is drawn from evenly.
        count: How many, at most.
        seed: Which.
    """
    order = np.random.default_rng(seed).permutation(len(dataset)).tolist()
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


def pixels_of(trainer: Trainer) -> Pixels:
    """How the trainer's data module makes what the network sees of 8-bit pixels; unchanged 0..1 where it does not say.

    Args:
        trainer: One with its data.
    """
    normalisation = getattr(getattr(trainer, "datamodule", None), "normalisation", None)
    return Pixels() if normalisation is None else Pixels(*normalisation)


def class_names(trainer: Trainer, count: int) -> tuple[str, ...]:
    """What the classes are called; their numbers where the data module does not say.

    Args:
        trainer: One with its data.
        count: How many classes there are.
    """
    names = getattr(getattr(trainer, "datamodule", None), "class_names", None)
    return tuple(str(number) for number in range(count)) if names is None else tuple(names)
