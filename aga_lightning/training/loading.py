"""Torch datasets: records in, (image tensor, label) out."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from aga_lightning.augment.base import Augmented, Request
from aga_lightning.augment.engine.collection import Collection
from aga_lightning.images.reading import read_image
from aga_lightning.images.records import ImageRecord
from aga_lightning.images.seeds import seed_from
from aga_lightning.training.sampling import ORIGINAL, Pick

Transform = Callable[[Image.Image], Tensor]


class AugmentedImages(ABC):
    """Where the augmented image of a pick comes from."""

    @abstractmethod
    def image(self, pick: Pick) -> Image.Image | None:
        """The augmented image, None where it was rejected and the original has to stand in."""


class StoredImages(AugmentedImages):
    """Images that were all made before training (mode `pregenerate`).

    Each file is compared with its digest before it is first read in a process, and made anew where it is damaged.

    Args:
        collection: What they belong to.
        paths: The file of each (record, variant) that was not rejected.
    """

    def __init__(self, collection: Collection, paths: Mapping[tuple[int, int], Path]) -> None:
        self.collection = collection
        self.paths = paths
        self._sound: set[tuple[int, int]] = set()

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


class LazyImages(AugmentedImages):
    """Images that are made when they are first asked for, and read from the store ever after (mode `lazy`).

    Args:
        collection: What they belong to.
    """

    def __init__(self, collection: Collection) -> None:
        self.collection = collection

    def image(self, pick: Pick) -> Image.Image | None:
        """Read the file, made now if need be."""
        request = _request(self.collection, pick)
        if not request.record.has_subject:
            return None
        outcome = self.collection.ensure(request)
        return None if outcome.path is None else read_image(outcome.path)


class RecombinedImages(AugmentedImages):
    """Stored subjects on stored backgrounds, paired and placed afresh for each pick (mode `online`).

    Args:
        collection: What they belong to.
        requests: Those whose background may be used.
    """

    def __init__(self, collection: Collection, requests: Sequence[Request]) -> None:
        self.collection = collection
        self.requests = requests

    def image(self, pick: Pick) -> Image.Image | None:
        """Merge a subject and a background."""
        request = _request(self.collection, pick)
        if not request.record.has_subject:
            return None
        background = self.requests[seed_from(pick.seed, "background") % len(self.requests)]
        made = self.collection.augmenter.recombine(request, background, pick.seed, self.collection.store)
        return Image.fromarray(made.image) if isinstance(made, Augmented) else None


class TrainingImages(Dataset[tuple[Tensor, int]]):
    """Originals and augmentations, as a sampler picks them.

    Args:
        records: The originals.
        transform: PIL image to float tensor (3, H, W).
        augmented: Where augmentations come from.
    """

    def __init__(
        self, records: Sequence[ImageRecord], transform: Transform, augmented: AugmentedImages | None = None
    ) -> None:
        self.records = records
        self.transform = transform
        self.augmented = augmented

    def __len__(self) -> int:
        """How many originals there are."""
        return len(self.records)

    def __getitem__(self, pick: Pick | int) -> tuple[Tensor, int]:
        """Image (3, H, W) and label; of a bare number the original, shown in the same way each time.

        Lightning counts the images itself where a few are to be learned by heart (`overfit_batches`).
        """
        if not isinstance(pick, Pick):
            pick = Pick(pick, ORIGINAL, seed_from(0, "overfit", pick))
        record = self.records[pick.record]
        image = None
        if pick.variant != ORIGINAL and self.augmented is not None:
            image = self.augmented.image(pick)
        with _seeded(pick.seed):
            return self.transform(read_image(record.path) if image is None else image), record.label


class EvaluationImages(Dataset[tuple[Tensor, int] | tuple[Tensor, int, int]]):
    """Images of an evaluation set, in order.

    Args:
        records: The images.
        transform: PIL image to float tensor (3, H, W).
        groups: The names of the groups; each image then comes with the number of its own.
    """

    def __init__(self, records: Sequence[ImageRecord], transform: Transform, groups: Sequence[str] = ()) -> None:
        self.records = records
        self.transform = transform
        self._groups = {name: number for number, name in enumerate(groups)}

    def __len__(self) -> int:
        """How many images there are."""
        return len(self.records)

    def __getitem__(self, index: int) -> tuple[Tensor, int] | tuple[Tensor, int, int]:
        """Image (3, H, W), label, and group if there are groups."""
        record = self.records[index]
        image = self.transform(read_image(record.path))
        return (image, record.label, self._groups[record.group]) if self._groups else (image, record.label)


def _request(collection: Collection, pick: Pick) -> Request:
    return Request(collection.records[pick.record], pick.variant, collection.seed)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed torch for one transform; after it, torch goes on as if nothing had been drawn."""
    # Transforms draw on the CPU. torch.manual_seed would see to every accelerator too, in the time of a small decode.
    generator = torch.default_generator
    state = generator.get_state()
    generator.manual_seed(seed)
    try:
        yield
    finally:
        generator.set_state(state)
