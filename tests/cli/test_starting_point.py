from pathlib import Path

import pytest
import torch
from jsonargparse import Namespace

from aga_lightning.checkpoints.reading import CheckpointError
from aga_lightning.cli.starting_point import StartingPoint

TOLD = {"backbone": "resnet50", "stem": "small", "width": 16, "num_classes": 3, "label_smoothing": 0.5}


@pytest.fixture(autouse=True)
def checkpoint(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "runs" / "version_0" / "checkpoints"
    folder.mkdir(parents=True)
    content = {"state_dict": {"weight": torch.ones(3)}, "pytorch-lightning_version": "2.5.0", "hyper_parameters": TOLD}
    torch.save(content, folder / "last.ckpt")


def settings(path):
    own = {"weights": "DEFAULT", "head": "kept", "label_smoothing": 0.0}
    model = Namespace(backbone="resnet18", stem="imagenet", width=64, **own)
    return Namespace(ckpt_path=path, model=model, trainer=Namespace(run_dir=None))


@pytest.mark.parametrize("path", ["runs/version_0/checkpoints/last.ckpt", "last"])
def test_of_a_checkpoints_settings_only_the_architecture_is_taken_over_with_a_word(path, caplog):
    found = settings(path)
    start = StartingPoint(found)
    assert found.ckpt_path is None, "Lightning would merge all that the checkpoint names"
    with caplog.at_level("INFO"):
        start.restore(found)
    assert Path(found.ckpt_path).absolute() == Path("runs/version_0/checkpoints/last.ckpt").absolute()
    assert (found.model.backbone, found.model.stem, found.model.width) == ("resnet50", "small", 16)
    assert (found.model.weights, found.model.head, found.model.label_smoothing) == (None, "new", 0.0)
    assert "model.backbone is resnet50, as " in caplog.text and "configuration has resnet18" in caplog.text
    assert ("last checkpoint of the newest run: " in caplog.text) == (path == "last")
    assert start.content["hyper_parameters"] == TOLD
    assert all(tensor.is_meta for tensor in start.content["state_dict"].values()), "shapes take no memory"


def test_without_a_checkpoint_nothing_changes():
    found = settings(None)
    StartingPoint(found).restore(found)
    assert found == settings(None)


def test_a_checkpoint_that_is_not_there_is_told():
    found = settings("gone.ckpt")
    with pytest.raises(CheckpointError, match=r"there is no checkpoint gone\.ckpt"):
        StartingPoint(found).restore(found)
