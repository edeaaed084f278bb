import os

import cv2
import numpy as np

from aga_lightning.workers import default_workers, worker_settings


def test_there_is_at_least_one_worker_and_one_core_is_left():
    cores = os.cpu_count() or 1
    assert 1 <= default_workers() <= max(1, min(8, cores - 1))


def test_a_child_forked_afterwards_does_not_wait_for_opencvs_threads():
    threads = cv2.getNumThreads()
    try:
        cv2.setNumThreads(2)
        cv2.GaussianBlur(np.zeros((2000, 2000, 3), np.uint8), (0, 0), 5)  # starts the pool
        settings = worker_settings(1)
        child = os.fork()
        if child == 0:
            settings["worker_init_fn"](0)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
    finally:
        cv2.setNumThreads(threads)


def test_without_workers_opencv_is_left_alone():
    threads = cv2.getNumThreads()
    worker_settings(0)
    assert cv2.getNumThreads() == threads
