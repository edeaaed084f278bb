"""The interfaces of the plugin, one method each, and the frozen values that pass between them.

The recipe of the paper is a chain of these parts (its Figure 2). A new detector, painter or gate is one class here
with one method; its constructor arguments become its settings on the command line and, through
`aga_lightning.augment.fingerprint`, part of the key under which its output is stored.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal, Self

from aga_lightning.images.pixels import Alpha, Image, Mask
from aga_lightning.images.records import Box, ImageRecord
from aga_lightning.images.samples import Sample


@dataclass(frozen=True, slots=True)
class Detection:
    """A box around one instance of the superclass, in pixels of the sample's image, with its score in 0..1."""

    box: Box
    score: float


@dataclass(frozen=True, eq=False, slots=True)
class Subject:
    """The isolated subject: its mask, the box that the mask was grown from, and their score (0..1).

    Args:
        mask: All pixels of the subject, with every instance that was kept.
        detection: The best box.
        score: Joint score of detector and segmenter, 0..1.
        instances: The single instances, best first, if each is to be pasted alone; empty if all are pasted together.
        by: How it was found, by a segmenter that chooses among several ways; "" by all others.
        alpha: How much of each pixel is the subject's, if the segmenter knows: solid inside, soft near the outline, 0
            elsewhere. The mask is where it is at least 128.
    """

    mask: Mask
    detection: Detection
    score: float
    instances: tuple[Self, ...] = ()
    by: str = ""
    alpha: Alpha | None = None

    @property
    def visible(self) -> Mask:
        """All pixels that show anything of the subject: its mask, and its soft edge where it has one."""
        return self.mask if self.alpha is None else self.alpha > 0

    def for_variant(self, variant: int) -> Self:
        """The subject that augmentation number `variant` pastes: the instances in turn, or the whole subject."""
        return self.instances[variant % len(self.instances)] if self.instances else self


@dataclass(frozen=True, slots=True)
class Prompt:
    """A question to the captioner: instruction x spatial setting x time or season, and the words to avoid."""

    instruction: str
    spatial: str
    temporal: str
    avoid: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Caption:
    """A background in words, and the prompt it answers.

    Args:
        text: The words.
        prompt: The question.
        tries: Number of answers until this one.
        fallback: Whether no answer was usable, so that a template wrote the words instead.
    """

    text: str
    prompt: Prompt
    tries: int = 1
    fallback: bool = False


@dataclass(frozen=True, slots=True)
class Scene:
    """One background to paint.

    Args:
        caption: The background in words.
        size: Width and height in pixels.
        seed: Seed of the picture.
        source: Digest of the image whose subject will stand in front of it; a donor has to be another image.
    """

    caption: Caption
    size: tuple[int, int]
    seed: int
    source: str = ""


@dataclass(frozen=True, eq=False, slots=True)
class Edit:
    """One picture to make of another one.

    Args:
        image: The picture to start from.
        text: A description of the result; for an editor that follows instructions, the instruction.
        seed: Seed of the result.
        strength: Share of the start that is given up, above 0 (nothing) to 1 (all of it).
        mask: (height, width); True where the picture may change. None lets all of it change.
    """

    image: Image
    text: str
    seed: int
    strength: float = 1.0
    mask: Mask | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """Variant number `variant` of the augmentations of one record, for one run seed."""

    record: ImageRecord
    variant: int
    seed: int = 0


@dataclass(frozen=True, eq=False, slots=True)
class Draft:
    """An augmentation while it is being made; each gate looks at the result of its own stage.

    `landed` is the mask of the subject in `image`; None for methods that do not know it.
    """

    sample: Sample
    subject: Subject | None = None
    caption: Caption | None = None
    background: Image | None = None
    image: Image | None = None
    landed: Mask | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Augmented:
    """A finished augmentation.

    Args:
        request: The request.
        image: The result.
        facts: Facts for readers of the store (caption, score, ...); plain JSON values.
    """

    request: Request
    image: Image
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rejected:
    """A request without an augmentation, and the reason in words for a person."""

    request: Request
    reason: str


class Part(ABC):
    """A replaceable part.

    Each constructor argument is kept as an attribute of the same name; together they describe the part in the keys
    of the store. `version` is raised when the same settings start to give other output; `not_in_key` names arguments
    that cannot change the output (a batch size, a device), `added_later` those that came after the first stores, each
    with the value that changes nothing and stays out of the key. `needs_accelerator` keeps the part's work in the
    process that holds the device. `does_without` names settings whose weights the part can do without, by another way.
    """

    version: ClassVar[int] = 1
    not_in_key: ClassVar[frozenset[str]] = frozenset()
    added_later: ClassVar[Mapping[str, object]] = {}
    needs_accelerator: ClassVar[bool] = False
    does_without: ClassVar[frozenset[str]] = frozenset()

    def fetch(self, records: Sequence[ImageRecord]) -> None:
        """Download what the part needs for these records, where nothing else does that."""

    def setting(self, argument: str) -> object:
        """A constructor argument as it enters the key; local weights, for example, enter by their content."""
        return getattr(self, argument)


def parts_in(value: object) -> Iterator[Part]:
    """A part and all parts among its settings, at any depth; none for a plain value."""
    if isinstance(value, Part):
        yield value
        for setting in vars(value).values():
            yield from parts_in(setting)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from parts_in(item)


def accelerated(value: object) -> bool:
    """Whether a part, a part of it, or a part in a list needs an accelerator."""
    return any(part.needs_accelerator for part in parts_in(value))


class Detector(Part):
    """Step 1a: where is the subject?"""

    @abstractmethod
    def detect(self, samples: Sequence[Sample]) -> list[list[Detection]]:
        """Boxes of each sample's superclass, best first; an empty list where nothing was found."""


class Segmenter(Part):
    """Step 1b: which pixels of the box are the subject?

    `needs_box` says that samples without a detection are not worth asking about.
    """

    needs_box: ClassVar[bool] = True

    @abstractmethod
    def segment(self, samples: Sequence[Sample], detections: Sequence[Sequence[Detection]]) -> list[Subject | None]:
        """The subject of each sample, grown from its detections (best first); None where no pixel belongs to it."""


class Captioner(Part):
    """Step 2: a background in words."""

    @abstractmethod
    def caption(self, prompts: Sequence[Prompt], seeds: Sequence[int]) -> list[Caption]:
        """One caption a prompt; a caption depends on its own prompt and seed alone."""


class SubjectSource(ABC):
    """The training images with their subjects, for painters that borrow real backgrounds and gates that learn.

    Images without a subject are included: to a painter they are backgrounds, to a gate another class. Override
    `records` and `digests` if they are known without opening images; the defaults open every one.
    """

    @abstractmethod
    def __len__(self) -> int:
        """Number of training images."""

    @abstractmethod
    def digest(self) -> str:
        """One digest over all the images."""

    @abstractmethod
    def __getitem__(self, index: int) -> tuple[Sample, Subject | None]:
        """A training image and its subject; the subject is None if the record has none or it was not found."""

    @property
    def records(self) -> Sequence[ImageRecord]:
        """The record of each training image."""
        return [self.sample(index).record for index in range(len(self))]

    @property
    def digests(self) -> Sequence[str]:
        """The SHA-256 of each training image's file."""
        return [self.sample(index).digest for index in range(len(self))]

    def sample(self, index: int) -> Sample:
        """A training image alone, without isolating its subject.

        Raises:
            ImageReadError: If the image cannot be read.
        """
        return self[index][0]


class BackgroundGenerator(Part):
    """Step 3a: paint the background.

    `borrows` says that the painter takes real backgrounds from the training images, `guards` that it leaves out what
    resembles an evaluation image. A painter that ignores captions says in `shows` what it gives, such as "one colour".
    """

    borrows: ClassVar[bool] = False
    guards: ClassVar[bool] = False
    shows: ClassVar[str | None] = None

    def guard(self, hashes: Sequence[int]) -> None:
        """Take perceptual hashes of the evaluation images (`guards`)."""

    def borrow(self, training: SubjectSource) -> None:
        """Take the training images, for painters of real backgrounds; no other images are ever given."""

    def canvas(self, size: tuple[int, int]) -> tuple[int, int]:
        """Width and height to paint for an image of this size; another size for painters with a size of their own."""
        return size

    @abstractmethod
    def paint(self, scenes: Sequence[Scene]) -> list[Image]:
        """One image of the scene's size for each scene; it depends on that scene alone."""


class ImageEditor(Part):
    """Edit a picture as words ask: image-to-image, inpainting, instructions."""

    @abstractmethod
    def edit(self, edits: Sequence[Edit]) -> list[Image]:
        """One image for each edit, of the size of its start; it depends on that edit alone."""


class ImageCaptioner(Part):
    """Describe photos in words."""

    @abstractmethod
    def describe(self, images: Sequence[Image]) -> list[str]:
        """One line for each image; it depends on that image alone."""


class Gate(Part):
    """Accept or reject the result of one stage.

    `guards` says that the gate compares with evaluation images, `learns` that it looks at the training images first,
    `opens` that it opens their files for that, which takes long; a gate that does not learns from the records alone.
    `decided_by` tells by some words of the gate's reasons which setting the reason depends on.
    """

    stage: ClassVar[Literal["subject", "caption", "background", "image"]]
    guards: ClassVar[bool] = False
    learns: ClassVar[bool] = False
    opens: ClassVar[bool] = True
    decided_by: ClassVar[Mapping[str, str]] = {}

    def guard(self, hashes: Sequence[int]) -> None:
        """Take perceptual hashes of the evaluation images (`guards`)."""

    def learn(self, training: SubjectSource) -> None:
        """Look at the training images, once, before the first objection (`learns`)."""

    @abstractmethod
    def objection(self, draft: Draft) -> str | None:
        """Reason why the draft must not be used, in words for a person; None if it may.

        Reasons are counted by the words before the first colon: what differs from image to image comes after it, but
        for a number and its limit ("the score is 0.31, less than 0.45").
        """

    def setting_of(self, reason: str) -> str | None:
        """The setting that a reason depends on; None for reasons of other gates."""
        return next((setting for words, setting in self.decided_by.items() if words in reason), None)

    def objections(self, drafts: Sequence[Draft]) -> list[str | None]:
        """The objections to several drafts."""
        return [self.objection(draft) for draft in drafts]
