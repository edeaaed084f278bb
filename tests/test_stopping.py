"""What SIGTERM and Ctrl-C do: to a process of its own, and to Lightning's loops in this one."""

import os
import signal
import subprocess
import sys
import time

import pytest
import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.demos.boring_classes import BoringModel

from aga_lightning import stopping
from aga_lightning.stopping import Stopped, stoppable

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")

SCRIPT = """
import os, signal, sys, threading, time
sys.path.insert(0, {root!r})
from aga_lightning.stopping import stoppable
with stoppable("Go on.", grace=0.5):
    {body}
"""
WAITS = "print('up', flush=True); time.sleep(60)"
CANNOT_BE_REACHED = """signal.pthread_sigmask(signal.SIG_BLOCK, []); print('up', flush=True)
    while True:
        try:
            time.sleep(60)
        except BaseException:
            pass"""
IS_WAITED_FOR = "threading.Thread(target=time.sleep, args=(60,)).start(); print('up', flush=True); time.sleep(60)"


@pytest.mark.parametrize(
    ("body", "number", "status", "rank"),
    [
        (WAITS, signal.SIGINT, 130, "0"),
        (WAITS, signal.SIGTERM, 143, "1"),
        (CANNOT_BE_REACHED, signal.SIGTERM, 143, "0"),
        (IS_WAITED_FOR, signal.SIGTERM, 143, "0"),
    ],
    ids=["interrupted", "another rank", "deaf", "held by a thread"],
)
def test_a_process_ends_within_seconds_with_one_line_of_the_first_rank(body, number, status, rank, monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", rank)
    script = SCRIPT.format(root=os.getcwd(), body=body)
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "up\n"
    start = time.monotonic()
    process.send_signal(number)
    time.sleep(0.1)
    process.send_signal(number)  # who is impatient changes nothing
    _, told = process.communicate(timeout=20)
    assert process.returncode == status and time.monotonic() - start < 10
    assert told == ("" if rank == "1" else f"Stopped by {signal.Signals(number).name}. Go on.\n")


class Send(Callback):
    """Sends a signal to this process after a batch."""

    def __init__(self, number):
        self.number = number

    def on_train_batch_end(self, *args):
        os.kill(os.getpid(), self.number)

    on_validation_batch_end = on_test_batch_end = on_predict_batch_end = on_train_batch_end


@pytest.fixture
def ended(monkeypatch):
    """The statuses with which this process would have been ended."""
    found, before = [], {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    monkeypatch.setattr(stopping, "_end", found.append)
    yield found
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.filterwarnings("ignore:.*num_workers", "ignore:.*val_dataloader")
@pytest.mark.parametrize(
    ("verb", "number", "status"),
    [("fit", signal.SIGINT, 130), *((verb, signal.SIGTERM, 143) for verb in ("fit", "validate", "test", "predict"))],
)
def test_no_loop_of_lightning_goes_on_or_ends_as_if_it_had_finished(ended, capfd, verb, number, status):
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = Trainer(accelerator="cpu", callbacks=Send(number), enable_checkpointing=False, max_epochs=1, **quiet)
    with pytest.raises(Stopped) as stop, stoppable("Go on.", grace=0):
        getattr(trainer, verb)(BoringModel())
    assert stop.value.code == status and isinstance(stop.value, SystemExit)
    assert f"Stopped by {signal.Signals(number).name}. Go on.\n" in capfd.readouterr().err
    assert trainer.state.status == "interrupted"
    for _ in range(100):
        if ended:
            break
        time.sleep(0.01)
    assert ended == [status], "the thread that watches would have ended a process that cannot end itself"


def test_the_workers_of_a_loader_are_left_to_themselves(ended):
    class Images(torch.utils.data.Dataset):
        def __len__(self):
            return 2

        def __getitem__(self, index):
            return signal.getsignal(signal.SIGINT) is signal.default_int_handler

    before = signal.getsignal(signal.SIGTERM)
    with stoppable():
        loader = torch.utils.data.DataLoader(Images(), num_workers=1, multiprocessing_context="fork")
        assert all(bool(found) for found in loader)
    assert signal.getsignal(signal.SIGTERM) == before
    time.sleep(0.05)
    assert ended == []
