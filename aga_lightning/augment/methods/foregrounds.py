"""Foregrounds: a class painted on a plain background, in several candidates, of which CLIP chooses one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from aga_lightning.augment.augmenter import Finished, StageCache
from aga_lightning.augment.base import BackgroundGenerator, Caption, Prompt, Request, Scene
from aga_lightning.augment.clip import Clip
from aga_lightning.augment.engine.scenery import UNSHRUNK
from aga_lightning.augment.fingerprint import fingerprint
from aga_lightning.augment.methods.wording import filled
from aga_lightning.images.codec import decode_rgb, encode_jpeg
from aga_lightning.images.pixels import Image
from aga_lightning.images.records import ImageRecord
from aga_lightning.images.seeds import seed_from


@dataclass(frozen=True, slots=True)
class Foreground(ImageRecord):
    """A picture that is painted rather than read; it has the class of the record for which it is painted.

    Args:
        text: What is painted.
        seed: All that is random about it.
    """

    text: str = ""
    seed: int = 0


class PaintedForegrounds:
    """Painter and CLIP with what they have already painted and chosen.

    Args:
        painter: Paints them.
        texts: What is painted, with places for class and superclass; one of them for each foreground.
        per_class: How many foregrounds a class has, for all its images; null paints one for each augmentation.
        candidates: How many pictures are painted for each foreground.
        selector: Says which of several candidates looks most like its class.
        likeness: What a picture of the class looks like, for the selector.
        max_side: Side of the square that a painter without a size of its own paints; null for 1024.
    """

    def __init__(
        self,
        painter: BackgroundGenerator,
        texts: Sequence[str],
        per_class: int | None,
        candidates: int,
        selector: Clip | None,
        likeness: str,
        max_side: int | None,
    ) -> None:
        self.painter = painter
        self.texts = tuple(texts)
        self.per_class = per_class
        self.candidates = candidates
        self.selector = selector
        self.likeness = likeness
        side = max_side or UNSHRUNK
        self.size = painter.canvas((side, side))
        self._painter_key = fingerprint(painter)
        self._selector_key = fingerprint(selector)

    def of(self, request: Request, cache: StageCache) -> Foreground:
        """The foreground of a request; its class, its image's digest, its number and the seed decide which one."""
        record = request.record
        number = seed_from(request.seed, cache.digest(record.path), request.variant, "foreground")
        if self.per_class is not None:
            number %= self.per_class
        seed = seed_from(request.seed, "foreground", record.class_name, number)
        text = filled(self.texts[seed_from(seed, "text") % len(self.texts)], record)
        # No file holds it; the path says for which image it is painted.
        return Foreground(record.path, record.label, record.class_name, record.superclass, text=text, seed=seed)

    def keys(self, foreground: Foreground) -> list[str]:
        """Under which keys its candidates are kept."""
        seeds = (self._seed(foreground, number) for number in range(self.candidates))
        return [fingerprint("foreground", self._painter_key, foreground.text, self.size, seed) for seed in seeds]

    def key(self, foreground: Foreground) -> str:
        """A key of the candidate that is chosen, whichever it is; with several, the choice is kept under it."""
        keys = self.keys(foreground)
        if self.candidates == 1:
            return keys[0]
        return fingerprint("choice", self._selector_key, self._likeness(foreground), keys)

    def paint(self, wanted: Sequence[tuple[Foreground, int]], cache: StageCache) -> list[Image]:
        """Candidates of some numbers, as they are kept."""
        keys = [self.keys(foreground)[number] for foreground, number in wanted]

        def make(missing: list[int]) -> list[Finished]:
            chosen = [wanted[index] for index in missing]
            scenes = [
                Scene(Caption(foreground.text, _NOTHING_ASKED), self.size, self._seed(foreground, number))
                for foreground, number in chosen
            ]
            pictures = self.painter.paint(scenes)
            maker = type(self.painter).__name__
            return [
                ({"maker": maker, "text": foreground.text}, encode_jpeg(picture))
                for (foreground, _), picture in zip(chosen, pictures, strict=True)
            ]

        return [decode_rgb(data or b"") for _, data in cache.recall("pictures", keys, make)]

    def all_of(self, foreground: Foreground, cache: StageCache) -> list[Image]:
        """Its candidates."""
        return self.paint([(foreground, number) for number in range(self.candidates)], cache)

    def choose(
        self,
        foregrounds: Sequence[Foreground],
        cache: StageCache,
        pictures: Sequence[Sequence[Image]] | None = None,
    ) -> list[int]:
        """Which candidate of each is most like its class by CLIP; the first, where there is but one.

        Args:
            foregrounds: What to choose for.
            cache: Where candidates and choices are kept.
            pictures: The candidates of each, for those who have them at hand.
        """
        selector = self.selector
        if self.candidates == 1 or selector is None:
            return [0] * len(foregrounds)

        def make(missing: list[int]) -> list[Finished]:
            chosen = [foregrounds[index] for index in missing]
            painted = [pictures[i] if pictures else self.all_of(foregrounds[i], cache) for i in missing]
            images = [image for candidates in painted for image in candidates]
            texts = [self._likeness(foreground) for foreground in chosen]
            known = selector.known_texts(texts)
            features = selector.image_features(images).reshape(len(chosen), self.candidates, -1)
            # Both are NaN where the model fails; such a picture is the last to be chosen.
            scores = [np.nan_to_num(rows @ known[text], nan=-1.0) for rows, text in zip(features, texts, strict=True)]
            return [
                ({"chosen": int(row.argmax()), "scores": [round(float(score), 6) for score in row]}, None)
                for row in scores
            ]

        found = cache.recall("verdicts", [self.key(foreground) for foreground in foregrounds], make)
        return [cast("int", facts["chosen"]) for facts, _ in found]

    def picture(self, foreground: Foreground, cache: StageCache) -> Image:
        """The chosen candidate."""
        return self.paint([(foreground, self.choose([foreground], cache)[0])], cache)[0]

    def is_kept(self, foreground: Foreground, cache: StageCache) -> bool:
        """Whether it has been painted and chosen."""
        if self.candidates > 1 and cache.facts("verdicts", self.key(foreground)) is None:
            return False
        number = self.choose([foreground], cache)[0]
        return cache.facts("pictures", self.keys(foreground)[number]) is not None

    def score(self, foreground: Foreground, cache: StageCache) -> float | None:
        """How much the chosen candidate is like its class (a cosine); None where there was no choice."""
        facts = cache.facts("verdicts", self.key(foreground)) if self.candidates > 1 else None
        if facts is None:
            return None
        return cast("list[float]", facts["scores"])[cast("int", facts["chosen"])]

    def _likeness(self, foreground: Foreground) -> str:
        return filled(self.likeness, foreground)

    def _seed(self, foreground: Foreground, number: int) -> int:
        return seed_from(foreground.seed, "candidate", number)


_NOTHING_ASKED = Prompt("", "", "")
