"""Steps 2 and 3 of AGA: a background in words, then in pixels, then the subject in front of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aga_lightning.augment.augmenter import Finished
from aga_lightning.augment.base import (
    BackgroundGenerator,
    Caption,
    Captioner,
    Draft,
    Prompt,
    Request,
    Scene,
    Subject,
    SubjectSource,
)
from aga_lightning.augment.compositing import Merging, cover
from aga_lightning.augment.engine.bank import BackgroundBank
from aga_lightning.augment.engine.step import Digest, Rejection, Step
from aga_lightning.augment.engine.training_images import TrainingImages
from aga_lightning.augment.painters.donors import NoDonorError
from aga_lightning.augment.prompts import PromptEngine, avoid_words
from aga_lightning.augment.texts import NOTHING_ASKED, filled, names_of
from aga_lightning.images.codec import decode_rgb, encode_jpeg
from aga_lightning.images.pixels import Image
from aga_lightning.images.reading import ImageReadError
from aga_lightning.images.samples import Sample, working_size
from aga_lightning.images.seeds import seed_from

UNSHRUNK = 1024
"""Side of square backgrounds where images keep their own size."""


def theme(request: Request, digest: Digest, bank: BackgroundBank | None) -> int:
    """The seed of all that is random about a request's background; a bank gives one to many requests."""
    image = digest(request.record.path)
    if bank is None:
        return seed_from(request.seed, image, request.variant)
    return seed_from(request.seed, "bank", bank.background(request.record.class_name, image, request.variant))


class Captions(Step[Caption]):
    """Step 2: a prompt is drawn, and the captioner answers it with a background in words.

    Args:
        prompts: What the captioner is asked.
        captioner: The captioner.
        per_combination: Captions for each combination of instruction, setting and time, shared by all backgrounds; None
            writes one for each background (the paper).
        bank: How many backgrounds there are; None for one an augmentation (the paper).
    """

    name = "captions"
    fills = "caption"
    loads = False

    def __init__(
        self,
        prompts: PromptEngine,
        captioner: Captioner,
        per_combination: int | None = None,
        bank: BackgroundBank | None = None,
    ) -> None:
        super().__init__(parts=[captioner])
        self.prompts = prompts
        self.captioner = captioner
        self.per_combination = per_combination
        self.bank = bank
        self._heed(())

    def prepare(self, training: SubjectSource) -> None:
        """Learn which words a background must avoid: the names of all classes that have a subject."""
        super().prepare(training)
        subjects = [record for record in training.records if record.has_subject]
        names = sorted({record.class_name for record in subjects})
        self._heed(avoid_words(names, sorted({record.superclass for record in subjects})))
        self.learned = {"avoid": list(self._avoid)}

    def settings(self) -> object:
        """The words to avoid, which are a part of every prompt."""
        return self._all_to_avoid

    def plan(self, request: Request, digest: Digest) -> list[Any]:
        """The prompt, and the seed of its answer."""
        seed = theme(request, digest, self.bank)
        prompt = self.prompts.prompt(seed_from(seed, "prompt"), self._avoid)
        answer = seed_from(seed, "caption")
        if self.per_combination is not None:
            answer = seed_from(request.seed, "caption", answer % self.per_combination)
        return [prompt.instruction, prompt.spatial, prompt.temporal, answer]

    def make(self, plans: Sequence[Any], *inputs: Sequence[Any]) -> list[Caption]:
        """Write."""
        return self.captioner.caption([self._prompt(plan) for plan in plans], [plan[3] for plan in plans])

    def encode(self, made: Caption, plan: Any, *inputs: object) -> Finished:  # noqa: ANN401 as in `Step`
        """The words, what was asked, and how often."""
        names = ("instruction", "spatial", "temporal", "seed")
        asked = {"captioner": type(self.captioner).__name__} | dict(zip(names, plan, strict=True))
        return {"caption": made.text, **asked, "tries": made.tries, "fallback": made.fallback}, None

    def decode(self, facts: Mapping[str, object], data: bytes | None, plan: Any) -> Caption:  # noqa: ANN401
        """The caption, and the prompt that it answers."""
        return Caption(str(facts["caption"]), self._prompt(plan), int(str(facts["tries"])), bool(facts["fallback"]))

    def _heed(self, avoid: tuple[str, ...]) -> None:
        self._avoid = avoid
        self._all_to_avoid = self.prompts.prompt(0, avoid).avoid  # those of the prompt engine are among them

    def _prompt(self, plan: Any) -> Prompt:  # noqa: ANN401 as in `Step`
        instruction, spatial, temporal, _ = plan
        return Prompt(instruction, spatial, temporal, self._all_to_avoid)


class Texts(Step[Caption]):
    """A text that is filled in for each request, in place of a captioner's words.

    Args:
        text: With places for class, superclass and scene.
        prompts: The settings and times that a scene is drawn from; None for a text without a scene.
    """

    fills = "caption"
    loads = False

    def __init__(self, text: str, prompts: PromptEngine | None = None) -> None:
        super().__init__()
        self.text = text
        self.prompts = prompts

    def plan(self, request: Request, digest: Digest) -> str:
        """The text."""
        prompt = None
        if self.prompts is not None:
            seed = seed_from(request.seed, digest(request.record.path), request.variant, "prompt")
            prompt = self.prompts.prompt(seed)
        return filled(self.text, names_of(request.record), prompt)

    def make(self, plans: Sequence[str], *inputs: Sequence[Any]) -> list[Caption]:
        """The text as a caption."""
        return [Caption(text, NOTHING_ASKED) for text in plans]


class Backgrounds(Step[Image]):
    """Step 3a: the background in pixels, (height, width, 3) RGB.

    Args:
        painter: The painter.
        captions: The backgrounds in words.
        max_side: Longer side of the images in pixels; None for their own.
        bank: How many backgrounds are painted, each for many augmentations; None paints one for each (the paper).
        square: Whether they have the shape of a bank's backgrounds, rather than that of the photo.
        attempt: How many attempts come before this one.
        lenders: The step whose subjects a painter that borrows is told of; None for those that the gates accept.
    """

    name = "backgrounds"
    fills = "background"
    loads = False

    def __init__(
        self,
        painter: BackgroundGenerator,
        captions: Step[Caption],
        max_side: int | None,
        bank: BackgroundBank | None = None,
        square: bool = False,
        attempt: int = 0,
        lenders: Step[Any] | None = None,
    ) -> None:
        super().__init__(captions, parts=[painter])
        self.painter = painter
        self.max_side = max_side
        self.bank = bank
        self.square = square or bank is not None
        self.attempt = attempt
        self.lenders = lenders
        self._sizes: dict[Path, tuple[int, int]] = {}

    def guard(self, hashes: Sequence[int]) -> None:
        """Let a painter that guards leave out pictures that resemble an evaluation image."""
        if self.painter.guards:
            self.painter.guard(hashes)

    def prepare(self, training: SubjectSource) -> None:
        """Lend the training photos to a painter that borrows, and deal out the bank."""
        super().prepare(training)
        self.learned = {}
        if self.painter.borrows:
            if self.lenders is not None and isinstance(training, TrainingImages):
                self.painter.borrow(training.isolated_by(self.lenders))
            else:
                self.painter.borrow(training)
            self.learned = {"borrowed": training.digest()}
        if self.bank is not None:
            subjects = [pair for pair in zip(training.records, training.digests, strict=True) if pair[0].has_subject]
            self.bank.open([(record.class_name, digest) for record, digest in subjects])
            self.learned = {**self.learned, "bank": self.bank.learned()}

    def settings(self) -> object:
        """The photos that are borrowed. Which background of the bank a request gets is a matter of its plan."""
        return self.learned.get("borrowed")

    def plan(self, request: Request, digest: Digest) -> list[Any]:
        """Width, height, seed, and the photo that cannot be its own donor; another attempt has another seed."""
        seed = theme(request, digest, self.bank)
        seed = seed_from(seed, "background", self.attempt) if self.attempt else seed_from(seed, "background")
        # Which subjects will stand in front of a bank's background is not known.
        source = digest(request.record.path) if self.bank is None else ""
        return [*self.painter.canvas(self._size(request.record.path)), seed, source]

    def make(self, plans: Sequence[Any], *inputs: Sequence[Caption]) -> list[Image | Rejection]:
        """Paint."""
        scenes = [
            Scene(caption, (width, height), seed, source)
            for caption, (width, height, seed, source) in zip(inputs[0], plans, strict=True)
        ]
        try:
            return list(self.painter.paint(scenes))
        except NoDonorError as error:
            if len(plans) == 1:
                return [Rejection(str(error))]
            return [one for index in range(len(plans)) for one in self.make([plans[index]], [inputs[0][index]])]

    def encode(self, made: Image, plan: object, *inputs: Any) -> Finished:  # noqa: ANN401 as in `Step`
        """A JPEG file, and what was asked."""
        return {"painter": type(self.painter).__name__, "caption": inputs[0].text}, encode_jpeg(made)

    def decode(self, facts: Mapping[str, object], data: bytes | None, plan: object) -> Image:
        """The picture, as it is kept."""
        return decode_rgb(data or b"")

    def _size(self, path: Path) -> tuple[int, int]:
        if self.square:
            side = self.max_side or UNSHRUNK
            return side, side
        if path not in self._sizes:
            try:
                self._sizes[path] = working_size(path, self.max_side)
            except ImageReadError:  # whose photo is rejected, and which needs no background
                return 1, 1
        return self._sizes[path]


class Merge(Step[Draft]):
    """Step 3b: the subject is moved, and pasted on its background.

    Args:
        merging: How.
        photo: Where the subject comes from.
        subject: The subject.
        caption: The background in words.
        background: The background in pixels; it is cropped to the photo's shape.
    """

    def __init__(
        self,
        merging: Merging,
        photo: Step[Sample],
        subject: Step[Subject],
        caption: Step[Caption],
        background: Step[Image],
    ) -> None:
        super().__init__(photo, subject, caption, background, parts=[merging])
        self.merging = merging

    def plan(self, request: Request, digest: Digest) -> int:
        """The seed of the placement."""
        return seed_from(request.seed, digest(request.record.path), request.variant, "placement")

    def make(self, plans: Sequence[int], *inputs: Sequence[Any]) -> list[Draft | Rejection]:
        """Merge; a rejection where nothing of the subject can be seen, which the label would belie."""
        return [self._merged(seed, *values) for seed, *values in zip(plans, *inputs, strict=True)]

    def _merged(
        self, seed: int, sample: Sample, subject: Subject, caption: Caption, background: Image
    ) -> Draft | Rejection:
        placement = self.merging.draw(np.random.default_rng(seed))
        height, width = sample.image.shape[:2]
        behind = cover(background, (width, height))
        image, landed = self.merging.merge(sample.image, subject.mask, behind, placement, subject.alpha)
        if not landed.any():
            return Rejection("the subject became smaller than a pixel where it was put")
        return Draft(sample, subject, caption, background, image, landed)
