"""The seams of the plugin: one verb each, and the small frozen things that pass through them.

The recipe of the paper is a chain of these parts (its Figure 2). A new detector, painter or gate is one class here
with one method; its constructor arguments become its settings on the command line and, through
`aga_lightning.augment.fingerprint`, part of the key under which its output is stored.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from aga_lightning.data.base import Box, ImageRecord

Image = npt.NDArray[np.uint8]
"""(height, width, 3) RGB in 0..255."""

Mask = npt.NDArray[np.bool_]
"""(height, width); True where the subject is."""


def seed_from(*parts: int | str) -> int:
    """A 64-bit seed that depends on every part and on nothing else (no order of calls, process or platform)."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


@dataclass(frozen=True, eq=False, slots=True)
class Sample:
    """A source image as the parts see it: decoded, upright, at the working size.

    Args:
        image: The pixels.
        record: Where they come from.
        digest: Hexadecimal SHA-256 of the source file's bytes.
        box: The record's own box, scaled to `image`.
        mask: The record's own mask, scaled to `image`.
    """

    image: Image
    record: ImageRecord
    digest: str
    box: Box | None = None
    mask: Mask | None = None


@dataclass(frozen=True, slots=True)
class Detection:
    """A box around one instance of the superclass, in pixels of the sample's image, with its score in 0..1."""

    box: Box
    score: float


@dataclass(frozen=True, eq=False, slots=True)
class Subject:
    """The isolated subject: its mask, the box the mask was grown from, and how sure the two parts were (0..1)."""

    mask: Mask
    detection: Detection
    score: float


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the captioner is asked: instruction x spatial setting x time or season, and the words to avoid."""

    instruction: str
    spatial: str
    temporal: str
    avoid: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Caption:
    """A background in words, and the prompt it answers."""

    text: str
    prompt: Prompt


@dataclass(frozen=True, slots=True)
class Scene:
    """One background to paint.

    Args:
        caption: What to paint.
        size: Width and height in pixels.
        seed: All that is random about it.
        source: Digest of the image whose subject will stand before it, so that a donor can be another one.
    """

    caption: Caption
    size: tuple[int, int]
    seed: int
    source: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """Variant number `variant` of the augmentations of one record, for one run seed."""

    record: ImageRecord
    variant: int
    seed: int = 0


@dataclass(frozen=True, eq=False, slots=True)
class Draft:
    """An augmentation while it is being made; each gate looks at what its stage has added."""

    sample: Sample
    subject: Subject | None = None
    caption: Caption | None = None
    background: Image | None = None
    image: Image | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Augmented:
    """A finished augmentation.

    Args:
        request: What was asked.
        image: The result.
        facts: What a reader of the store may want to know (caption, score, ...); plain JSON values.
    """

    request: Request
    image: Image
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rejected:
    """An augmentation that could not be made, and why in words for a person."""

    request: Request
    reason: str


class Part(ABC):
    """A replaceable part.

    Each constructor argument is kept as an attribute of the same name; together they describe the part in the keys
    of the store. `version` is raised when the same settings start to give other output; `not_in_key` names arguments
    that cannot change the output (a batch size, a device). `needs_accelerator` keeps the part's work in the process
    that holds the device.
    """

    version: ClassVar[int] = 1
    not_in_key: ClassVar[frozenset[str]] = frozenset()
    needs_accelerator: ClassVar[bool] = False


class Detector(Part):
    """Step 1a: where is the subject?"""

    @abstractmethod
    def detect(self, samples: Sequence[Sample]) -> list[list[Detection]]:
        """Boxes of each sample's superclass, best first; an empty list where nothing was found."""


class Segmenter(Part):
    """Step 1b: which pixels of the box are the subject?"""

    @abstractmethod
    def segment(self, samples: Sequence[Sample], detections: Sequence[Sequence[Detection]]) -> list[Subject | None]:
        """The subject of each sample, grown from its detections; None where no pixel belongs to it."""


class Captioner(Part):
    """Step 2: a background in words."""

    @abstractmethod
    def caption(self, prompts: Sequence[Prompt], seeds: Sequence[int]) -> list[Caption]:
        """One caption a prompt; a caption depends on its own prompt and seed alone."""


Stage = Literal["subjects", "captions", "backgrounds"]


class StageCache(ABC):
    """What the stages of a recipe have finished, by key; see `aga_lightning.augment.store` for the one on disk."""

    @abstractmethod
    def load(self, stage: Stage, key: str) -> tuple[Mapping[str, object], bytes | None] | None:
        """Facts (plain JSON values) and the content of a file, if there is one; None where nothing is finished."""

    @abstractmethod
    def save(self, stage: Stage, key: str, facts: Mapping[str, object], data: bytes | None = None) -> None:
        """Keep what a stage has finished."""

    @abstractmethod
    def digest(self, path: Path) -> str:
        """Hexadecimal SHA-256 of a file's bytes."""


def _accelerated(value: object) -> bool:
    """Whether a part, a part of it, or a part in a list needs an accelerator."""
    if isinstance(value, Part):
        return value.needs_accelerator or any(_accelerated(setting) for setting in vars(value).values())
    return isinstance(value, list | tuple) and any(_accelerated(item) for item in value)


class Augmenter(Part):
    """(image, class) -> the same subject in another image. AGA is one; each rival is another."""

    @property
    def accelerated(self) -> bool:
        """Whether a part runs on an accelerator, and so in the main process rather than in the loader's workers."""
        return _accelerated(self)

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


class SubjectSource(ABC):
    """The training images with their subjects, for painters that borrow real backgrounds."""

    @abstractmethod
    def __len__(self) -> int:
        """How many training images there are."""

    @abstractmethod
    def digest(self) -> str:
        """One digest over all the images."""

    @abstractmethod
    def __getitem__(self, index: int) -> tuple[Sample, Subject | None]:
        """A training image and its subject, None where it could not be isolated."""


class BackgroundGenerator(Part):
    """Step 3a: paint the background.

    `borrows` says that the painter takes real backgrounds from the training images.
    """

    borrows: ClassVar[bool] = False

    def borrow(self, training: SubjectSource) -> None:
        """Take what a painter of real backgrounds needs from the training images (and from no others)."""

    @abstractmethod
    def paint(self, scenes: Sequence[Scene]) -> list[Image]:
        """One image of the asked size a scene; it depends on that scene alone."""


class Gate(Part):
    """Accept or reject what one stage has made."""

    stage: ClassVar[Literal["subject", "caption", "background", "image"]]

    @abstractmethod
    def objection(self, draft: Draft) -> str | None:
        """Why the draft must not be used, in words for a person; None where it may."""
