"""A painted picture in place of a photo: what is painted for a request, and the choice among several candidates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, cast

import numpy as np

from aga_lightning.augment.augmenter import Finished
from aga_lightning.augment.base import BackgroundGenerator, Caption, Request, Scene
from aga_lightning.augment.clip import Clip
from aga_lightning.augment.compositing import cover
from aga_lightning.augment.engine.runner import Runner
from aga_lightning.augment.engine.scenery import UNSHRUNK
from aga_lightning.augment.engine.step import Digest, Gathered, Rejection, Step
from aga_lightning.augment.fingerprint import fingerprint
from aga_lightning.augment.texts import NOTHING_ASKED, filled, names_of
from aga_lightning.images.codec import decode_rgb, encode_jpeg
from aga_lightning.images.pixels import Image
from aga_lightning.images.records import ImageRecord
from aga_lightning.images.samples import Sample
from aga_lightning.images.seeds import seed_from


@dataclass(frozen=True, slots=True)
class Foreground(ImageRecord):
    """A picture that is painted rather than read; it has the class of the record for which it is painted.

    Args:
        text: What is painted.
        seed: All that is random about it.
        likeness: How much it is like its class by CLIP (a cosine); None where there was no choice.
    """

    text: str = ""
    seed: int = 0
    likeness: float | None = None


@dataclass(frozen=True, slots=True)
class Candidate(Request):
    """A request for one of the candidates for its foreground."""

    number: int = 0


@dataclass(kw_only=True, eq=False)
class ForegroundRecords:
    """Which foreground each request gets.

    Args:
        painter: Paints them.
        texts: What is painted, with places for class and superclass; one of them for each foreground.
        per_class: How many foregrounds a class has, for all its images; None paints one for each augmentation.
        candidates: How many pictures are painted for each foreground.
        selector: Says which of several candidates looks most like its class.
        likeness: What a picture of the class looks like, for the selector.
        max_side: Side of the square that a painter without a size of its own paints; None for 1024.
    """

    painter: BackgroundGenerator
    texts: Sequence[str]
    per_class: int | None
    candidates: int
    selector: Clip | None
    likeness: str
    max_side: int | None

    def __post_init__(self) -> None:
        side = self.max_side or UNSHRUNK
        self.size = self.painter.canvas((side, side))
        self._painter_key = fingerprint(self.painter)
        self._selector_key = fingerprint(self.selector)

    def of(self, request: Request, digest: Digest) -> Foreground:
        """The foreground of a request; its class, its image's digest, its number and the seed decide which one."""
        record = request.record
        number = seed_from(request.seed, digest(record.path), request.variant, "foreground")
        if self.per_class is not None:
            number %= self.per_class
        seed = seed_from(request.seed, "foreground", record.class_name, number)
        text = filled(self.texts[seed_from(seed, "text") % len(self.texts)], names_of(record))
        # No file holds it; the path says for which image it is painted.
        return Foreground(record.path, record.label, record.class_name, record.superclass, text=text, seed=seed)

    def digest(self, foreground: Foreground) -> str:
        """What tells its picture from others, before it is painted; it stands for the digest of a file."""
        seeds = [seed_from(foreground.seed, "candidate", number) for number in range(self.candidates)]
        keys = [fingerprint("foreground", self._painter_key, foreground.text, self.size, seed) for seed in seeds]
        if self.candidates == 1:
            return keys[0]
        return fingerprint("choice", self._selector_key, filled(self.likeness, names_of(foreground)), keys)


class Foregrounds(Step[Image]):
    """A candidate for a foreground, in pixels.

    Args:
        records: Which foreground each request gets.
    """

    name = "pictures"
    loads = False

    def __init__(self, records: ForegroundRecords) -> None:
        super().__init__(parts=[records.painter])
        self.records = records

    def plan(self, request: Request, digest: Digest) -> list[Any]:
        """Text, size and seed."""
        foreground = self.records.of(request, digest)
        number = request.number if isinstance(request, Candidate) else 0
        return [foreground.text, *self.records.size, seed_from(foreground.seed, "candidate", number)]

    def make(self, plans: Sequence[Any], *inputs: Sequence[Any]) -> list[Image]:
        """Paint."""
        return self.records.painter.paint(
            [Scene(Caption(text, NOTHING_ASKED), (width, height), seed) for text, width, height, seed in plans]
        )

    def encode(self, made: Image, plan: Any, *inputs: object) -> Finished:  # noqa: ANN401 as in `Step`
        """A JPEG file, and what was asked."""
        return {"maker": type(self.records.painter).__name__, "text": plan[0]}, encode_jpeg(made)

    def decode(self, facts: Mapping[str, object], data: bytes | None, plan: object) -> Image:
        """The picture, as it is kept."""
        return decode_rgb(data or b"")


class Candidates(Gathered):
    """All candidates for a request's foreground.

    Args:
        foregrounds: Paints one.
        records: Which foreground each request gets.
    """

    def __init__(self, foregrounds: Foregrounds, records: ForegroundRecords) -> None:
        super().__init__(foregrounds)
        self.records = records

    def requests(self, request: Request, digest: Digest) -> list[Request]:
        """One for each candidate."""
        numbers = range(self.records.candidates)
        return [Candidate(request.record, request.variant, request.seed, number) for number in numbers]


class Chosen(NamedTuple):
    """Which candidate is most like its class, and how much (a cosine)."""

    number: int
    likeness: float


class Selection(Step[Chosen]):
    """CLIP's choice among the candidates.

    Args:
        selector: CLIP.
        candidates: The candidates.
        records: Which foreground each request gets.
    """

    name = "choices"

    def __init__(self, selector: Clip, candidates: Candidates, records: ForegroundRecords) -> None:
        super().__init__(candidates, parts=[selector])
        self.selector = selector
        self.records = records

    def plan(self, request: Request, digest: Digest) -> str:
        """What a picture of the class looks like."""
        return filled(self.records.likeness, names_of(request.record))

    def make(self, plans: Sequence[str], *inputs: Sequence[Any]) -> list[Chosen]:
        """Look at all, and take the most alike."""
        candidates = inputs[0]
        known = self.selector.known_texts(list(plans))
        features = self.selector.image_features([image for images in candidates for image in images])
        features = features.reshape(len(plans), self.records.candidates, -1)
        # Both are NaN where the model fails; such a picture is the last to be chosen.
        scores = [np.nan_to_num(rows @ known[text], nan=-1.0) for rows, text in zip(features, plans, strict=True)]
        return [Chosen(int(row.argmax()), round(float(row.max()), 6)) for row in scores]

    def encode(self, made: Chosen, plan: str, *inputs: object) -> Finished:
        """The choice."""
        return {"chosen": made.number, "likeness": made.likeness}, None

    def decode(self, facts: Mapping[str, object], data: bytes | None, plan: str) -> Chosen:
        """The choice."""
        return Chosen(cast("int", facts["chosen"]), cast("float", facts["likeness"]))


class PaintedPhoto(Step[Sample]):
    """The chosen foreground at the working size, in place of a photo.

    Args:
        records: Which foreground each request gets.
        candidates: The candidates for it.
        selection: The choice among them; None where there is one candidate.
    """

    fills = "sample"

    def __init__(self, records: ForegroundRecords, candidates: Candidates, selection: Selection | None) -> None:
        super().__init__(*([] if selection is None else [selection]), candidates)
        self.records = records

    def plan(self, request: Request, digest: Digest) -> list[Any]:
        """The size, and what a detector is asked for."""
        return [self.records.max_side, request.record.superclass]

    def make(self, plans: Sequence[Any], *inputs: Sequence[Any]) -> list[Sample]:
        """Nothing: a sample tells for which image it is painted, which is in no plan."""
        raise NotImplementedError

    def value(self, request: Request, runner: Runner) -> Sample | Rejection:
        """The foreground; painted and chosen now where it is not yet."""
        inputs = self.gathered(request, runner)
        return inputs if isinstance(inputs, Rejection) else self._sample(request, runner, *inputs)

    def peek(self, request: Request, runner: Runner) -> Sample | None:
        """The foreground, if it has been painted and chosen."""
        inputs = [step.peek(request, runner) for step in self.inputs]
        return None if any(value is None for value in inputs) else self._sample(request, runner, *inputs)

    def _sample(self, request: Request, runner: Runner, *inputs: Any) -> Sample:  # noqa: ANN401 as `gathered`
        *chosen, images = inputs
        number, likeness = chosen[0] if chosen else (0, None)
        foreground = self.records.of(request, runner.digest)
        height, width = images[number].shape[:2]
        limit = self.records.max_side
        scale = 1.0 if limit is None else min(1.0, limit / max(height, width))
        picture = cover(images[number], (max(1, round(width * scale)), max(1, round(height * scale))))
        return Sample(picture, replace(foreground, likeness=likeness), self.records.digest(foreground))
