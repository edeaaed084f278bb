"""Stop when told to: SIGTERM and Ctrl-C end a command in one line, within seconds, with the status of a shell.

What is finished is on disk by then: files get their names when they are whole. Lightning alone would go on predicting
after SIGTERM, and would end a training with status 0, as if it had finished.
"""

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

GRACE = 5.0
"""Seconds in which a command takes itself down; then it ends as it is, whatever it is waiting for."""

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_RANKS = ("RANK", "SLURM_PROCID", "LOCAL_RANK")


class Stopped(SystemExit):
    """Raised in the main thread by a signal; the exit status is 128 and its number: 143 for SIGTERM, 130 for SIGINT.

    Args:
        number: The signal's.
    """

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.number = number


@contextmanager
def stoppable(advice: str = "", grace: float = GRACE) -> Iterator[None]:
    """A block of the main thread that SIGTERM or SIGINT ends.

    The first signal raises `Stopped` in it, further ones are passed over. A thread sees to it that the process ends
    also where the main thread cannot be reached: in a long call of a library, or waiting for other ranks. In processes
    that are forked off meanwhile, such as a loader's workers, signals act as if nothing had been said here.

    Args:
        advice: How to go on; told behind what has happened.
        grace: Seconds from the signal to the end of the process, at most.
    """
    came: list[int] = []
    told = threading.Event()

    def handle(number: int, frame: FrameType | None) -> None:
        if not came:
            came.append(number)
            raise Stopped(number)

    def watch() -> None:
        # The interpreter writes a signal's number here at once, even while the main thread is in a library.
        with receiver:
            while numbers := receiver.recv(64):
                if signals := [number for number in numbers if number in _SIGNALS]:
                    time.sleep(grace)
                    if not told.is_set():
                        _tell(signals[0], advice)
                    _end(128 + signals[0])

    receiver, sender = socket.socketpair()
    sender.setblocking(False)
    before: dict[signal.Signals, Any] = {number: signal.signal(number, handle) for number in _SIGNALS}
    descriptor = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=watch, daemon=True).start()
    _blocks.append(sender)
    try:
        yield
    except Stopped as stop:
        told.set()
        _tell(stop.number, advice)
        raise
    finally:
        _blocks.remove(sender)
        signal.set_wakeup_fd(descriptor)
        if not came:  # the end of the process, which a second signal must not disturb, comes behind the block
            for number, handler in before.items():
                signal.signal(number, handler)
        sender.close()


_blocks: list[socket.socket] = []


def _forget() -> None:
    """Leave the signals of a process that was forked off to what it does about them."""
    if _blocks:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def _tell(number: int, advice: str) -> None:
    if all(os.environ.get(name, "0") == "0" for name in _RANKS):
        with suppress(OSError, ValueError):  # nobody is reading any more
            print(f"Stopped by {signal.Signals(number).name}. {advice}".rstrip(), file=sys.stderr, flush=True)


def _end(status: int) -> None:
    os._exit(status)
