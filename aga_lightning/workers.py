"""The cores of this machine, and the loader processes on them: how many, and what is settled before they start."""

import os
from typing import Any

import cv2


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def default_workers(spare: int = 1) -> int:
    """A loader process for each core this process may use, but for `spare`; at least 1, at most 8."""
    return min(8, max(1, cores() - spare))


def worker_settings(num_workers: int) -> dict[str, Any]:
    """Settings of a loader whose worker processes use OpenCV; from now on this process keeps OpenCV to one thread.

    Args:
        num_workers: Loader processes; 0 loads in the main one.
    """
    if num_workers > 0:
        # A forked worker would inherit OpenCV's pool without its threads, and wait for them for ever.
        cv2.setNumThreads(1)
    return {"num_workers": num_workers, "worker_init_fn": _single_threaded}


def _single_threaded(_: int) -> None:
    """The worker processes are the parallelism; one that is spawned starts with a thread a core."""
    cv2.setNumThreads(1)
