import pytest

from aga_lightning.checkpoints.reading import CheckpointError
from aga_lightning.training.datamodule import AGADataModule


def test_a_data_module_is_not_made_from_what_a_checkpoint_names():
    with pytest.raises(CheckpointError, match=r"config\.yaml"):
        AGADataModule.load_from_checkpoint("any.ckpt")
