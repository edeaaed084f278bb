"""The AGA data module: originals and augmentations for training; in- and out-of-distribution evaluation sets."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Literal

from lightning.pytorch import Trainer
from torch.utils.data import DataLoader

from aga_lightning.augment.augmenter import Augmenter
from aga_lightning.augment.engine.collection import Collection
from aga_lightning.augment.engine.generation import Shard
from aga_lightning.augment.engine.made import Spent
from aga_lightning.augment.engine.store import Store
from aga_lightning.datasets.base import ImageDataset
from aga_lightning.images.records import DatasetError, ImageRecord
from aga_lightning.paths import UserPath
from aga_lightning.preflight import Run
from aga_lightning.training.augmenting import make_ahead, make_all, open_collection
from aga_lightning.training.background_sets import BackgroundSets
from aga_lightning.training.loading import EvaluationImages, Loader, TrainingImages
from aga_lightning.training.network_inputs import FollowingDataModule
from aga_lightning.training.objections import check_numbers, objections
from aga_lightning.training.policies import Policy
from aga_lightning.training.quota import quotas
from aga_lightning.training.record_sets import RecordSets, groups_of, guided
from aga_lightning.training.sampling import MergingBatches, MixingPolicy, MixingSampler, ReplaceSchedule, planned_epochs
from aga_lightning.training.share import choose_images
from aga_lightning.training.usable import Files, Mode, Rejected, augmented_images, refuse_unreadable, usable_files
from aga_lightning.workers import default_workers, worker_settings


@dataclass(eq=False, repr=False)
class AGADataModule(FollowingDataModule):
    """Originals plus `degree` augmentations of each, and evaluation sets that the augmenter never sees.

    Any Trainer fits any LightningModule with it: `setup` makes the augmentations. A batch is images (N, 3, H, W) and
    labels (N,); where the data set has groups, an evaluation batch also holds the group numbers (N,). The validation
    set is loader 0, and the out-of-distribution sets follow.

    Args:
        dataset: The data set of the images.
        augmenter: The method that augments the training images; null trains on originals only.
        mode: When augmentations are made. pregenerate: all before the first epoch. lazy: each when training first needs
            it; the work of models is done in batches before each epoch. online: like pregenerate, then subjects and
            backgrounds are paired and placed afresh at each epoch. off: never.
        degree: Augmentations of each training image (the paper's k).
        augment_share: Share of the training images of each class that are augmented, above 0 to 1; the others stay
            originals. They are chosen before anything is made: by `augment_order`, or by a draw of `augmentation_seed`.
        augment_order: A training_predictions.csv, which the callback TrainingPredictions writes early in a fit on these
            images: those with the least probable class are chosen, after TADA (Nguyen et al. 2025: 30 to 40 %).
        augmented_per_class: Quota of augmentations of a class that enter training, one number for all classes or
            {class: number}; null for all. All are made, then `augmentation_seed` chooses among the accepted ones, as in
            ALIA (Dunlap et al. 2023); each image is used once before any is used twice. The mode lazy chooses among
            all; the mode online pairs the subjects and backgrounds of the chosen. If too few augmentations were
            accepted and `rejected` is original, originals fill the rest of the quota.
        replace_probability: 0 appends the augmentations to the originals; p > 0 swaps an original for one of its
            augmentations with probability p, at the cost of an epoch without augmentation.
        replace_schedule: How that probability falls from the first mixed epoch to the last.
        real_only_epochs: The last epochs show originals only.
        steps_per_epoch: Optimiser steps an epoch, so that arms of an experiment cost the same; null for one pass.
        rejected: What replaces a rejected augmentation, or the augmentation of an image without a subject: nothing
            (skip), or the original once more (original), which keeps the share of each class. The mode lazy always
            shows the original, and so does the mode online if it rejects a fresh pairing.
        cache_dir: Folder in which augmentations are kept, for all runs.
        augmentation_seed: Seed of the augmentations. It is separate from the run's seed, so that runs with different
            seeds can share augmentations.
        recipe: The transforms' name: torchvision, fieldguide, alia_cub or alia_iwildcam.
        image_size: Side of the network's input in pixels; null for the network's own, where it is of timm or takes one
            size only, else for the recipe's.
        mean: Mean of each channel that is subtracted from values in 0..1; null for the network's own, else ImageNet's,
            and none for recipes that do not normalise.
        std: Standard deviation of each channel to divide by, likewise.
        policy: Random operations on each training image after its flip: randaugment, two of one strength (Cubuk et al.
            2020; 1 to 1.5 ms an image); trivialaugment, one of any strength (Mueller and Hutter 2021; 0.5 ms); augmix,
            three chains of operations mixed with the image (Hendrycks et al. 2020, without its Jensen-Shannon loss; 5
            to 6 ms); autoaugment, pairs that were found on ImageNet (Cubuk et al. 2019; 0.5 ms). Times are for one core
            at 224 px; none needs a model.
        policy_magnitude: The strength of randaugment, 0 to 30, or of augmix, 1 to 10; null for 9 and 3.
        batch_size: Images a step and device.
        num_workers: Loader processes; null for one fewer than the cores, 8 at most. The result does not depend on it.
        bad_images: What happens at an unreadable image: error stops the run and names the file; skip leaves the image
            out, counts it and lists it.
        ood_during_fit: Evaluate the out-of-distribution sets at each validation too, not only at the end.
        background_sets: Out-of-distribution sets made from the test images that have a mask, to measure how much the
            model relies on backgrounds (Xiao et al. 2020): any of only_fg, no_fg, only_bg_b, only_bg_t, mixed_same,
            mixed_rand and mixed_next, or all. With both mixed_same and mixed_rand, their BG-gap is reported too.
        predict_folder: Folder of images for the verb predict, or a single image; null for the test set.
    """

    dataset: ImageDataset
    augmenter: Augmenter | None = None
    _: KW_ONLY
    mode: Mode = "pregenerate"
    degree: int = 1
    augment_share: float = 1.0
    augment_order: UserPath | str | None = None
    augmented_per_class: int | dict[str, int] | None = None
    replace_probability: float = 0.0
    replace_schedule: ReplaceSchedule = "constant"
    real_only_epochs: int = 0
    steps_per_epoch: int | None = None
    rejected: Rejected = "skip"
    cache_dir: UserPath | str = "cache"
    augmentation_seed: int = 0
    recipe: str = "torchvision"
    image_size: int | None = None
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None
    policy: Policy = "none"
    policy_magnitude: int | None = None
    batch_size: int = 32
    num_workers: int | None = None
    bad_images: Literal["error", "skip"] = "error"
    ood_during_fit: bool = True
    background_sets: list[str] | str | None = None
    predict_folder: UserPath | str | None = None

    def __post_init__(self) -> None:
        super().__init__()
        check_numbers(self)
        if self.mode == "off" or self.degree == 0:
            self.augmenter = None
        self.store = Store(self.cache_dir)
        self.predict_folder = None if self.predict_folder is None else UserPath.of(self.predict_folder)
        self.augment_order = None if self.augment_order is None else UserPath.of(self.augment_order)
        self._image_size = self.image_size
        self.set_transforms()
        skips = self.bad_images == "skip"
        self.records = RecordSets(
            self.dataset,
            self.store.cache_dir / "unreadable.txt" if skips else None,
            BackgroundSets(self.background_sets, self.store, skips) if self.background_sets else None,
        )
        self.spent: Spent | None = None

    @property
    def num_classes(self) -> int:
        """Number of classes; known before any image is read."""
        with guided(self.dataset):
            return self.dataset.num_classes

    @property
    def class_names(self) -> tuple[str, ...]:
        """Class names in label order."""
        return self.dataset.classes

    @property
    def val_names(self) -> list[str]:
        """Name of each validation loader, as it stands in the metrics' names."""
        return ["val", *(self._ood_names if self.ood_during_fit or not self._fitting else [])]

    @property
    def test_names(self) -> list[str]:
        """Name of each test loader, as it stands in the metrics' names; "val" without test images."""
        return ["val" if self.records.tests_on_val else "test", *self._ood_names]

    @property
    def pregenerates(self) -> bool:
        """Whether all augmentations have to be made before the first epoch."""
        return self.augmenter is not None and self.mode in ("pregenerate", "online")

    @property
    def imagenet_indices(self) -> tuple[int, ...] | None:
        """Index of each class among the 1000 outputs of an ImageNet network; None if unknown."""
        return self.dataset.imagenet_indices

    @property
    def group_names(self) -> tuple[str, ...]:
        """Groups, such as cameras, of the images that the running verb evaluates, sorted; empty without groups."""
        stage = None if self.trainer is None else self.trainer.state.fn
        sets = {"fit": self._val_sets, "validate": self._val_sets, "test": self._test_sets}.get(stage or "")
        return groups_of(self.records.evaluation if sets is None else sets())

    def class_counts(self) -> list[int]:
        """Training images of each class that an epoch shows, appended augmentations included."""
        shown = [*range(len(self.train_records))]
        if self.replace_probability == 0:
            shown += [index for index, _ in self.augmented]
        counts = Counter(self.train_records[index].label for index in shown)
        return [counts[label] for label in range(self.num_classes)]

    def prepare_data(self) -> None:
        """Put the data set's files in place."""
        with guided(self.dataset):
            self.dataset.prepare()

    def objections(self, run: Run) -> Iterator[str]:
        """Reasons why a run cannot work, one line each."""
        return objections(self, run)

    def look_ahead(self) -> None:
        """List all images and check the quotas, so that mistakes are found before hours of generation."""
        quotas(self.augmented_per_class, self.class_names)
        self.prepare_data()
        _ = self.to_augment, self.records.evaluation, self.records.ood
        self.records.tell_unused()

    def setup(self, stage: str) -> None:
        """Make the augmentations that training needs and the store lacks, on all ranks of the trainer together."""
        self.follow(None if self.trainer is None else self.trainer.lightning_module)
        if stage == "fit" and self.pregenerates:
            _ = quotas(self.augmented_per_class, self.class_names), self.records.evaluation, self.records.ood
            self.augment()

    def augment(self, shard: Shard = Shard()) -> None:
        """Make a job's share of the augmentations and keep them; finished ones are not made again."""
        self.spent = make_all(self.collection, self.trainer, self.generation_workers, shard)
        if self.bad_images == "error":
            refuse_unreadable(self.collection)

    @property
    def train_records(self) -> list[ImageRecord]:
        """The training images."""
        return self.records.train

    @cached_property
    def to_augment(self) -> list[ImageRecord]:
        """The training images to augment, where they show a subject."""
        if self.augmenter is None or self.augment_share == 1:
            return self.train_records
        share, order, seed = self.augment_share, self.augment_order, self.augmentation_seed
        return choose_images(self.train_records, share, order, self.store.sha256, seed)

    @cached_property
    def collection(self) -> Collection:
        """The augmentations of the training images."""
        if self.augmenter is None:
            raise DatasetError("there is nothing to augment with: set --data.augmenter, a degree above 0 and a mode")
        seed = self.augmentation_seed
        return open_collection(self.augmenter, self.store, self.records, self.to_augment, self.degree, seed)

    @cached_property
    def augmented(self) -> Files:
        """File of each (record, variant) that may enter training; None where the original replaces it.

        Raises:
            DatasetError: If the store is not complete or all augmentations were rejected, or if a quota names an
                unknown class.
        """
        if self.augmenter is None:
            return {}
        limits = quotas(self.augmented_per_class, self.class_names)
        return usable_files(self.collection, self.mode, self.rejected, limits)

    def train_dataloader(self) -> Loader:
        """Originals and augmentations."""
        images = None if self.augmenter is None else augmented_images(self.collection, self.mode, self.augmented)
        dataset = TrainingImages(self.train_records, self.train_transform, images)
        # A method with models but without stages makes lazy images in the main process, which holds the device.
        in_main = self.augmenter is not None and self.augmenter.accelerated and not self._has_stages
        workers = 0 if in_main and self.mode in ("lazy", "online") else self._loader_workers
        return DataLoader(
            dataset,
            batch_sampler=MergingBatches(self._sampler(), self.batch_size, drop_last=self.steps_per_epoch is not None),
            persistent_workers=workers > 0,
            pin_memory=self._on_gpu,
            **worker_settings(workers),
        )

    def val_dataloader(self) -> list[Loader]:
        """The validation set, then the out-of-distribution sets."""
        return [self.evaluation_loader(records, self.group_names) for records in self._val_sets()]

    def test_dataloader(self) -> list[Loader]:
        """The test set, then the out-of-distribution sets."""
        return [self.evaluation_loader(records, self.group_names) for records in self._test_sets()]

    def predict_dataloader(self) -> Loader:
        """The images of the verb predict."""
        return self.evaluation_loader(self.predict_records)

    @cached_property
    def predict_records(self) -> list[ImageRecord]:
        """The images of the verb predict; those of a bare folder carry the label -1."""
        return self.records.test if self.predict_folder is None else self.records.in_folder(Path(self.predict_folder))

    def _val_sets(self) -> list[list[ImageRecord]]:
        return [self.records.val, *(self.records.ood[name.removeprefix("ood/")] for name in self.val_names[1:])]

    def _test_sets(self) -> list[list[ImageRecord]]:
        return [self.records.test, *self.records.ood.values()]

    @property
    def generation_workers(self) -> int:
        """Processes that make augmentations; the main process only counts meanwhile, so no core is kept free for it."""
        return default_workers(spare=0) if self.num_workers is None else self.num_workers

    @property
    def _loader_workers(self) -> int:
        return default_workers() if self.num_workers is None else self.num_workers

    @property
    def _on_gpu(self) -> bool:
        """Whether batches go to a GPU, where pinned memory lets them be copied while the GPU works."""
        return self.trainer is not None and self.trainer.strategy.root_device.type == "cuda"

    @property
    def _fitting(self) -> bool:
        return self.trainer is not None and self.trainer.state.fn == "fit"

    @property
    def _ood_names(self) -> list[str]:
        return [f"ood/{name}" for name in self.records.ood]

    def mixing_policy(self, trainer: Trainer | None) -> MixingPolicy:
        """How augmentations enter a trainer's training.

        Raises:
            ValueError: If the settings need the number of epochs, and the trainer has no limit.
        """
        steps = self.steps_per_epoch
        max_epochs = None if trainer is None else planned_epochs(trainer.max_epochs, trainer.max_steps, steps)
        return MixingPolicy(self.replace_probability, self.replace_schedule, self.real_only_epochs, max_epochs)

    def _sampler(self) -> MixingSampler:
        trainer = self.trainer
        length = None
        if self.steps_per_epoch is not None:
            batches_per_step = 1 if trainer is None else trainer.world_size * trainer.accumulate_grad_batches
            length = self.steps_per_epoch * batches_per_step * self.batch_size
        ahead = self.mode == "lazy" and self._has_stages
        return MixingSampler(
            len(self.train_records),
            list(self.augmented),
            self.mixing_policy(trainer),
            lambda: 0 if trainer is None else trainer.current_epoch,
            seed=int(os.environ.get("PL_GLOBAL_SEED", 0)),
            length=length,
            announce=partial(make_ahead, self.collection, trainer) if ahead else None,
        )

    @property
    def _has_stages(self) -> bool:
        return self.augmenter is not None and bool(self.augmenter.stages(self.store))

    def evaluation_loader(self, records: list[ImageRecord], groups: Sequence[str] = ()) -> Loader:
        """Some images in order, as evaluation sees them; with their groups' numbers where `groups` are named."""
        return DataLoader(
            EvaluationImages(records, self.eval_transform, groups),
            batch_size=self.batch_size,
            persistent_workers=self._loader_workers > 0,
            pin_memory=self._on_gpu,
            **worker_settings(self._loader_workers),
        )
