"""What `estimate` prints and writes: counts that hold, times from a probe that is kept."""

import io
import json
from dataclasses import replace

import pytest
import torch
from rich.console import Console
from tiny.augmented import trainer
from tiny.costly import calls, costly_aga

from aga_lightning.augment.engine.probe import Measured
from aga_lightning.augment.engine.workload import Task
from aga_lightning.augment.gates.embedded import BlankBackground
from aga_lightning.augment.methods.aga import AGA
from aga_lightning.augment.pretrained import PretrainedError
from aga_lightning.augment.segmenters.embedded import GrabCut
from aga_lightning.cli.verbs.estimate import Line, Place, estimate, total_seconds
from aga_lightning.datasets.folder import ImageFolder
from aga_lightning.images.records import DatasetError
from aga_lightning.training.datamodule import AGADataModule

VERBS = {"Boxes": "detect", "Subjects": "segment", "Captions": "caption", "Backgrounds": "paint"}


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log.txt"


@pytest.fixture
def open_data(disc_folder, tmp_path, log):
    def open_data(**settings):
        aga = costly_aga(log, gates=settings.pop("gates", []), attempts=settings.pop("attempts", 1))
        weights = tmp_path / "weights.safetensors"
        weights.touch()
        for part in (aga.detector, aga.segmenter, aga.captioner, aga.painter):
            part.weights = str(weights)
        settings = {"augmenter": aga, "degree": 3, "num_workers": 0, "image_size": 32} | settings
        return AGADataModule(ImageFolder(str(disc_folder)), cache_dir=str(tmp_path / "cache"), **settings)

    return open_data


def estimated(data, batches, devices=1, width=80):
    """What is printed, and what is written."""
    console = Console(file=io.StringIO(), width=width)
    folder = data.store.cache_dir
    estimate(data, Place(torch.device("cpu"), devices, folder), batches, console)
    return console.file.getvalue(), json.loads((folder / "estimate.json").read_text())


def units(written):
    return {stage["name"]: stage["units"] for stage in written["stages"]}


@pytest.mark.filterwarnings("ignore:.*num_workers:UserWarning")
@pytest.mark.parametrize("batches", [0, 1])
def test_augment_makes_what_was_estimated(open_data, log, batches, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = open_data()
    _, written = estimated(data, batches)
    before = calls(log)
    assert bool(before) == bool(batches)
    trainer(devices=1).augment(datamodule=data)
    made = calls(log) - before
    assert {name: made[verb] for name, verb in VERBS.items()} == {name: units(written)[name] for name in VERBS}
    assert calls(log)["paint"] == 24, "what the probe made was made again"
    assert units(estimated(data, batches)[1]) == dict.fromkeys(units(written), 0)


def test_counting_alone_needs_neither_weights_nor_time(open_data, log):
    data = open_data()
    data.augmenter.painter.weights = "org/gone"
    shown, written = estimated(data, 0)
    assert calls(log) == {}
    assert "8 training images x 3 augmentations: 24 asked, 0 finished, 24 to make" in shown
    assert "<= 24" in shown and "seconds" not in shown
    assert written["hours_on_one_device"] is None
    assert (written["training_images"], written["asked"], written["to_make"]) == (8, 24, 24)


def test_images_without_a_subject_are_told_and_not_asked_for(open_data):
    data = open_data()
    data.dataset.superclasses = {"plum": "fruit", "lime": ""}
    shown, written = estimated(data, 0, width=120)
    counts = "8 training images, 4 of them without a subject; 4 x 3 augmentations: 12 asked, 0 finished, 12 to make."
    assert counts in shown
    assert (written["training_images"], written["asked"]) == (8, 12)
    assert units(written)["Boxes"] == 4 and units(written)["Merging"] == 12


def test_a_share_of_the_images_is_counted(open_data):
    data = open_data()
    data.augment_share = 0.25
    shown, written = estimated(data, 0, width=120)
    counts = "8 training images, 6 of them not to be augmented; 2 x 3 augmentations: 6 asked, 0 finished, 6 to make."
    assert counts in shown
    assert (written["training_images"], written["asked"]) == (8, 6)
    assert units(written)["Boxes"] == 2 and units(written)["Merging"] == 6


def test_a_probe_needs_all_weights_at_once(open_data, log):
    data = open_data()
    data.augmenter.painter.weights = "org/gone"
    with pytest.raises(PretrainedError, match=r"org/gone is missing: hf download org/gone; --probe 0 only counts"):
        estimated(data, 1)
    assert calls(log) == {}


@pytest.mark.parametrize("width", [80, 120])
def test_a_probe_gives_time_and_disk(open_data, width):
    shown, written = estimated(open_data(gates=[BlankBackground()], attempts=2), 1, devices=4, width=width)
    assert max(len(line) for line in shown.splitlines() if not line.startswith("Written to")) <= width
    assert "…" not in shown
    assert "on 4 devices" in shown and "painted again" in shown
    assert written["finished"] > 0
    assert 0 < written["hours_on_all_devices"] < written["hours_on_one_device"]
    for stage in written["stages"]:
        if stage["units"] and stage["name"] != "BackgroundVerdicts":
            assert stage["seconds_each"] > 0 and stage["disk_bytes"] > 0


def test_rejects_of_the_probe_are_told(open_data, log):
    data = open_data()
    data.augmenter.detector.blind_above = 0.0
    data = open_data(augmenter=data.augmenter)
    shown, written = estimated(data, 1, width=120)
    count = written["finished"]
    assert f"Of the {count} images that the probe finished, {count} were rejected." in shown
    assert "The probe did not reach Captions, Backgrounds:" in shown and units(written)["Captions"] > 0
    assert written["hours_on_one_device"] is None


def test_each_device_loads_the_models():
    measured = Measured(4, first_seconds=10.0, run_seconds=2.0, load_seconds=1.0, unit_bytes=5.0, memory_bytes=0)
    line = Line(Task("Backgrounds", 100, True), measured, workers=2)
    assert (line.seconds, line.disk_bytes) == (210.0, 500.0)
    assert [total_seconds([line, line], devices) for devices in (1, 4)] == [420.0, 120.0]
    assert total_seconds([line, replace(line, measured=None)], 1) is None
    done = Line(Task("Backgrounds", 0, True), None, 2)
    assert total_seconds([line, done], 1) == 210.0


def test_nothing_to_estimate_is_an_error(open_data):
    with pytest.raises(DatasetError, match=r"set --data\.augmenter"):
        estimated(open_data(augmenter=None), 0)
    with pytest.raises(ValueError, match="--probe is -1"):
        estimated(open_data(), -1)


def test_a_method_without_models_tells_only_what_it_has(open_data):
    shown, written = estimated(open_data(augmenter=AGA(segmenter=GrabCut(size=48)), mode="lazy"), 1)
    assert "model calls" not in shown and "memory" not in shown
    assert "never need all" in " ".join(shown.split())
    assert units(written) == {"Images": 24 - written["finished"]}


def test_the_verb_writes_beside_a_run_that_exists(disc_folder, command, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["estimate", "--config", "photos.yaml", "--data.dataset.root", str(disc_folder), "--probe", "0"]
    command(*words)
    assert "16 asked, 0 finished, 16 to make" in capsys.readouterr().out
    assert (tmp_path / "cache" / "estimate.json").exists() and not (tmp_path / "runs").exists()
    (tmp_path / "mine").mkdir()
    command(*words, "--trainer.run_dir", "mine", "--trainer.num_nodes", "3", "--trainer.strategy", "ddp")
    assert json.loads((tmp_path / "mine" / "estimate.json").read_text())["devices"] == 3
