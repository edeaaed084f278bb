"""Gates without weights; each gives its reason in words and numbers."""

from dataclasses import dataclass
from types import MappingProxyType

import cv2
import numpy as np

from aga_lightning.augment.base import Draft, Gate
from aga_lightning.augment.painters.contrast import BLANK, contrast
from aga_lightning.augment.prompts import mentions
from aga_lightning.augment.saliency import BY_SALIENCY, saliency
from aga_lightning.images.boxes import components, mask_overlap
from aga_lightning.images.pixels import Mask


@dataclass(kw_only=True, eq=False)
class MaskSanity(Gate):
    """Rejects subjects that are too small, too large, cut off by the border, in pieces or doubtful.

    Args:
        min_area: Smallest share of the picture that a subject may cover.
        max_area: Largest share of the picture that a subject may cover.
        max_border: Largest share of the picture's border that a subject may touch.
        max_parts: Largest number of separate parts; specks under 1% of the subject do not count.
        min_score: Smallest score of the subject.
        allow_spanning: Accept subjects that touch opposite sides of the picture; most are bands of landscape.
    """

    stage = "subject"
    decided_by = MappingProxyType(
        {
            "the subject covers less": "min_area",
            "the subject covers more": "max_area",
            "the subject touches": "max_border",
            "edge of the picture": "allow_spanning",
            "the subject is in": "max_parts",
            "the subject's score": "min_score",
        }
    )

    min_area: float = 0.02
    max_area: float = 0.65
    max_border: float = 0.15
    max_parts: int = 3
    min_score: float = 0.2
    allow_spanning: bool = False

    def objection(self, draft: Draft) -> str | None:
        """The fault of the subject's mask; None if it may be used."""
        if draft.subject is None or not draft.subject.mask.any():
            return "no subject was found"
        mask, score = draft.subject.mask, draft.subject.score
        area = float(mask.mean())
        left, top, right, bottom = _contacts(mask)
        border = float(np.concatenate([left, top, right, bottom]).mean())
        areas = components(mask)[1]
        parts = sum(part >= 0.01 * sum(areas) for part in areas)
        if area < self.min_area:
            return f"the subject covers {area:.1%} of the picture, less than {self.min_area:.1%}"
        if area > self.max_area:
            return f"the subject covers {area:.1%} of the picture, more than {self.max_area:.1%}"
        if border > self.max_border:
            return f"the subject touches {border:.1%} of the picture's border, more than {self.max_border:.1%}"
        across, down = left.any() and right.any(), top.any() and bottom.any()
        if (across or down) and not self.allow_spanning:
            sides = "from the left to the right" if across else "from the top to the bottom"
            return f"the subject reaches {sides} edge of the picture"
        if parts > self.max_parts:
            return f"the subject is in {parts} parts, more than {self.max_parts}"
        if score < self.min_score:
            return f"the subject's score is {score:.2f}, less than {self.min_score:.2f}"
        return None


def _contacts(mask: Mask) -> tuple[Mask, Mask, Mask, Mask]:
    """Where a mask comes within 1% of the left, top, right and bottom edge; masks often end just short of an edge."""
    height, width = mask.shape
    x, y = max(1, round(0.01 * width)), max(1, round(0.01 * height))
    left, top, right, bottom = (
        np.max(strip, axis) for strip, axis in ((mask[:, :x], 1), (mask[:y], 0), (mask[:, -x:], 1), (mask[-y:], 0))
    )
    return left, top, right, bottom


@dataclass(kw_only=True, eq=False)
class SaliencyAgreement(Gate):
    """Rejects subjects that differ from the region that stands out from the picture's border (Zhu et al. 2014).

    For photos without boxes: a detector without weights does not know what it looks for, and two methods that agree are
    more often right than one. Leave this gate out if boxes are given: a subject need not be salient.

    Args:
        min_overlap: Smallest intersection over union of the mask and the salient region.
        guesses_only: Judge only the subjects that BestMask found by saliency, for want of a mask, a box and a network.
    """

    stage = "subject"
    decided_by = MappingProxyType({"the subject and the salient region overlap": "min_overlap"})

    min_overlap: float = 0.6
    guesses_only: bool = False

    def objection(self, draft: Draft) -> str | None:
        """That mask and salient region differ; None if they agree."""
        if draft.subject is None:
            return "no subject was found"
        if self.guesses_only and draft.subject.by != BY_SALIENCY:
            return None
        levels = np.round(saliency(draft.sample.image) * 255).astype(np.uint8)
        _, salient = cv2.threshold(levels, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
        overlap = mask_overlap(draft.subject.mask, salient > 0)
        if overlap < self.min_overlap:
            return f"the subject and the salient region overlap by {overlap:.2f}, less than {self.min_overlap:.2f}"
        return None


def subject_gates() -> list[Gate]:
    """The gates of subjects where a method's settings name none."""
    return [MaskSanity(), SaliencyAgreement(guesses_only=True)]


class AvoidedWords(Gate):
    """Rejects captions that contain a word to avoid (section 4.2 of the paper)."""

    stage = "caption"

    def objection(self, draft: Draft) -> str | None:
        """The word that the caption should have avoided; None if there is none."""
        if draft.caption is None:
            return None
        word = mentions(draft.caption.text, draft.caption.prompt.avoid)
        return None if word is None else f'the caption has a word to avoid: "{word}" in {draft.caption.text!r}'


@dataclass(kw_only=True, eq=False)
class BlankBackground(Gate):
    """Rejects backgrounds that are nearly one colour, such as the black image of a tripped safety checker.

    Not for painters that are meant to paint one colour (FlatColour).

    Args:
        min_contrast: Smallest standard deviation of the pixels about the mean colour, in levels of 0..255.
    """

    stage = "background"
    decided_by = MappingProxyType({"the background is nearly blank": "min_contrast"})

    min_contrast: float = BLANK

    def objection(self, draft: Draft) -> str | None:
        """That the background is blank; None if it is not."""
        if draft.background is None:
            return None
        found = contrast(draft.background)
        if found < self.min_contrast:
            return f"the background is nearly blank: contrast {found:.1f}, less than {self.min_contrast:.1f}"
        return None
