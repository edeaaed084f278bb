"""The seam of whole methods: an augmenter, the stages it goes through on a device, and what they have finished."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from aga_lightning.augment.base import (
    Augmented,
    Gate,
    Part,
    Rejected,
    Request,
    Sample,
    Subject,
    accelerated,
    parts_in,
)
from aga_lightning.data.base import ImageRecord

Stage = Literal["boxes", "subjects", "captions", "backgrounds", "verdicts"]


class StageCache(ABC):
    """What the stages of a recipe have finished, by key; see `aga_lightning.augment.store` for the one on disk."""

    @abstractmethod
    def load(self, stage: Stage, key: str) -> tuple[Mapping[str, object], bytes | None] | None:
        """Facts (plain JSON values) and the content of a file, if there is one; None where nothing is finished."""

    @abstractmethod
    def save(self, stage: Stage, key: str, facts: Mapping[str, object], data: bytes | None = None) -> None:
        """Keep what a stage has finished."""

    @contextmanager
    def claim(self, stage: Stage, keys: Sequence[str]) -> Iterator[set[str]]:
        """Those of the keys that this process alone may make now; another process is making the others."""
        yield set(keys)

    @abstractmethod
    def digest(self, path: Path) -> str:
        """Hexadecimal SHA-256 of a file's bytes."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One thing that a stage has to make: its key, and one of the requests that need it."""

    key: str
    request: Request


class ModelStage(ABC):
    """A stage of a recipe whose parts need an accelerator, in the three steps that a loader and a device share.

    Args:
        name: The shelf of the cache that it fills.
        parts: The parts it calls; only these are in memory while it runs.
        batch_size: Units handed to `run` at once.
    """

    def __init__(self, name: Stage, parts: Sequence[Part], batch_size: int) -> None:
        self.name: Stage = name
        self.parts = tuple(parts)
        self.batch_size = batch_size

    @abstractmethod
    def units(self, requests: Sequence[Request]) -> list[Unit]:
        """What the requests need of this stage and the cache lacks, each once, in the order of the requests."""

    @abstractmethod
    def load(self, unit: Unit) -> object:
        """The part of the work that needs no device: read and decode. Runs in a loader's worker."""

    @abstractmethod
    def run(self, units: Sequence[Unit], loaded: Sequence[object]) -> None:
        """The part that needs the device, for a batch; what was made is in the cache when this returns."""


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
        """Whether a gate compares what is made with the evaluation images."""
        return any(isinstance(part, Gate) and part.guards for part in parts_in(self))

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

    def recombine(self, request: Request, background: Request, seed: int, cache: StageCache) -> Augmented | Rejected:
        """Put the subject of one request before the background of another, placed by the seed (mode `online`)."""
        raise TypeError(f"{type(self).__name__} has no separate backgrounds; use --data.mode pregenerate or lazy")
