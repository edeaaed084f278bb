"""Reject images that look more like a generic picture than like the subject: ALIA's semantic filter."""

from collections.abc import Sequence
from dataclasses import dataclass
from string import Formatter

import numpy as np

from aga_lightning.augment.base import Draft
from aga_lightning.augment.clip import Clip
from aga_lightning.augment.gates.picture_gate import PictureGate
from aga_lightning.images.pixels import Image

_PLACEHOLDERS = ("class", "superclass", "caption")


@dataclass(kw_only=True, eq=False)
class ClipFilter(Clip, PictureGate):
    """Rejects images that CLIP finds more like a negative text than like any positive one (ALIA, Dunlap et al. 2023).

    In the texts, {class} and {superclass} stand for the class and superclass of the source image and {caption} for the
    caption of the background; so "a photo of a {superclass}, {caption}" also tests whether the painter followed it.

    Args:
        positives: Descriptions of good images.
        negatives: Descriptions of failed images. If empty, only `min_similarity` counts.
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

    def judge(self, drafts: Sequence[Draft], pictures: Sequence[Image]) -> list[str | None]:
        """The text that each image looks like instead; None if it looks as it should."""
        texts = [self._texts(draft) for draft in drafts]
        known = self.known_texts({text for positives, negatives in texts for text in positives + negatives})
        found = []
        for sides, feature in zip(texts, self.image_features(pictures), strict=True):
            positives, negatives = ({text: float(feature @ known[text]) for text in side} for side in sides)
            found.append(self._complaint(positives, negatives))
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
            return f'the similarity of the image and its text is not a number: "{wanted}"'
        other = max(negatives, key=negatives.__getitem__, default=None)
        if other is not None and negatives[other] > cosine:
            return (
                f'the image looks more like a negative text than like a positive one: "{other}" '
                f'({negatives[other]:.3f}), "{wanted}" ({cosine:.3f})'
            )
        if self.min_similarity is not None and cosine < self.min_similarity:
            return f'the image is unlike its text: "{wanted}" ({cosine:.3f}), less than {self.min_similarity:.3f}'
        return None


def _check_placeholders(text: str) -> None:
    try:
        unknown = {name for _, name, _, _ in Formatter().parse(text) if name is not None} - set(_PLACEHOLDERS)
    except ValueError as error:
        raise ValueError(
            f"the text {text!r} cannot be read ({error}); write a brace twice for a plain brace"
        ) from error
    if unknown:
        known = ", ".join(f"{{{name}}}" for name in _PLACEHOLDERS)
        raise ValueError(f"the text {text!r} holds {{{sorted(unknown)[0]}}}; there are {known}")
