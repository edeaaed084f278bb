"""The loaders of evaluation sets, of any data module or of none: what they are called, what they show, and how."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from lightning.pytorch import LightningDataModule, LightningModule, Trainer
from lightning.pytorch.utilities import CombinedLoader
from lightning.pytorch.utilities.model_helpers import is_overridden
from lightning.pytorch.utilities.seed import isolate_rng
from torch import Tensor
from torch.utils.data import (
    BatchSampler,
    DistributedSampler,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    SubsetRandomSampler,
)

from aga_lightning.preflight import SettingError

_IMAGES = ("image", "images", "pixel_values", "img", "x")
_LABELS = ("label", "labels", "target", "targets", "y")
_MASKS = ("mask", "masks")

BatchOf = Callable[[list[Any]], Any]
"""Makes of items of a data set the batch that the model would get of them."""


class Parts(NamedTuple):
    """What a batch holds of each image.

    Args:
        images: (N, C, H, W), floating point or uint8.
        labels: (N,), integers.
        masks: (N, H, W) bool, True at the subject; None where the batch has no masks.
    """

    images: Tensor
    labels: Tensor
    masks: Tensor | None


def evaluation_loaders(trainer: Trainer) -> list[tuple[str, Any]]:
    """The name and the loader of each evaluation set of the stage that the trainer is in, in order.

    The names are the data module's (`val_names`, `test_names`), or follow from the stage, and from the keys where the
    loaders were given as a dictionary.

    Args:
        trainer: One that is validating or testing.
    """
    datamodule: Any = getattr(trainer, "datamodule", None)
    stage = "test" if trainer.testing else "val"
    given = trainer.test_dataloaders if trainer.testing else trainer.val_dataloaders
    loaders = [] if given is None or given == [] else CombinedLoader(given, "sequential").flattened
    names = getattr(datamodule, f"{stage}_names", None)
    if names is None or len(names) != len(loaders):
        keys: Sequence[Any] = list(given) if isinstance(given, Mapping) else range(len(loaders))
        keys = keys if len(keys) == len(loaders) else range(len(loaders))
        names = [stage] if len(loaders) == 1 else [f"{stage}/{key}" for key in keys]
    return list(zip(names, loaders, strict=True))


def places_of(name: str, loader: Any) -> Sequence[int]:  # noqa: ANN401 any loader
    """The places in its data set of the images that a loader shows; no image is loaded.

    Args:
        name: What the set is called.
        loader: Its loader.

    Raises:
        SettingError: If the loader has no data set whose images can be had by their places.
    """
    dataset: Any = getattr(loader, "dataset", None)
    by_place = hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__")
    if not by_place or isinstance(dataset, IterableDataset) or getattr(loader, "collate_fn", None) is None:
        kind = type(loader if dataset is None else dataset).__name__
        raise SettingError(f"the images of {name} come from a {kind}, which gives none by its place: use a DataLoader "
                           "of a data set with __len__ and __getitem__, or leave the callback out")  # fmt: skip
    if loader.batch_sampler is None:
        raise SettingError(f"the loader of {name} makes no batches: give it a batch_size, or leave the callback out")
    order: Any = loader.batch_sampler
    sampler: Any = order.sampler if type(order) is BatchSampler else None  # another class may hand out anything
    if isinstance(sampler, DistributedSampler):  # Lightning deals out to the ranks what another sampler draws
        sampler = getattr(sampler.dataset, "_sampler", SequentialSampler(dataset))
    if type(sampler) in (SequentialSampler, RandomSampler):
        return range(len(sampler.data_source))
    if type(sampler) is SubsetRandomSampler:
        return sorted(int(place) for place in sampler.indices)
    with isolate_rng():
        batches = order if sampler is None else [sampler]
        return sorted({int(place) for places in batches for place in places})


def batches_of(trainer: Trainer, loader: Any, number: int) -> BatchOf:  # noqa: ANN401 any loader
    """How items of a loader's data set become the batch that the model gets: collated, and through Lightning's hooks.

    Args:
        trainer: One that is validating or testing.
        loader: The loader.
        number: Its place among the stage's loaders.
    """

    def batch_of(items: list[Any]) -> Any:  # noqa: ANN401 whatever the data set makes
        batch = loader.collate_fn(items)
        for owner in (getattr(trainer, "datamodule", None), trainer.lightning_module):
            if not isinstance(owner, LightningDataModule | LightningModule):
                continue
            if is_overridden("on_before_batch_transfer", owner):
                batch = owner.on_before_batch_transfer(batch, number)
                break
        return trainer.strategy.batch_to_device(batch, dataloader_idx=number)

    return batch_of


def parts_of(batch: object, grouped: bool = False) -> Parts | None:
    """The images and labels of a batch, and their masks, if it can be told for certain which they are.

    Args:
        batch: A tuple or list that starts with images and labels and holds no other row of integers; or a dictionary
            with one key for the images ("image", "images", "pixel_values", "img", "x"), one for the labels ("label",
            "labels", "target", "targets", "y"), and where there are masks one for them ("mask", "masks").
        grouped: Whether the labels of a tuple are followed by the numbers of groups.

    Returns:
        None where it cannot be told.
    """
    masks: list[Any] = []
    if isinstance(batch, Mapping):
        images, labels, masks = ([batch[key] for key in keys if key in batch] for keys in (_IMAGES, _LABELS, _MASKS))
    elif isinstance(batch, list | tuple) and len(batch) > 1:
        images = [batch[0]]
        rows = [part for part in batch[1:] if isinstance(batch[0], Tensor) and _is_row(part, len(batch[0]))]
        labels = [batch[1]] if grouped or (len(rows) == 1 and rows[0] is batch[1]) else []
    else:
        return None
    if len(images) != 1 or len(labels) != 1 or len(masks) > 1:
        return None
    (image,), (label,), mask = images, labels, masks[0] if masks else None
    if not isinstance(image, Tensor) or image.ndim != 4 or not _is_row(label, len(image)):
        return None
    if not (image.is_floating_point() or image.dtype == torch.uint8):
        return None
    if mask is not None:
        if not isinstance(mask, Tensor) or mask.numel() != image[:, 0].numel():
            return None
        mask = mask.reshape(image[:, 0].shape) > 0
    return Parts(image, label, mask)


def _is_row(part: object, length: int) -> bool:
    """Whether a part of a batch is a whole number for each image."""
    if not isinstance(part, Tensor) or part.shape != (length,):
        return False
    return not part.is_floating_point() and not part.is_complex() and part.dtype != torch.bool
