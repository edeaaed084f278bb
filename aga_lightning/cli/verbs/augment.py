"""Fill the store with augmentations, and train nothing: the verb `augment`."""

from lightning.pytorch import LightningModule
from lightning.pytorch.utilities import rank_zero_info, rank_zero_warn

from aga_lightning.augment.engine.collection import Collection
from aga_lightning.augment.engine.generation import Shard
from aga_lightning.augment.engine.store import UnwritableError
from aga_lightning.cli.run_trainer import RunTrainer
from aga_lightning.files import shown
from aga_lightning.images.records import DatasetError
from aga_lightning.run_folder import GALLERY
from aga_lightning.training.datamodule import AGADataModule


class Augments(RunTrainer):
    """A Trainer with the verb `augment`."""

    def augment(
        self, model: LightningModule | None = None, datamodule: AGADataModule | None = None, shard: str = "0/1"
    ) -> None:
        """Make the augmentations of the training images and keep them; what is finished is not made again.

        The folder of the images also gets a sheet of some of them, `augmentations.png`.

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
        if self.is_global_zero:
            _write_gallery(datamodule.collection)


def _write_gallery(collection: Collection) -> None:
    """Show some of what is finished, beside the images; a folder that may not be written stays as it is."""
    from aga_lightning.augment.engine.gallery import draw_gallery  # matplotlib takes seconds to import
    from aga_lightning.images.drawing import png

    try:
        collection.shelf.write_aside(GALLERY, png(draw_gallery(collection)))
    except UnwritableError as error:
        rank_zero_warn(f"no picture of the augmentations was written: {error}")
    else:
        rank_zero_info(f"To look at: {shown(collection.folder / GALLERY)}")
