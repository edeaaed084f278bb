"""Helpers of the benchmarks: drawn photos, a clock, rows of tables, and the parser of a script's options."""

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image as PillowImage

from aga_lightning.images.pixels import Image, Mask

SIZE = (500, 375)
"""Width and height of a drawn photo in pixels."""


def parser(doc: str | None) -> argparse.ArgumentParser:
    """The parser of a script's options, with the script's docstring as its help."""
    return argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)


def row(*cells: object) -> str:
    """A row of a Markdown table."""
    return f"| {' | '.join(map(str, cells))} |"


def head(*titles: str) -> str:
    """The first two rows of a Markdown table."""
    return f"{row(*titles)}\n{'|---' * len(titles)}|"


@dataclass
class Clock:
    """Adds up the seconds of blocks of code; a GPU finishes its work first."""

    turns: list[float] = field(default_factory=list)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Time a block."""
        wait_for_gpu()
        start = time.perf_counter()
        yield
        wait_for_gpu()
        self.turns.append(time.perf_counter() - start)

    @property
    def total(self) -> float:
        """Seconds of all blocks."""
        return sum(self.turns)


def wait_for_gpu() -> None:
    """Let a GPU finish its work, if there is one."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def seconds(action: Callable[[], object]) -> float:
    """The seconds that an action takes."""
    clock = Clock()
    with clock.turn():
        action()
    return clock.total


def drawn(width: int, height: int, seed: int) -> Image:
    """A picture with roughly the spectrum of a photo: noise of every scale, the coarse scales strongest."""
    rng = np.random.default_rng(seed)
    picture = np.full((height, width, 3), 128.0)
    for octave in range(1, 8):
        noise = rng.normal(0, 90 / octave**1.5, (3 * 2**octave // 4 + 1, 2**octave, 3))
        picture += cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(picture, 0, 255), np.uint8)


def blob(width: int, height: int, area: float, seed: int) -> Mask:
    """A subject with a wavy outline in the middle of a frame, of which it covers the share `area`."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] - np.array([height / 2, width / 2])[:, None, None]
    angle, distance = np.arctan2(y, x / 1.3), np.hypot(y, x / 1.3)
    radius = np.ones_like(angle)
    for wave in range(2, 24):
        radius += rng.normal(0, 0.12 / wave) * np.cos(wave * angle + rng.uniform(0, 2 * np.pi))
    distance = distance / np.maximum(radius, 0.2)
    return np.asarray(distance <= np.quantile(distance, area))


def write_photo(path: Path, width: int, height: int, seed: int, other: int) -> Path:
    """Write a drawn photo: a blob with the pixels of one seed in front of a background of another."""
    pixels = np.where(
        blob(width, height, 0.2, seed)[..., None], drawn(width, height, other), drawn(width, height, seed)
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    PillowImage.fromarray(pixels).save(path, quality=90)
    return path
