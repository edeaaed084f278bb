"""Torch datasets: records in, (image tensor, label) out."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from aga_lightning.augment.base import Augmented, Request
from aga_lightning.augment.engine.collection import Collection
from aga_lightning.images.reading import read_image
from aga_lightning.images.records import ImageRecord
from aga_lightning.images.seeds import seed_from
from aga_lightning.training.sampling import ORIGINAL, Pick

Transform = Callable[[Image.Image], Tensor]
Loader = DataLoader[tuple[Tensor, int]] | DataLoader[tuple[Tensor, int] | tuple[Tensor, int, int]]


class AugmentedImages(ABC):
    """Gives the augmented image of a pick."""

    @abstractmethod
    def image(self, pick: Pick) -> Image.Image | None:
        """The augmented image; None if it was rejected, so that the original is shown."""


@dataclass(eq=False)
class StoredImages(AugmentedImages):
    """Images that were all made before training (mode `pregenerate`).

    Each file is compared with its digest before a process first reads it, and made anew if it is damaged.

    Args:
        collection: The augmentations of the training images.
        paths: The file of each (record, variant) that was accepted.
    """

    collection: Collection
    paths: Mapping[tuple[int, int], Path]
    _sound: set[tuple[int, int]] = field(default_factory=set, init=False)

    def image(self, pick: Pick) -> Image.Image | None:
        """Read the file."""
        pair = (pick.record, pick.variant)
        if pair not in self.paths:
            return None
        if pair in self._sound:
            return read_image(self.paths[pair])
        outcome = self.collection.ensure(_request(self.collection, pick))
        if outcome.path == self.paths[pair]:
            self._sound.add(pair)
        return None if outcome.path is None else read_image(outcome.path)


@dataclass(eq=False)
class LazyImages(AugmentedImages):
    """Images that are made when training first needs them, and read from the store afterwards (mode `lazy`).

    Args:
        collection: The augmentations of the training images.
    """

    collection: Collection

    def image(self, pick: Pick) -> Image.Image | None:
        """Read the file; make it first if it does not exist."""
        request = _request(self.collection, pick)
        if not request.record.has_subject:
            return None
        outcome = self.collection.ensure(request)
        return None if outcome.path is None else read_image(outcome.path)


@dataclass(eq=False)
class RecombinedImages(AugmentedImages):
    """Stored subjects in front of stored backgrounds, paired and placed afresh for each pick (mode `online`).

    Args:
        collection: The augmentations of the training images.
        requests: The requests whose backgrounds may be used.
    """

    collection: Collection
    requests: Sequence[Request]

    def image(self, pick: Pick) -> Image.Image | None:
        """Merge a subject and a background."""
        request = _request(self.collection, pick)
        if not request.record.has_subject:
            return None
        background = self.requests[seed_from(pick.seed, "background") % len(self.requests)]
        made = self.collection.augmenter.recombine(request, background, pick.seed, self.collection.store)
        return Image.fromarray(made.image) if isinstance(made, Augmented) else None


@dataclass(eq=False)
class TrainingImages(Dataset[tuple[Tensor, int]]):
    """Originals and augmentations, as a sampler picks them.

    Args:
        records: The originals.
        transform: PIL image to float tensor (3, H, W).
        augmented: Gives the augmentations; None if there are none.
    """

    records: Sequence[ImageRecord]
    transform: Transform
    augmented: AugmentedImages | None = None

    def __len__(self) -> int:
        """Number of originals."""
        return len(self.records)

    def __getitem__(self, pick: Pick | int) -> tuple[Tensor, int]:
        """Image (3, H, W) and label.

        A bare number gives that original, transformed in the same way each time: Lightning's `overfit_batches` passes
        numbers and not the sampler's picks.
        """
        if not isinstance(pick, Pick):
            pick = Pick(pick, ORIGINAL, seed_from(0, "overfit", pick))
        record = self.records[pick.record]
        image = None
        if pick.variant != ORIGINAL and self.augmented is not None:
            image = self.augmented.image(pick)
        with _seeded(pick.seed):
            return self.transform(read_image(record.path) if image is None else image), record.label


@dataclass(eq=False)
class EvaluationImages(Dataset[tuple[Tensor, int] | tuple[Tensor, int, int]]):
    """Images of an evaluation set, in order.

    Args:
        records: The images.
        transform: PIL image to float tensor (3, H, W).
        groups: The names of the groups; with them, each item ends with the number of its image's group.
    """

    records: Sequence[ImageRecord]
    transform: Transform
    groups: Sequence[str] = ()

    def __len__(self) -> int:
        """Number of images."""
        return len(self.records)

    def __getitem__(self, index: int) -> tuple[Tensor, int] | tuple[Tensor, int, int]:
        """Image (3, H, W), label, and group if there are groups."""
        record = self.records[index]
        image = self.transform(read_image(record.path))
        return (image, record.label, self.groups.index(record.group)) if self.groups else (image, record.label)


def _request(collection: Collection, pick: Pick) -> Request:
    return Request(collection.records[pick.record], pick.variant, collection.seed)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed torch's CPU generator for one transform, and restore its state afterwards."""
    # Transforms draw on the CPU. torch.manual_seed would also seed every accelerator, which takes as long as a decode.
    generator = torch.default_generator
    state = generator.get_state()
    generator.manual_seed(seed)
    try:
        yield
    finally:
        generator.set_state(state)
