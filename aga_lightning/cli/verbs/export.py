"""Write augmentations for other trainers: the verb `export`."""

from lightning.pytorch import LightningModule

from aga_lightning.cli.run_trainer import RunTrainer
from aga_lightning.exporting import Format, Options, export
from aga_lightning.images.records import DatasetError
from aga_lightning.paths import UserPath
from aga_lightning.training.datamodule import AGADataModule


class Exports(RunTrainer):
    """A Trainer with the verb `export`."""

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
