"""The verb `export`."""

from pathlib import Path

import pytest
from tiny.augmented import Plain, trainer

from aga_lightning.cli.trainer import AgaTrainer
from aga_lightning.images.records import DatasetError


def test_export_writes_what_was_augmented(open_data):
    data = open_data(Plain(), degree=2)
    trainer().augment(datamodule=data)
    trainer().export(datamodule=data, to="out", originals=True)
    made = sorted(path.read_bytes() for path in data.collection.folder.rglob("*.jpg"))
    assert sorted(path.read_bytes() for path in Path("out").rglob("*.jpg")) == made and len(made) == 16
    originals = sorted(record.path.read_bytes() for record in data.train_records)
    assert sorted(path.read_bytes() for path in Path("out").rglob("*.png")) == originals
    assert sorted(path.name for path in Path("out/train").iterdir() if path.is_dir()) == ["lime", "plum"]


def test_the_first_rank_alone_exports(open_data, monkeypatch):
    data = open_data(Plain())
    trainer().augment(datamodule=data)
    monkeypatch.setattr(AgaTrainer, "is_global_zero", False)
    trainer().export(datamodule=data, to="out")
    assert not Path("out").exists()


def test_export_says_what_it_lacks(open_data):
    with pytest.raises(DatasetError, match="nothing to export"):
        trainer().export(to="out")
    with pytest.raises(DatasetError, match=r"set --data\.augmenter"):
        trainer().export(datamodule=open_data(), to="out")
