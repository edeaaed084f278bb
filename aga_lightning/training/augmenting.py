"""Augmentations are made for a data module: all of them before training, or an epoch's ahead of the epoch."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from lightning.pytorch import Trainer
from lightning.pytorch.utilities import rank_zero_info

from aga_lightning.augment.augmenter import Augmenter
from aga_lightning.augment.base import Request
from aga_lightning.augment.engine.collection import Collection
from aga_lightning.augment.engine.generation import Shard, fill
from aga_lightning.augment.engine.made import Spent
from aga_lightning.augment.engine.ranks import Ranks
from aga_lightning.augment.engine.store import Store
from aga_lightning.images.duplicates import hashes_of
from aga_lightning.images.records import DatasetError
from aga_lightning.progress import progress
from aga_lightning.training.record_sets import RecordSets
from aga_lightning.training.sampling import ORIGINAL, Pick


def open_collection(augmenter: Augmenter, store: Store, records: RecordSets, degree: int, seed: int) -> Collection:
    """The augmentations of the training images.

    Args:
        augmenter: How they are made.
        store: Where they are kept.
        records: The images; of those for evaluation the augmenter gets perceptual hashes, if it asks for them.
        degree: How many of each.
        seed: All that is random about them.

    Raises:
        DatasetError: If no training image shows a subject.
    """
    if augmenter.guards:
        augmenter.guard(hashes_of(list(dict.fromkeys(record.path for found in records.evaluation for record in found))))
    if not any(record.has_subject for record in records.train):
        raise DatasetError("no training image shows a subject: set --data.dataset.superclasses, or no augmenter")
    return Collection(augmenter, store, records.train, degree, seed)


def make_all(collection: Collection, trainer: Trainer | None, workers: int, shard: Shard) -> Spent:
    """Fill the store on the devices of a trainer, whose ranks all call this, and describe the folder of the images.

    Args:
        collection: What is asked for.
        trainer: Whose devices, ranks and display are used; None for one process without any.
        workers: Loader threads of a stage, loader processes of the images.
        shard: Which part of it this job makes.
    """

    def bar(name: str, total: int) -> AbstractContextManager[Callable[[int], object]]:
        if total:
            rank_zero_info(f"{name}: {total} to make")
        return progress(trainer, f"Augmenting ({name.lower()})", total)

    start = time.monotonic()
    device = None if trainer is None else trainer.strategy.root_device
    with Ranks.of(trainer) as ranks:
        made = fill(collection, shard.of(collection), device=device, ranks=ranks, workers=workers, bar=bar)
        ranks.total(0)  # once all have made their last image
    spent = Spent(tuple(made), time.monotonic() - start)
    if ranks.rank == 0:
        collection.finish(lambda: _sheet_of_rejects(collection))
    _report(collection)
    return spent


def make_ahead(collection: Collection, trainer: Trainer | None, picks: Sequence[Pick]) -> None:
    """Make what an epoch's picks need of a device; the loader's processes then only merge.

    Each rank does so for the picks that it will be shown.

    Args:
        collection: What they belong to.
        trainer: Whose device and display are used; None for the first accelerator there is.
        picks: What the sampler has drawn for all ranks.
    """
    rank, ranks = (0, 1) if trainer is None else (trainer.global_rank, trainer.world_size)
    # The distributed sampler repeats the first picks where they cannot be divided evenly.
    shared = [*picks, *picks[: -len(picks) % ranks]]
    asked = dict.fromkeys((pick.record, pick.variant) for pick in shared[rank::ranks] if pick.variant != ORIGINAL)
    requests = [Request(collection.records[index], variant, collection.seed) for index, variant in asked]
    fill(
        collection,
        [one for one in requests if one.record.has_subject and collection.find(one) is None],
        device=None if trainer is None else trainer.strategy.root_device,
        images=False,
        bar=lambda name, total: progress(trainer, f"Augmenting ({name.lower()})", total),
    )


def _sheet_of_rejects(collection: Collection) -> bytes | None:
    from aga_lightning.augment.engine.reject_sheet import rejects_png  # matplotlib takes seconds to import

    return rejects_png(collection)


def _report(collection: Collection) -> None:
    rejections = collection.rejections()
    total, rejected = len(collection.requests), sum(rejections.values())
    rank_zero_info(f"{total - rejected} augmented images in {collection.folder} ({rejected} of {total} rejected)")
    for reason, count in rejections.most_common(5):
        rank_zero_info(f"  rejected {count}: {reason}")
    collection.told_rejections = True
