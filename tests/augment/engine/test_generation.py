"""The store is filled completely, and with the same bytes however the work is shared out."""

import os
import time
from dataclasses import replace

import cv2
import numpy as np
import pytest
from tiny.costly import calls, entries, images
from tiny.processes import Job

from aga_lightning.augment.augmenter import Augmenter
from aga_lightning.augment.base import Augmented, Detector
from aga_lightning.augment.detectors.embedded import CentrePrior
from aga_lightning.augment.engine.collection import Collection
from aga_lightning.augment.engine.generation import BatchesAhead, PendingRequests, Shard, fill
from aga_lightning.augment.engine.store import Store
from aga_lightning.augment.methods.aga import AGA
from aga_lightning.augment.segmenters.embedded import GrabCut
from aga_lightning.images.reading import read_image


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


def filled(tmp_path, records, augmenter, workers=0, degree=2, name="cache"):
    collection = Collection(augmenter, Store(tmp_path / name), records, degree, 0)
    fill(collection, workers=workers)
    return collection


def processes(collection):
    return {entry.facts["process"] for entry in collection.shelf.entries().values()}


def test_everything_is_made_and_the_number_of_workers_changes_nothing(tmp_path, disc_records):
    alone, shared = (
        filled(tmp_path, disc_records, AGA(segmenter=GrabCut(size=48)), workers, name=f"workers-{workers}")
        for workers in (0, 2)
    )
    assert alone.pending() == shared.pending() == []
    assert len(images(alone)) == 16
    assert images(alone) == images(shared)


def test_parts_of_the_cpu_work_in_the_loaders_processes(tmp_path, disc_records, thread_pool):
    made_by = processes(filled(tmp_path, disc_records, Tracer(), workers=2))
    assert len(made_by) == 2
    assert os.getpid() not in made_by


def test_a_part_that_needs_a_device_works_in_the_process_that_holds_it(tmp_path, disc_records):
    collection = filled(tmp_path, disc_records, HeavyTracer(), workers=2)
    assert processes(collection) == {os.getpid()}
    assert collection.pending() == []


def test_only_what_is_missing_is_made(tmp_path, disc_records):
    filled(tmp_path, disc_records[:3], Tracer(), degree=1)
    collection = Collection(Tracer(), Store(tmp_path / "cache"), disc_records[:4], 2, 0)
    pending = collection.pending()
    assert [len(requests) for requests in pending] == [1, 1, 1, 2]
    assert len(PendingRequests(collection, pending)) == 4


# A job as a user starts it: every part loads something, and writes down what it is asked.
JOB = """
import os, signal
from pathlib import Path
from tiny.costly import CostlyCaptioner, CostlyDetector, CostlyGate, CostlyPainter, CostlySegmenter
from aga_lightning.augment.methods.aga import AGA
from aga_lightning.augment.engine.bank import BackgroundBank
from aga_lightning.training.datamodule import AGADataModule
from aga_lightning.datasets.folder import ImageFolder
from aga_lightning.cli.trainer import AgaTrainer
from lightning.pytorch import LightningModule, Trainer
from torch import nn, optim

class Own(LightningModule):
    def __init__(self):
        super().__init__()
        self.net = nn.Linear(3 * 32 * 32, 2)

    def training_step(self, batch, batch_idx):
        return self.net(batch[0].flatten(1)).sum()

    def validation_step(self, batch, batch_idx, dataloader_idx=0):
        pass

    def configure_optimizers(self):
        return optim.SGD(self.parameters(), lr=0.01)

class Mortal(CostlyPainter):
    def paint(self, scenes):
        made = super().paint(scenes)
        if {mortal} and os.environ.get("LOCAL_RANK") == "1" and not Path("died").exists():
            Path("died").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return made

Mortal.__name__ = Mortal.__qualname__ = "CostlyPainter"
Mortal.__module__ = CostlyPainter.__module__
aga = AGA(
    detector=CostlyDetector("log.txt"), segmenter=CostlySegmenter("log.txt"), captioner=CostlyCaptioner("log.txt"),
    painter=Mortal("log.txt", faulty=True), gates=[CostlyGate("log.txt")], attempts=2, bank={bank},
)
data = AGADataModule(ImageFolder({root!r}), aga, degree=3, num_workers={workers}, image_size=32)
settings = dict(
    accelerator="cpu", devices={devices}, strategy="ddp" if {devices} > 1 else "auto", logger=False,
    enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
)
if {fits}:
    Trainer(max_steps=1, limit_val_batches=0, **settings).fit(Own(), data)
else:
    AgaTrainer(**settings).augment(datamodule=data, shard={shard!r})
"""


def start(folder, root, devices=1, shard="0/1", bank="None", workers=0, mortal=False, fits=False):
    folder.mkdir(exist_ok=True)
    settings = {"devices": devices, "shard": shard, "bank": bank, "workers": workers, "mortal": mortal, "fits": fits}
    name = f"job-{shard.replace('/', '-of-')}-{devices}-{mortal}"
    return Job(JOB.format(root=str(root), **settings), folder, devices, name)


def made_in(folder):
    """The images of the only collection in a store, by class and name."""
    (collection,) = (folder / "cache" / "augmented").iterdir()
    return {str(path.relative_to(collection)): path.read_bytes() for path in collection.rglob("*.jpg")}


@pytest.fixture(scope="module")
def alone(tmp_path_factory, shared_disc_folder):
    """What one process makes, and how many calls that takes."""
    folder = tmp_path_factory.mktemp("alone")
    start(folder, shared_disc_folder).end()
    return made_in(folder), calls(folder / "log.txt")


def once(folder):
    painted = entries(folder / "log.txt", "paint")
    return len(painted) == len(set(painted))


def test_ranks_shards_and_workers_make_the_same_images_each_once(tmp_path, shared_disc_folder, alone):
    images, counted = alone
    counted = {verb: count for verb, count in counted.items() if verb not in ("load", "release")}
    ranks = tmp_path / "ranks"
    start(ranks, shared_disc_folder, devices=2, workers=1, fits=True).end()  # a plain Trainer
    assert made_in(ranks) == images
    made = calls(ranks / "log.txt")
    assert {verb: made[verb] for verb in counted} == counted
    assert once(ranks)

    shards = tmp_path / "shards"
    for job in [start(shards, shared_disc_folder, shard=f"{number}/2") for number in range(2)]:
        job.end()
    assert made_in(shards) == images
    made = calls(shards / "log.txt")
    assert {verb: made[verb] for verb in counted} == counted


def test_jobs_that_share_a_bank_paint_each_background_once(tmp_path, shared_disc_folder):
    folder = tmp_path / "bank"
    bank = "BackgroundBank(size=4)"
    for job in [start(folder, shared_disc_folder, shard=f"{number}/2", bank=bank) for number in range(2)]:
        job.end()
    rejected = next((folder / "cache" / "augmented").iterdir()) / "rejected.jsonl"
    assert len(made_in(folder)) + len(rejected.read_text().splitlines()) == 24
    assert once(folder)
    assert 4 <= calls(folder / "log.txt")["paint"] <= 8


def test_a_rank_that_is_killed_is_made_up_for_by_the_next_run(tmp_path, shared_disc_folder, alone):
    images, counted = alone
    folder = tmp_path / "killed"
    start(folder, shared_disc_folder, devices=2, mortal=True).end(fails=True)
    assert (folder / "died").exists()
    painted = calls(folder / "log.txt")["paint"]
    start(folder, shared_disc_folder).end()
    assert made_in(folder) == images
    in_flight = 2  # a batch
    assert counted["paint"] <= calls(folder / "log.txt")["paint"] <= counted["paint"] + in_flight
    assert calls(folder / "log.txt")["detect"] == counted["detect"]
    assert 0 < painted < counted["paint"]


class Alphabet:
    """Loads letters, some of them slowly, notes what happens, and fails at `bad`."""

    def __init__(self, bad=None):
        self.bad = bad
        self.log = []

    def load(self, unit):
        if unit in "ae":
            time.sleep(0.05)
        if unit == self.bad:
            raise ValueError(f"no {unit}")
        self.log.append(f"load {unit}")
        return unit.upper()


def ahead(alphabet, letters, threads):
    return BatchesAhead(letters, alphabet.load, 3, threads)


@pytest.mark.parametrize("threads", [0, 1, 4])
def test_batches_come_in_order_and_whole(threads):
    batches = ahead(Alphabet(), "abcdefgh", threads)
    assert len(batches) == 3
    assert [("".join(batch.items), "".join(batch.loaded)) for batch in batches] == [
        ("abc", "ABC"), ("def", "DEF"), ("gh", "GH"),
    ]  # fmt: skip
    assert list(ahead(Alphabet(), "", threads)) == []


def test_the_next_batch_is_loaded_while_one_is_on_the_device():
    stage = Alphabet()
    batches = iter(ahead(stage, "abcdefgh", 2))
    next(batches)
    time.sleep(0.3)
    assert {f"load {letter}" for letter in "abcdef"} == set(stage.log)


@pytest.mark.parametrize("threads", [0, 2])
def test_what_goes_wrong_in_a_thread_is_raised(threads):
    with pytest.raises(ValueError, match="no e"):
        list(ahead(Alphabet(bad="e"), "abcdefgh", threads))


@pytest.mark.parametrize("text", ["", "1", "2/2", "a/b", "-1/2", "1/0"])
def test_a_shard_that_is_none_is_an_error(text):
    with pytest.raises(ValueError, match="--shard"):
        Shard.parse(text)


def test_shards_divide_the_images_and_leave_out_what_has_no_subject(tmp_path, disc_records):
    records = [
        replace(record, superclass="") if index % 3 == 0 else record for index, record in enumerate(disc_records)
    ]
    collection = Collection(Tracer(), Store(tmp_path), records, 2, 0)
    parts = [Shard.parse(f"{index}/3").of(collection) for index in range(3)]
    assert [len(part) for part in parts] == [0, 6, 4], "every third image, whether it has a subject or not"
    assert {request for part in parts for request in part} == set(collection.requests)
    assert all(request.record.has_subject for request in collection.requests)
