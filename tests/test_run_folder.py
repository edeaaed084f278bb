import json
import shutil
import sys
import threading
from collections import namedtuple

import pytest

from aga_lightning.run_folder import (
    RunFolderError,
    claim,
    give_back,
    next_folder,
    require_room,
    written_before,
    written_if_possible,
)


def test_the_next_folder_is_free_and_marked(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["aga_lightning", "fit", "--config", "my birds.yaml"])
    for name in ("version_1", "version_old", "version_007"):
        (tmp_path / name).mkdir()
    folder = next_folder(tmp_path)
    assert folder == tmp_path / "version_8"
    assert json.loads((folder / "run.json").read_text())["command"] == "aga_lightning fit --config 'my birds.yaml'"


def test_runs_that_start_at_once_get_folders_of_their_own(tmp_path):
    start, found = threading.Barrier(8), []

    def run():
        start.wait()
        found.append(next_folder(tmp_path / "runs").name)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [f"version_{number}" for number in range(8)]


@pytest.mark.parametrize(
    "name",
    [
        *("config.yaml", "metrics.csv", "hparams.yaml", "results.json", "predictions.csv", "predictions-3.csv"),
        *("training.json", "augmentation.json", "events.out.tfevents.1.vm.2.0", "checkpoints/best.ckpt"),
        *("explain/test/faithfulness.csv", "originals/0.jpg", "augmentations.png", "accuracy_per_class.csv"),
    ],
)
def test_a_folder_that_holds_a_file_of_a_runs_name_is_refused(tmp_path, name):
    path = tmp_path / "mine" / name
    path.parent.mkdir(parents=True)
    path.write_text("the user's")
    with pytest.raises(RunFolderError, match=rf"mine holds {name.split('/')[0]} already") as told:
        claim(tmp_path / "mine")
    assert "\n" not in str(told.value)
    assert [one.read_text() for one in (tmp_path / "mine").rglob("*") if one.is_file()] == ["the user's"]


def test_other_files_are_no_hindrance(tmp_path):
    (tmp_path / "log.txt").write_text("tee")
    assert claim(tmp_path) == tmp_path
    with pytest.raises(RunFolderError, match=r"holds run\.json already"):
        claim(tmp_path)


def test_who_may_go_on_is_told_how(tmp_path):
    claim(tmp_path)
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "last.ckpt").touch()
    with pytest.raises(RunFolderError, match=r"fit with --ckpt_path .*/checkpoints/last\.ckpt"):
        claim(tmp_path)


def test_a_run_that_goes_on_keeps_what_it_had_written(tmp_path):
    folder = claim(tmp_path / "mine")
    for start in ("first", "second"):
        for name in ("metrics.csv", "checkpoints/last.ckpt", "explain/test/sheet.png", "notes.txt"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(start)
        claim(folder, goes_on=True)
    assert (folder / "earlier/1/metrics.csv").read_text() == "first"
    assert (folder / "earlier/2/explain/test/sheet.png").read_text() == "second"
    there = {path.name for path in folder.iterdir()}
    assert there == {"run.json", "checkpoints", "notes.txt", "earlier"}
    assert written_before(folder, "metrics.csv") == folder / "earlier/2/metrics.csv"
    assert written_before(folder, "results.json") is None


@pytest.mark.parametrize("make", [claim, next_folder])
def test_a_folder_that_cannot_be_made_is_told_in_a_line(tmp_path, make):
    (tmp_path / "taken").touch()
    for folder in (tmp_path / "taken", tmp_path / "taken" / "below"):
        with pytest.raises(RunFolderError, match=r"^no run can write to .*taken.*name another folder") as told:
            make(folder)
        assert "\n" not in str(told.value)


def test_a_full_disk_is_told_and_takes_no_folder(tmp_path, monkeypatch):
    usage = namedtuple("Usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10, 10, 5_000_000))
    require_room(tmp_path / "runs", 5_000_000)
    with pytest.raises(RunFolderError, match=r"room for 5\.0 MB, and the checkpoints take 5\.1 MB"):
        require_room(tmp_path / "runs", 5_100_000)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_does_not_end_the_run(tmp_path):
    (tmp_path / "taken").touch()
    path = tmp_path / "taken" / "training.json"
    with pytest.warns(UserWarning, match=r"training\.json cannot be written \(Not a directory\); the run goes on"):
        with written_if_possible(path):
            path.write_text("{}")


def test_only_a_folder_without_a_result_is_given_back(tmp_path):
    empty, used = claim(tmp_path / "empty"), claim(tmp_path / "used")
    (used / "metrics.csv").touch()
    give_back(empty)
    give_back(used)
    assert [path.name for path in tmp_path.iterdir()] == ["used"]
