"""The store is filled under a real Trainer: completely, and with the same bytes however the work is shared out."""

import os

import cv2
import numpy as np
import pytest
from lightning.pytorch import Trainer

from aga_lightning.augment.aga import AGA
from aga_lightning.augment.augmenter import Augmenter
from aga_lightning.augment.base import Augmented, Detector
from aga_lightning.augment.collection import Collection
from aga_lightning.augment.detectors.embedded import CentrePrior
from aga_lightning.augment.generation import PendingRequests, Source, StoreFiller
from aga_lightning.augment.segmenters.embedded import GrabCut
from aga_lightning.augment.store import Store
from aga_lightning.data.images import read_image


class Tracer(Augmenter):
    """Gives back the source, and notes which process did so."""

    def augment(self, requests, cache):
        for request in requests:
            image = np.asarray(read_image(request.record.path))
            yield Augmented(request, image, {"process": os.getpid()})


class HeavyDetector(Detector):
    needs_accelerator = True

    def detect(self, samples):
        return CentrePrior().detect(samples)


class HeavyTracer(Tracer):
    """A tracer one of whose parts needs a device."""

    def __init__(self, detector=None):
        self.detector = detector or HeavyDetector()


@pytest.fixture
def thread_pool():
    """OpenCV with several threads, all started, as any earlier work of a process leaves it."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(4)
    cv2.GaussianBlur(np.zeros((2000, 2000, 3), np.uint8), (0, 0), 3)
    yield
    cv2.setNumThreads(before)


def trainer(tmp_path, **settings):
    return Trainer(
        accelerator="cpu",
        devices=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=tmp_path,
        **settings,
    )


def fill(tmp_path, records, augmenter, workers=0, degree=2, name="cache", **settings):
    prepared = []
    collection = Collection(augmenter, Store(tmp_path / name), records, degree, 0)
    filler = StoreFiller(Source(lambda: prepared.append(True), lambda: collection, workers))
    trainer(tmp_path, **settings).predict(filler, return_predictions=False)
    assert prepared == [True]
    return filler.collection


def processes(collection):
    return {entry.facts["process"] for entry in collection.shelf.entries().values()}


def images(collection):
    return {str(path.relative_to(collection.folder)): path.read_bytes() for path in collection.folder.rglob("*.jpg")}


def test_everything_is_made_and_the_number_of_workers_changes_nothing(tmp_path, disc_records):
    alone, shared = (
        fill(tmp_path, disc_records, AGA(segmenter=GrabCut(size=48)), workers, name=f"workers-{workers}")
        for workers in (0, 2)
    )
    assert alone.pending() == shared.pending() == []
    assert len(images(alone)) == 16
    assert images(alone) == images(shared)


def test_parts_of_the_cpu_work_in_the_loaders_processes(tmp_path, disc_records, thread_pool):
    made_by = processes(fill(tmp_path, disc_records, Tracer(), workers=2))
    assert len(made_by) == 2
    assert os.getpid() not in made_by


@pytest.mark.parametrize("precision", ["32-true", "bf16-true"])
def test_a_part_that_needs_a_device_works_in_the_process_that_holds_it(tmp_path, disc_records, precision):
    collection = fill(tmp_path, disc_records, HeavyTracer(), workers=2, precision=precision)
    assert processes(collection) == {os.getpid()}
    assert collection.pending() == []


@pytest.mark.filterwarnings("ignore:Total length of `DataLoader` across ranks is zero")
def test_a_complete_store_is_left_as_it_is(tmp_path, disc_records):
    first = fill(tmp_path, disc_records, Tracer())
    written = {path: path.stat().st_mtime_ns for path in first.folder.rglob("*.jpg")}
    lines = len(first.shelf.entries())
    again = fill(tmp_path, disc_records, Tracer())
    assert {path: path.stat().st_mtime_ns for path in again.folder.rglob("*.jpg")} == written
    assert len(again.shelf.entries()) == lines == 16


def test_only_what_is_missing_is_made(tmp_path, disc_records):
    fill(tmp_path, disc_records[:3], Tracer(), degree=1)
    collection = Collection(Tracer(), Store(tmp_path / "cache"), disc_records[:4], 2, 0)
    pending = collection.pending()
    assert [len(requests) for requests in pending] == [1, 1, 1, 2]
    assert len(PendingRequests(collection, pending)) == 4
