"""Make augmentations for a data module: all of them before training, or those of an epoch just before it."""

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager

from lightning.pytorch import Trainer
from lightning.pytorch.utilities import rank_zero_info

from aga_lightning.augment.advice import advice
from aga_lightning.augment.augmenter import Augmenter
from aga_lightning.augment.availability import fetch_weights
from aga_lightning.augment.base import Request
from aga_lightning.augment.engine.collection import Collection
from aga_lightning.augment.engine.generation import Shard, fill
from aga_lightning.augment.engine.made import Spent
from aga_lightning.augment.engine.ranks import Ranks
from aga_lightning.augment.engine.store import Store
from aga_lightning.images.duplicates import hashes_of
from aga_lightning.images.records import DatasetError, ImageRecord
from aga_lightning.progress import progress
from aga_lightning.training.record_sets import RecordSets
from aga_lightning.training.sampling import ORIGINAL, Pick

_ENOUGH = 0.9
"""The share of accepted augmentations from which on no advice is given."""


def open_collection(
    augmenter: Augmenter,
    store: Store,
    records: RecordSets,
    chosen: Iterable[ImageRecord],
    degree: int,
    seed: int,
) -> Collection:
    """The augmentations of the training images.

    Args:
        augmenter: The method.
        store: Keeps the augmentations.
        records: The images. An augmenter with a gate against near-duplicates gets the perceptual hashes of the
            evaluation images.
        chosen: The training images to augment, where they show a subject.
        degree: Augmentations of each of them.
        seed: Seed of the augmentations.

    Raises:
        DatasetError: If no training image shows a subject.
        DownloadError: If weights that the augmenter cannot do without cannot be downloaded.
    """
    if augmenter.guards:
        augmenter.guard(hashes_of(list(dict.fromkeys(record.path for found in records.evaluation for record in found))))
    if not any(record.has_subject for record in records.train):
        raise DatasetError("no training image shows a subject: set --data.dataset.superclasses, or no augmenter")
    fetch_weights(augmenter, records.train)  # before keys are made of what is there
    return Collection(augmenter, store, records.train, degree, seed, chosen)


def make_all(collection: Collection, trainer: Trainer | None, workers: int, shard: Shard) -> Spent:
    """Fill the store on a trainer's devices, and write the card and lists of the images' folder. All ranks call this.

    Args:
        collection: The augmentations to make.
        trainer: The trainer whose devices, ranks and progress bar are used; None for a single process.
        workers: Loader threads of a stage, and loader processes that merge images.
        shard: The part of the requests that this job makes.
    """

    def bar(name: str, total: int) -> AbstractContextManager[Callable[[int], object]]:
        if total:
            rank_zero_info(f"{name}: {total} to make")
        return progress(trainer, f"Augmenting ({name.lower()})", total)

    start = time.monotonic()
    device = None if trainer is None else trainer.strategy.root_device
    with Ranks.of(trainer) as ranks:
        made = fill(collection, shard.of(collection), device=device, ranks=ranks, workers=workers, bar=bar)
        ranks.total(0)  # wait until every rank has made its last image
    spent = Spent(tuple(made), time.monotonic() - start)
    if ranks.rank == 0:
        collection.finish(lambda: _sheet_of_rejects(collection))
    _report(collection)
    return spent


def make_ahead(collection: Collection, trainer: Trainer | None, picks: Sequence[Pick]) -> None:
    """Run the models for an epoch's picks, so that the loader's processes only merge.

    Each rank does so for its own picks.

    Args:
        collection: The augmentations.
        trainer: The trainer whose device and progress bar are used; None for the first accelerator.
        picks: The picks of all ranks.
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
    rank_zero_info(summary(collection))
    collection.told_rejections = True


def summary(collection: Collection) -> str:
    """A sentence: what share of the finished augmentations was accepted, why most others were not, and what would help.

    Args:
        collection: The augmentations.
    """
    finished, rejections = len(collection.find_all()), collection.rejections()
    accepted = finished - rejections.total()
    told = f"{accepted:,} of {finished:,} augmentations in {collection.folder} were accepted"
    if not rejections:
        return told
    [(reason, count)] = rejections.most_common(1)
    which = f"{count:,} of the others" if count < rejections.total() else "the others" if accepted else "all"
    told += f" ({accepted / finished:.0%}), {which} were rejected because {reason}"
    return told if accepted >= _ENOUGH * finished else f"{told}: {advice(collection.augmenter, reason)}"
