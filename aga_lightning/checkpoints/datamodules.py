"""Data modules are not made from checkpoints."""

from typing import Any, NoReturn

from lightning.pytorch import LightningDataModule

from aga_lightning.checkpoints.reading import CheckpointError


class UnkeptDataModule(LightningDataModule):
    """A data module that is made from a configuration only."""

    @classmethod
    def load_from_checkpoint(cls, *args: Any, **kwargs: Any) -> NoReturn:  # noqa: ANN401 Lightning's
        """Refused: a checkpoint is data, and Lightning would make the classes that one names.

        Raises:
            CheckpointError: Always.
        """
        raise CheckpointError("a checkpoint holds no data module: make it from the run's config.yaml")
