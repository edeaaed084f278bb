"""Lightning's Trainer with the verbs `augment`, `check`, `estimate` and `export`, and a folder for each run."""

from collections.abc import Iterator
from typing import Any

from lightning.pytorch import LightningModule
from lightning.pytorch.callbacks import Callback, ModelSummary, ProgressBar, RichProgressBar
from lightning.pytorch.utilities.seed import isolate_rng

from aga_lightning.augment.engine.generation import Shard
from aga_lightning.callbacks.network_summary import NetworkSummary
from aga_lightning.checkpoints.keeping import without_checkpoints
from aga_lightning.checkpoints.whole_files import use_whole_checkpoints
from aga_lightning.cli import flags, monitors
from aga_lightning.cli.run_trainer import RunTrainer
from aga_lightning.cli.verbs.check import LicencePolicy, check
from aga_lightning.cli.verbs.estimate import Place, estimate
from aga_lightning.exporting import Format, Options, export
from aga_lightning.images.records import DatasetError
from aga_lightning.paths import UserPath
from aga_lightning.preflight import Run, objections
from aga_lightning.training.datamodule import AGADataModule

_REFRESH = 5
"""How often a second the bar is drawn: Lightning's own, 100 times, takes the network a twentieth of a core."""


class AgaTrainer(RunTrainer):
    """Lightning's Trainer with a folder for each run; it can also fill the store, after saying what that takes."""

    callbacks: list[Callback]  # Lightning does not declare it

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 they are Trainer's
        flags.refuse_barebones(kwargs)
        if kwargs.get("enable_progress_bar") is not False:
            kwargs["callbacks"] = _with(RichProgressBar(refresh_rate=_REFRESH), ProgressBar, kwargs.get("callbacks"))
        if kwargs.get("enable_model_summary") is not False:
            kwargs["callbacks"] = _with(NetworkSummary(), ModelSummary, kwargs.get("callbacks"))
            # Lightning's table lists metrics as layers.
            kwargs["enable_model_summary"] = any(isinstance(one, ModelSummary) for one in kwargs["callbacks"])
        if kwargs.get("enable_checkpointing") is False:
            kwargs["callbacks"] = without_checkpoints(kwargs.get("callbacks"))
        super().__init__(*args, **kwargs)
        use_whole_checkpoints(self.strategy)

    def objections(self, run: Run) -> Iterator[str]:
        """What stands in the way of a run among the trainer's settings, a line each."""
        if run.verb != "fit":
            return
        yield from monitors.objections(run)
        yield from flags.objections(run, logs=self._logs_itself or bool(self.loggers))

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
        share = Shard.parse(shard)
        if self.local_rank == 0:
            datamodule.prepare_data()
        launcher = self.strategy.launcher
        if launcher is None:
            self._augment(datamodule, share)
        else:  # starts the other ranks, unless they are there already
            launcher.launch(self._augment, datamodule, share)

    def _augment(self, datamodule: AGADataModule, share: Shard) -> None:
        self.strategy.setup_environment()
        self.strategy.barrier("augment")  # the data set's files are in place
        datamodule.trainer = self
        datamodule.augment(share)

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
        to: UserPath | str,
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
            options = Options(to, format, originals, shard_size, seed, partial)
            export(datamodule.collection, datamodule.class_names, options)


def _with(default: Callback, kind: type[Callback], callbacks: list[Callback] | Callback | None) -> list[Callback]:
    """The callbacks, and a default of a kind that none of them is of."""
    given = [callbacks] if isinstance(callbacks, Callback) else list(callbacks or [])
    return given if any(isinstance(one, kind) for one in given) else [*given, default]
