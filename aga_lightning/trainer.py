"""Lightning's Trainer with the verbs `augment`, `check`, `estimate` and `export`, and a folder for each run."""

import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.callbacks import Callback, ProgressBar, RichProgressBar
from lightning.pytorch.utilities import rank_zero_info
from lightning.pytorch.utilities.seed import isolate_rng

from aga_lightning import monitors
from aga_lightning.augment.augmenter import ModelStage
from aga_lightning.augment.collection import Collection
from aga_lightning.augment.generation import Shard, Source, StageFiller, StoreFiller
from aga_lightning.augment.made import Made, Spent
from aga_lightning.augment.workload import images_task, stage_task
from aga_lightning.checking import LicencePolicy, check
from aga_lightning.data.base import DatasetError
from aga_lightning.data.datamodule import AGADataModule
from aga_lightning.data.usable import refuse_unreadable
from aga_lightning.estimating import Place, estimate
from aga_lightning.exporting import Format, Wishes, export
from aga_lightning.preflight import Run, objections
from aga_lightning.run_trainer import RunTrainer


class AgaTrainer(RunTrainer):
    """Lightning's Trainer with a folder for each run; it can also fill the store, after saying what that takes."""

    spent: Spent | None = None
    """What the last `augment` has made and taken; None before it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 they are Trainer's
        if kwargs.get("enable_progress_bar") is not False:
            kwargs["callbacks"] = _with_calm_bar(kwargs.get("callbacks"))
        super().__init__(*args, **kwargs)

    def objections(self, run: Run) -> Iterator[str]:
        """What stands in the way of a run among the trainer's settings, a line each."""
        if run.verb != "fit":
            return
        yield from monitors.objections(run)
        if self.accumulate_grad_batches < 1:
            yield f"trainer.accumulate_grad_batches is 1 or more, not {self.accumulate_grad_batches}"
        if (self.gradient_clip_val or 0) < 0:
            yield f"trainer.gradient_clip_val is above 0, or null for none, not {self.gradient_clip_val}"

    def augment(
        self, model: LightningModule | None = None, datamodule: AGADataModule | None = None, shard: str = "0/1"
    ) -> None:
        """Make the augmentations of the training images and keep them; what is finished is not made again.

        All that can be made is made, before an image that cannot be read is an error, as `data.bad_images` says.

        Args:
            model: Not used.
            datamodule: What to augment, and how.
            shard: Which part to make: i/n is the part of job number i (from 0) of n jobs that share the store.
        """
        if datamodule is None or datamodule.augmenter is None:
            raise DatasetError("there is nothing to augment with: set --data.augmenter, a degree above 0 and a mode")
        workers = datamodule.generation_workers
        start = time.monotonic()
        source = Source(datamodule.prepare_data, lambda: datamodule.collection, workers, Shard.parse(shard))
        # A fit must not depend on whether there was something left to make before it.
        with isolate_rng(), self._whole_prediction(), warnings.catch_warnings():
            # A complete store leaves nothing to do, which Lightning takes for a mistake.
            warnings.filterwarnings("ignore", message="Total length of `.*` across ranks is zero")
            warnings.filterwarnings("ignore", message=".*does not have many workers")
            made = [self._complete(source, stage) for stage in datamodule.augmenter.stages(datamodule.store)]
            made.append(self._finish(source, staged=bool(made)))
        self.strategy.barrier("augment")
        self.spent = Spent(tuple(made), time.monotonic() - start)
        collection = datamodule.collection
        if self.is_global_zero:
            collection.finish(lambda: _sheet_of_rejects(collection))
        total, rejected = len(collection.requests), sum(collection.rejections().values())
        rank_zero_info(f"{total - rejected} augmented images in {collection.folder} ({rejected} of {total} rejected)")
        for reason, count in collection.rejections().most_common(5):
            rank_zero_info(f"  rejected {count}: {reason}")
        if datamodule.bad_images == "error":
            refuse_unreadable(collection)

    def check(
        self,
        model: LightningModule | None = None,
        datamodule: AGADataModule | None = None,
        license: LicencePolicy = "any",
        duplicates: bool = False,
        store: bool = False,
        decode: bool = False,
    ) -> None:
        """Look over data set, settings and weights before a long run; asks no network and loads no model.

        All that would stop a fit before it starts is told, such as a network that cannot be built or a metric that does
        not exist. Header and end of every image file are read, classes and superclasses are listed, and the weights of
        each part are looked for, with their licences. The exit status is 1, with a line for each problem, where
        something stands in the way.

        Args:
            model: What would be trained.
            datamodule: What to look at.
            license: What the licences of all weights must allow. commercial refuses those that forbid commercial use,
                and those that are not known; a folder of weights may tell its licence in README.md or LICENSE.
            duplicates: Also read all images and list those of the evaluation sets that nearly equal a training image.
            store: Also read all files of the cache directory and compare them with the digests that they were written
                with; those that are damaged are set aside, and the next augment or fit makes them anew.
            decode: Decode every image file, which finds damage between header and end too.
        """
        if datamodule is not None and self.is_global_zero:
            problems = [] if model is None else objections(Run("fit", self, model, datamodule, network=False))
            check(datamodule, license, duplicates=duplicates, store=store, decode=decode, problems=problems)

    def estimate(
        self, model: LightningModule | None = None, datamodule: AGADataModule | None = None, probe: int = 2
    ) -> None:
        """Tell what `augment` has left to make, and how long it takes; also written to `estimate.json`.

        That file goes to the run's folder where there is one, else to the cache directory.

        Args:
            model: Not used.
            datamodule: What to augment, and how.
            probe: Batches of each stage that are made, timed and kept; 0 only counts.
        """
        if datamodule is None or not self.is_global_zero:
            return
        folder = self._named_folder
        place = Place(
            device=self.strategy.root_device,
            devices=self.num_devices * self.num_nodes,
            folder=folder if folder is not None and folder.is_dir() else datamodule.store.cache_dir,
        )
        with isolate_rng():
            estimate(datamodule, place, probe)

    def export(
        self,
        model: LightningModule | None = None,
        datamodule: AGADataModule | None = None,
        *,
        to: str,
        format: Format = "imagefolder",
        originals: bool = False,
        shard_size: int | str = 1000,
        seed: int = 0,
        partial: bool = False,
    ) -> None:
        """Write the augmentations that `augment` has made for other trainers; nothing is made, no image changes.

        All accepted augmentations are written, also where `augmented_per_class` lets fewer into training.

        Args:
            model: Not used.
            datamodule: What was augmented, and how.
            to: The folder to write; it must be empty or not exist, and gets its name when it is complete.
            format: imagefolder: class folders below train/, with metadata and a card that Hugging Face reads.
                webdataset: tar files aga-000000.tar and so on, each sample an image, its label and its facts.
            originals: Also write the training images: copied where they are plain JPEG or PNG files, else as PNG.
            shard_size: Samples of a tar file at most, or its size with a unit: 500MB, 1GiB.
            seed: The order of the samples in the tar files, in which the classes are mixed.
            partial: Write what is finished of a set that is not complete.
        """
        if datamodule is None:
            raise DatasetError("there is nothing to export: give a data module")
        if self.is_global_zero:
            datamodule.prepare_data()
            wishes = Wishes(to, format, originals, shard_size, seed, partial)
            export(datamodule.collection, datamodule.class_names, wishes)

    def _complete(self, source: Source, stage: ModelStage) -> Made:
        """Take a stage through all requests, and wait for what other jobs were making."""
        start, units = time.monotonic(), 0
        while True:
            filler = StageFiller(source, stage)
            super().predict(filler, return_predictions=False)
            left = torch.tensor(filler.left_to_others, device=self.strategy.root_device)
            left_by_all = int(self.strategy.reduce(left, reduce_op="sum"))
            units += len(filler.work) - left_by_all
            if not left_by_all:
                return Made(stage_task(stage, units), time.monotonic() - start)
            time.sleep(1.0)

    def _finish(self, source: Source, staged: bool) -> Made:
        """Make the images of what the stages have made."""
        start = time.monotonic()
        filler = StoreFiller(source)
        super().predict(filler, return_predictions=False)
        task = images_task(filler.collection.augmenter, sum(map(len, filler.work)), staged)
        return Made(task, time.monotonic() - start)

    @contextmanager
    def _whole_prediction(self) -> Iterator[None]:
        """Predict all there is, whatever a trial run is limited to, without the callbacks that expect a classifier."""
        callbacks: list[Callback] = self.callbacks
        limit = self.limit_predict_batches
        self.callbacks: list[Callback] = [callback for callback in callbacks if isinstance(callback, ProgressBar)]
        self.limit_predict_batches = 1.0
        try:
            yield
        finally:
            self.callbacks, self.limit_predict_batches = callbacks, limit


def _sheet_of_rejects(collection: Collection) -> bytes | None:
    from aga_lightning.callbacks.reject_sheet import rejects_png  # matplotlib takes seconds to import

    return rejects_png(collection)


def _with_calm_bar(callbacks: list[Callback] | Callback | None) -> list[Callback]:
    """Draws the bar five times a second: Lightning's own, 100 times, takes the network a twentieth of a core."""
    given = [callbacks] if isinstance(callbacks, Callback) else list(callbacks or [])
    return given if any(isinstance(one, ProgressBar) for one in given) else [*given, RichProgressBar(refresh_rate=5)]
