"""Reject images that look more like nothing in particular than like the subject: ALIA's semantic filter."""

from collections.abc import Sequence
from dataclasses import dataclass
from string import Formatter

import numpy as np

from aga_lightning.augment.base import Draft, Gate
from aga_lightning.augment.clip import Clip

_PLACEHOLDERS = ("class", "superclass", "caption")


@dataclass(kw_only=True, eq=False)
class ClipFilter(Clip, Gate):
    """Rejects images that CLIP finds more like a negative text than like any positive one (ALIA, Dunlap et al. 2023).

    In the texts, {class} and {superclass} stand for those of the source image and {caption} for what was painted; so
    "a photo of a {superclass}, {caption}" also asks whether the painter did as it was told.

    Args:
        positives: What an image should look like.
        negatives: What it looks like where something went wrong. Empty: only `min_similarity` counts.
        min_similarity: Smallest cosine of the image and the nearest positive text, -1..1; null for any. CLIP gives
            about 0.2 to 0.3 to a photo and its own description.

    Raises:
        ValueError: If there is nothing to compare with, a text has an unknown placeholder, or `min_similarity` is out
            of range.
    """

    stage = "image"

    positives: Sequence[str] = ("a photo of a {superclass}",)
    negatives: Sequence[str] = (
        "a photo of an object",
        "a photo of geometric shapes",
        "a photo",
        "an image",
        "a painting",
    )
    min_similarity: float | None = None

    def __post_init__(self) -> None:
        for text in (*self.positives, *self.negatives):
            _check_placeholders(text)
        if not self.positives:
            raise ValueError('positives is empty; say what an image should look like: ["a photo of a {superclass}"]')
        if not self.negatives and self.min_similarity is None:
            raise ValueError("negatives is empty and min_similarity is null, so nothing would be rejected; give one")
        if self.min_similarity is not None and not -1 <= self.min_similarity <= 1:
            raise ValueError(f"min_similarity is {self.min_similarity}; give a cosine in -1..1, or null")
        super().__post_init__()
        self.positives = tuple(self.positives)
        self.negatives = tuple(self.negatives)

    def objection(self, draft: Draft) -> str | None:
        """What the image looks like instead; None where it looks as it should."""
        return self.objections([draft])[0]

    def objections(self, drafts: Sequence[Draft]) -> list[str | None]:
        """The objections to several drafts, whose images are looked at in batches."""
        images = {index: draft.image for index, draft in enumerate(drafts) if draft.image is not None}
        found: list[str | None] = [None] * len(drafts)
        if not images:
            return found
        texts = {index: self._texts(drafts[index]) for index in images}
        known = self.known_texts({text for positives, negatives in texts.values() for text in positives + negatives})
        for index, features in zip(images, self.image_features(list(images.values())), strict=True):
            likeness = [{text: float(features @ known[text]) for text in side} for side in texts[index]]
            found[index] = self._complaint(*likeness)
        return found

    def _texts(self, draft: Draft) -> tuple[list[str], list[str]]:
        """The positive and the negative texts for a draft, in the order of the settings."""
        record = draft.sample.record
        words = {
            "class": record.class_name.replace("_", " "),
            "superclass": record.superclass.replace("_", " "),
            "caption": draft.caption.text if draft.caption is not None else "",
        }
        positives, negatives = ([text.format_map(words) for text in s] for s in (self.positives, self.negatives))
        return positives, negatives

    def _complaint(self, positives: dict[str, float], negatives: dict[str, float]) -> str | None:
        wanted = max(positives, key=positives.__getitem__)
        cosine = positives[wanted]
        if not np.isfinite([*positives.values(), *negatives.values()]).all():
            return f'the similarity of the image and "{wanted}" is not a number'
        other = max(negatives, key=negatives.__getitem__, default=None)
        if other is not None and negatives[other] > cosine:
            return f'the image looks more like "{other}" ({negatives[other]:.3f}) than like "{wanted}" ({cosine:.3f})'
        if self.min_similarity is not None and cosine < self.min_similarity:
            return f'the similarity of the image and "{wanted}" is {cosine:.3f}, less than {self.min_similarity:.3f}'
        return None


def _check_placeholders(text: str) -> None:
    try:
        unknown = {name for _, name, _, _ in Formatter().parse(text) if name is not None} - set(_PLACEHOLDERS)
    except ValueError as error:
        raise ValueError(f"the text {text!r} cannot be read ({error}); write a brace twice to mean itself") from error
    if unknown:
        known = ", ".join(f"{{{name}}}" for name in _PLACEHOLDERS)
        raise ValueError(f"the text {text!r} holds {{{sorted(unknown)[0]}}}; there are {known}")
