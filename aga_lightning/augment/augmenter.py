"""The seam of whole methods: an augmenter, the stages it goes through on a device, and what they have finished."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from aga_lightning.augment.base import (
    Augmented,
    BackgroundGenerator,
    Draft,
    Gate,
    Part,
    Rejected,
    Request,
    Subject,
    accelerated,
    parts_in,
)
from aga_lightning.augment.pretrained import Pretrained
from aga_lightning.images.records import ImageRecord
from aga_lightning.images.samples import Sample

Finished = tuple[Mapping[str, object], bytes | None]
"""What a stage keeps of one item: facts (plain JSON values), and the content of a file where there is one."""


class StageCache(ABC):
    """What the stages of a recipe have finished, by key; the one on disk is `aga_lightning.augment.engine.store`."""

    @abstractmethod
    def load(self, stage: str, key: str) -> Finished | None:
        """What a stage has finished under a key; None where nothing is finished."""

    def facts(self, stage: str, key: str) -> Mapping[str, object] | None:
        """The facts alone, for those who need no file; None where nothing is finished."""
        found = self.load(stage, key)
        return None if found is None else found[0]

    @abstractmethod
    def save(self, stage: str, key: str, facts: Mapping[str, object], data: bytes | None = None) -> None:
        """Keep what a stage has finished."""

    def finished(self, stage: str) -> Set[str]:
        """The keys of all that a stage has finished, in one look."""
        return frozenset()

    @contextmanager
    def claim(self, stage: str, keys: Sequence[str]) -> Iterator[Set[str]]:
        """Those of the keys that this process alone may make now; another process is making the others."""
        yield set(keys)

    def recall(
        self, stage: str, keys: Sequence[str], make: Callable[[list[int]], Sequence[Finished]]
    ) -> list[Finished]:
        """What a stage has finished, made and kept now where it is not.

        Args:
            stage: The stage.
            keys: What is wanted; a key may be there twice.
            make: Makes what is missing, from the places of its keys; one outcome a place.
        """
        found = {key: self.load(stage, key) for key in dict.fromkeys(keys)}
        missing = {key: keys.index(key) for key, outcome in found.items() if outcome is None}
        if missing:
            for key, made in zip(missing, make(list(missing.values())), strict=True):
                self.save(stage, key, *made)
                found[key] = made
        return [outcome for key in keys if (outcome := found[key]) is not None]

    @abstractmethod
    def digest(self, path: Path) -> str:
        """What tells the pixels of an image file from others: SHA-256 of its bytes, or a number as long."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One thing that a stage has to make: its key, and one of the requests that need it."""

    key: str
    request: Request


class ModelStage(ABC):
    """A stage of a method that is run for many requests at once, in the two steps that loaders and a device share.

    Args:
        name: What it makes, in a word such as "boxes"; the cache keeps that in a folder of this name. Stages of several
            methods may share one.
        parts: The parts whose models it calls; no others are in memory while it runs.
        batch_size: Units handed to `run` at once.

    Attributes:
        title: What a bar calls it.
        attempt: How many attempts at the same thing come before it.
        loads: Whether there is something to load; a stage of words alone needs no loader threads.
        gathers: Whether a unit needs all that the stage before it makes, whatever the request.
    """

    title: str = ""
    attempt: int = 0
    loads: bool = True
    gathers: bool = False

    def __init__(self, name: str, parts: Sequence[Part], batch_size: int) -> None:
        self.name = name
        self.parts = tuple(parts)
        self.batch_size = batch_size

    @abstractmethod
    def load(self, unit: Unit) -> object:
        """The work that needs no device, such as reading and decoding. Runs in a thread of the loader."""

    @abstractmethod
    def run(self, units: Sequence[Unit], loaded: Sequence[object]) -> None:
        """The work that needs the device, for a batch; what was made is in the cache when this returns."""

    @abstractmethod
    def pending(self, requests: Sequence[Request], cache: StageCache) -> list[Unit]:
        """What the requests need and the cache lacks, each once, in the order of the requests."""

    def serves(self, request: Request, cache: StageCache) -> bool:
        """Whether the cache holds what a request needs of this stage, be that nothing."""
        return not self.pending([request], cache)

    def advance(self, units: Sequence[Unit], loaded: Sequence[object], cache: StageCache) -> int:
        """Run a batch, less what another process is making just now; how much that was."""
        with cache.claim(self.name, [unit.key for unit in units]) as mine:
            chosen = [pair for pair in zip(units, loaded, strict=True) if pair[0].key in mine]
            if chosen:
                with _own_numbers():
                    self.run([unit for unit, _ in chosen], [item for _, item in chosen])
        return len(units) - len(chosen)

    @property
    def models(self) -> list[Pretrained]:
        """The parts with weights among its parts."""
        return [part for part in parts_in(list(self.parts)) if isinstance(part, Pretrained)]

    @property
    def denoiser_calls_per_unit(self) -> int:
        """Evaluations of a diffusion model's denoiser for one unit; 0 where there is none."""
        return denoiser_calls(self.parts)

    def weight(self, unit: Unit) -> float:
        """How much work on the device a unit is, where all units have a mean of 1; for those who time a few of them."""
        return 1.0

    def place(self, device: torch.device) -> None:
        """Let the models run on a device."""
        for model in self.models:
            model.on(device)

    def release(self) -> None:
        """Drop the models."""
        for model in self.models:
            model.release()


def denoiser_calls(parts: Sequence[Part]) -> int:
    """Evaluations of denoisers for one image; 0 for parts that have none."""
    asked = (getattr(part, "denoiser_calls_per_image", None) for part in parts_in(list(parts)))
    return sum(int(ask()) for ask in asked if callable(ask))


@contextmanager
def _own_numbers() -> Iterator[None]:
    """Let the parts compute in the numbers of their own settings, whatever precision the trainer trains with."""
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        with torch.autocast("cpu", enabled=False), torch.autocast("cuda", enabled=False):
            yield
    finally:
        torch.set_default_dtype(default)


class Augmenter(Part):
    """(image, class) -> the same subject in another image. AGA is one; each rival is another."""

    @property
    def accelerated(self) -> bool:
        """Whether a part runs on an accelerator, and so in the main process rather than in the loader's workers."""
        return accelerated(self)

    def stages(self, cache: StageCache) -> list[ModelStage]:
        """The stages that need an accelerator, in order; when they are through, `augment` needs none any more."""
        return []

    def guard(self, hashes: Sequence[int]) -> None:
        """Take perceptual hashes of the evaluation images, which nothing that is made may resemble."""

    @property
    def guards(self) -> bool:
        """Whether a part compares with the evaluation images."""
        return any(isinstance(part, Gate | BackgroundGenerator) and part.guards for part in parts_in(self))

    def prepare(self, records: Sequence[ImageRecord], cache: StageCache) -> None:
        """Learn what the method needs from the training images, and from no others."""

    def learned(self) -> object:
        """What `prepare` learned that changes the output, as plain JSON values; it becomes part of the key."""
        return None

    @abstractmethod
    def augment(self, requests: Sequence[Request], cache: StageCache) -> Iterator[Augmented | Rejected]:
        """Make what is asked, one outcome a request in the order of the requests."""

    def subject(self, record: ImageRecord, cache: StageCache) -> tuple[Sample, Subject | None] | None:
        """A record's image and what is kept of it; None for a method that isolates nothing."""
        return None

    def kept(self, request: Request, cache: StageCache) -> Draft | None:
        """What the cache holds of a request, as far as it got; nothing is made. None where a method keeps nothing.

        Raises:
            ImageReadError: If the image or its mask cannot be read.
        """
        return None

    @property
    def recombines(self) -> bool:
        """Whether there is a `recombine` for the mode `online`."""
        return type(self).recombine is not Augmenter.recombine

    def recombine(self, request: Request, background: Request, seed: int, cache: StageCache) -> Augmented | Rejected:
        """Put the subject of one request in front of another's background, placed by the seed (mode `online`)."""
        raise TypeError(f"{type(self).__name__} has no separate backgrounds; use --data.mode pregenerate or lazy")
