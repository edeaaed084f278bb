"""What ends a run is told in a line, and a fault of the program by its name."""

import errno
import os
import pickle
import sys
import traceback

import pytest
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Trainer
from lightning.pytorch.demos.boring_classes import BoringModel

from aga_lightning.augment.engine.store import UnwritableError
from aga_lightning.cli.mistakes import TRACEBACK, line_of, told
from aga_lightning.images.reading import ImageReadError
from aga_lightning.images.records import DatasetError
from aga_lightning.training.datamodule import AGADataModule


def fail(error):
    raise error


def sent(error, head="Caught {} in DataLoader worker process 3.\nOriginal "):
    """An error as a worker hands it on: its traceback is the message of another one."""
    try:
        fail(error)
    except Exception as caught:
        return RuntimeError(head.format(type(error).__name__) + "".join(traceback.format_exception(caught)))


@pytest.fixture(autouse=True)
def without_tracebacks(monkeypatch):
    monkeypatch.delenv(TRACEBACK, raising=False)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (UnwritableError("cache may not be written"), "UnwritableError: cache may not be written"),
        (DatasetError("photos is not a folder: set root"), "DatasetError: photos is not a folder: set root"),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "a.csv"), "a.csv: No such file or directory: ch"),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), "/x: Permission denied: give yourself the permiss"),
        (OSError(errno.ENOSPC, "No space left on device", "runs/a"), "the disk is full: free some space"),
        (OSError(errno.EROFS, "Read-only file system", "/ro/a"), "/ro/a: Read-only file system: that file system is"),
        (RuntimeError("PytorchStreamWriter failed writing file data/3"), "the disk is full"),
        (RuntimeError("DataLoader worker (pid 7) is killed by signal: Bus error. Raise your shared memory limit."),
         "--data.num_workers 0"),
        (RuntimeError("unable to write to file </torch_77_1>: No space left on device (28)"), "--data.num_workers 0"),
        (RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed."), "set a smaller --data.num_workers"),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), "set a smaller --data.batch_size"),
        (MemoryError(), "out of memory (MemoryError): set a smaller --data.batch_size"),
        (RuntimeError("Error(s) in loading state_dict for ImageClassifier:\n\tsize mismatch for net.fc.weight"),
         "the checkpoint does not fit this network"),
        (pickle.UnpicklingError("Weights only load failed."), "is damaged, or holds more than tensors"),
        (RuntimeError("PytorchStreamReader failed reading zip archive"), "is damaged"),
        (RuntimeError("[gloo/transport/tcp/pair.cc:561] Connection closed by peer"), "another rank has ended"),
        (ModuleNotFoundError("No module named 'wandb'", name="wandb"), "install it (pip install wandb)"),
        (ModuleNotFoundError("Requirement 'mlflow>=1.0.0' not met."), "install it (pip install mlflow)"),
        (MisconfigurationException("devices=0\nis not valid"), "error: devices=0 is not valid"),
    ],
)  # fmt: skip
def test_an_error_of_settings_or_of_the_machine_is_told_with_its_remedy(error, told):
    line = line_of(error)
    assert told in line and len(line.splitlines()) == 1
    assert told in line_of(sent(error))


@pytest.mark.parametrize(
    "error", [KeyError("digest"), ValueError("3 values for 2"), ModuleNotFoundError(name="aga_lightning.gone")]
)
def test_another_error_is_no_users(error):
    assert line_of(error) is None


def test_before_work_starts_what_a_part_refuses_is_a_setting():
    assert line_of(ValueError("images is 0"), started=False) == "error: images is 0"
    assert line_of(KeyError("images"), started=False) is None


@pytest.mark.parametrize(
    "error",
    [
        ImageReadError("a\n  b.png is empty: fetch it again"),
        DatasetError("nothing is there"),
        PermissionError(errno.EACCES, "Permission denied", "/x/a.png"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
    ],
)
def test_what_a_worker_has_raised_is_told_as_if_it_were_raised_here(error):
    assert line_of(sent(error)) == line_of(error)
    assert line_of(sent(error, "\n\n-- Process 1 terminated with the following error:\n")) == line_of(error)


def test_a_fault_of_the_program_is_named_and_its_traceback_kept(tmp_path):
    with pytest.raises(SystemExit) as stop, told(lambda: True, lambda: tmp_path):
        fail(KeyError("digest"))
    (file,) = tmp_path.iterdir()
    assert stop.value.code.startswith("internal error: KeyError: 'digest'") and str(file) in stop.value.code
    assert f"{__file__}, line" in stop.value.code and len(stop.value.code.splitlines()) == 1
    assert "Traceback (most recent call last)" in file.read_text() and "in fail" in file.read_text()


def test_the_traceback_of_any_error_can_be_asked_for(tmp_path, capsys, monkeypatch):
    for asked, shown in (("1", True), ("0", False)):
        monkeypatch.setenv(TRACEBACK, asked)
        with pytest.raises(SystemExit, match="DatasetError: no photos"), told(lambda: True, lambda: tmp_path):
            fail(DatasetError("no photos"))
        assert ("in fail" in capsys.readouterr().err) is shown
    assert not list(tmp_path.iterdir())


TINY = [
    *("--data.augmenter", "null", "--data.image_size", "32", "--data.batch_size", "4", "--model.width", "8"),
    *("--model.weights", "null"),
    *("--trainer.max_epochs", "1", "--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", "false"),
]


@pytest.fixture
def fit(command, disc_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    root = ("--data.dataset.root", str(disc_folder))
    return lambda *words: command("fit", "--config", "photos.yaml", *root, *TINY, *words)


@pytest.mark.parametrize(
    "state", [{"callbacks": [1]}, {"loops": "none"}, {"pytorch-lightning_version": "not.a.version"}], ids=str
)
def test_a_checkpoint_of_odd_states_is_no_fault_of_the_program(tmp_path, state):
    model = BoringModel()
    content = {"state_dict": model.state_dict(), "pytorch-lightning_version": "2.5.0", "callbacks": {}, "loops": {}}
    torch.save(content | {"epoch": 1, "global_step": 1} | state, tmp_path / "odd.ckpt")
    quiet = dict.fromkeys(("enable_progress_bar", "enable_model_summary", "enable_checkpointing", "logger"), False)
    with pytest.raises(Exception) as raised:
        Trainer(accelerator="cpu", limit_test_batches=1, **quiet).test(model, ckpt_path=str(tmp_path / "odd.ckpt"))
    assert line_of(raised.value).startswith("error: the checkpoint of --ckpt_path holds what fit does not write")


@pytest.mark.parametrize("split", ["train", "val"])
def test_an_unreadable_image_is_told_in_a_line_though_a_worker_finds_it(fit, disc_folder, split):
    path = disc_folder / split / "plum" / "plum_1.png"
    path.write_bytes(b"no image")
    with pytest.raises(SystemExit) as stop:
        fit("--data.num_workers", "1")
    assert stop.value.code.startswith(f"ImageReadError: {path} is not an image")
    assert len(stop.value.code.splitlines()) == 1


def test_a_mistake_of_the_program_in_a_run_is_told_apart_from_a_users(fit, monkeypatch, capsys):
    monkeypatch.setattr(AGADataModule, "train_dataloader", lambda self: {}["loader"])
    with pytest.raises(SystemExit, match=r"^internal error: KeyError: 'loader'.*please report it"):
        fit("--data.num_workers", "0")
    monkeypatch.setattr(os, "environ", os.environ.copy())
    with pytest.raises(SystemExit, match=r"^internal error: KeyError: 'loader'"):
        fit("--data.num_workers", "0", "--traceback")
    assert "Traceback (most recent call last)" in capsys.readouterr().err and "--traceback" not in sys.argv
