import os
from pathlib import Path

import pytest
import torch

from aga_lightning.checkpoints.finding import find_checkpoint
from aga_lightning.checkpoints.reading import CheckpointError


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def run(name, age, best="best.ckpt", told=None):
    """The folder of a run that ended some seconds ago."""
    checkpoints = Path(name, "checkpoints")
    checkpoints.mkdir(parents=True)
    state = {"monitor": "val/acc", "best_model_path": told or str(checkpoints / best)}
    content = {"state_dict": {}, "pytorch-lightning_version": "2.5.0", "callbacks": {"BestCheckpoint": state}}
    for path in (checkpoints / best, checkpoints / "last.ckpt"):
        torch.save(content, path)
        os.utime(path, (1e9 - age, 1e9 - age))
    return checkpoints / "last.ckpt"


def test_it_is_of_the_newest_run_by_time_not_by_number():
    newest = run("runs/version_1", age=10, best="epoch=3.ckpt")
    run("runs/version_2", age=20)
    Path("runs/version_3").mkdir()  # of a test, without checkpoints
    assert find_checkpoint("last") == newest
    assert find_checkpoint("best") == newest.with_name("epoch=3.ckpt")


def test_the_folder_that_the_run_is_told_to_use_comes_first():
    run("runs/version_0", age=10)
    mine, other = run("mine", age=20), run("other", age=30)
    assert find_checkpoint("last", run_dir="mine") == mine
    other.touch()
    assert find_checkpoint("last", run_dir="new") == other, "folders beside it are looked at"
    assert find_checkpoint("last") == Path("runs/version_0/checkpoints/last.ckpt")
    assert find_checkpoint("last", Path(".")) == other


def test_a_moved_run_keeps_its_best_and_a_best_kept_elsewhere_is_found(tmp_path):
    moved = run("runs/moved", age=10, told="/gone/best.ckpt")
    assert find_checkpoint("best") == moved.with_name("best.ckpt")
    elsewhere = run("elsewhere", age=1, best="chosen.ckpt").with_name("chosen.ckpt")
    run("runs/newer", age=0, told=str(elsewhere))
    assert find_checkpoint("best") == elsewhere


@pytest.mark.parametrize("word", ["last", "best"])
def test_where_there_is_none_the_folders_are_told(word):
    Path("runs/version_0").mkdir(parents=True)
    with pytest.raises(CheckpointError, match=f"no {word} checkpoint .* in runs/\\*, exp/\\*"):
        find_checkpoint(word, run_dir="exp/two")


def test_a_best_that_is_gone_is_told_and_the_last_is_offered():
    last = run("runs/version_0", age=1)
    last.with_name("best.ckpt").unlink()
    with pytest.raises(CheckpointError, match="has no best checkpoint any more; give --ckpt_path runs/version_0"):
        find_checkpoint("best")
