"""Tiny real files for every room: coloured discs in front of noise, in class folders."""

import gc
import os
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from aga_lightning.images.records import ImageRecord

# No test reaches for the network, or finds what its user has downloaded.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TORCH_HOME"] = str(Path(tempfile.gettempdir()) / "aga-lightning-tests" / "no-downloads")

COLOURS = {"plum": (150, 40, 120), "lime": (120, 200, 40)}


def draw_disc(seed, colour, size=48):
    """A disc of a colour, off the centre by a little, in front of grey-blue noise."""
    rng = np.random.default_rng(seed)
    image = rng.integers(60, 110, (size, size, 3)).astype(np.uint8)
    image[..., 2] += 60
    centre = tuple(int(value) for value in rng.integers(int(size * 0.42), int(size * 0.58), 2))
    cv2.circle(image, centre, int(size * 0.28), colour, -1)
    return image


def write_discs(root: Path, split: str, per_class: int, seed: int = 0, size: int = 48):
    """Class folders of disc photos below root/split."""
    for label, (name, colour) in enumerate(COLOURS.items()):
        folder = root / split / name
        folder.mkdir(parents=True)
        for number in range(per_class):
            picture = draw_disc((seed * 10 + label) * 1000 + number, colour, size)
            Image.fromarray(picture).save(folder / f"{name}_{number}.png")


def write_disc_folder(root: Path):
    """An ImageFolder: train, val and an out-of-distribution set named dusk."""
    write_discs(root, "train", 4)
    write_discs(root, "val", 3, seed=1)
    write_discs(root, "dusk", 2, seed=2)
    return root


@pytest.fixture(scope="module", autouse=True)
def quick_collections():
    """What is loaded stays, and need not be looked through whenever a part is released, which takes 0.2 s each time."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def disc_folder(tmp_path):
    """An ImageFolder of a test's own: train, val and an out-of-distribution set named dusk."""
    return write_disc_folder(tmp_path / "discs")


@pytest.fixture(scope="session")
def shared_disc_folder(tmp_path_factory):
    """The same for tests that only read it, with test images that look like those of val."""
    root = write_disc_folder(tmp_path_factory.mktemp("shared") / "discs")
    write_discs(root, "test", 3, seed=1)
    return root


@pytest.fixture
def disc_records(disc_folder):
    """Records of the training photos of `disc_folder`."""
    return [
        ImageRecord(path, label, name, "fruit")
        for label, name in enumerate(COLOURS)
        for path in sorted((disc_folder / "train" / name).iterdir())
    ]


@pytest.fixture
def command(monkeypatch):
    """Runs `python -m aga_lightning <words>` in this process."""
    from aga_lightning.cli import main as cli

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["aga_lightning", *words])
        cli.run()

    return run
