"""Which photos enter which background set, and which photo's background is put behind which subject."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aga_lightning.images.records import Box, ImageRecord
from aga_lightning.images.seeds import seed_from

BOXED = ("only_bg_b", "only_bg_t")
MIXED = ("mixed_same", "mixed_rand", "mixed_next")
WITHOUT_SUBJECT = ("no_fg", *BOXED)
SETS = ("only_fg", *WITHOUT_SUBJECT, *MIXED)
"""The seven sets that Xiao et al. (2020) make of their test set."""

MAX_BOX = 0.9
"""Largest share of an image that its subject's box may cover if its background is to be used (their appendix A)."""


@dataclass(frozen=True, slots=True)
class Source:
    """A test photo and the facts about its mask.

    Args:
        record: The photo.
        digest: Digest of the image file's bytes.
        key: Digest of everything that decides the pictures made from it.
        subject: The share of the image that the mask covers, 0..1.
        boxed: The share that the box around the subject covers, 0..1.
        box: The record's own box at the working size.
    """

    record: ImageRecord
    digest: str
    key: str
    subject: float
    boxed: float
    box: Box | None


class Backgrounds:
    """The photos whose backgrounds are put behind the subjects of other photos.

    Args:
        sources: All photos, in any order.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self._of_class: dict[int, list[Source]] = {}
        for source in sorted(sources, key=lambda source: (source.record.label, source.key)):
            if source.subject > 0 and source.boxed <= MAX_BOX:
                self._of_class.setdefault(source.record.label, []).append(source)

    def any_for(self, source: Source, label: int) -> bool:
        """Whether a class has a photo with a usable background, other than the subject's own."""
        return any(photo.digest != source.digest for photo in self._of_class.get(label, ()))

    def draw(self, name: str, source: Source) -> Source | None:
        """The photo whose background a subject gets, independent of all other draws; None if there is none.

        Args:
            name: The mixed set.
            source: The photo of the subject.
        """
        label = source.record.label
        labels = [other for other in self._of_class if self.any_for(source, other)]
        rng = np.random.default_rng(seed_from("background sets", name, source.key))
        if name == "mixed_same":
            labels = [label] if label in labels else []
        elif name == "mixed_rand":
            # The class first, and then one of its photos; equal to the published draw if classes have equal sizes.
            labels = [labels[rng.integers(len(labels))]] if labels else []
        else:
            later = [other for other in labels if other > label]
            labels = later or [other for other in labels if other < label]
        if not labels:
            return None
        photos = [photo for photo in self._of_class[labels[0]] if photo.digest != source.digest]
        return photos[rng.integers(len(photos))]


def objection(name: str, source: Source, backgrounds: Backgrounds) -> str | None:
    """Reason why a photo cannot enter a set; None if it can.

    Args:
        name: The set.
        source: The photo.
        backgrounds: The photos that may give it a background.
    """
    if source.subject == 0:
        return "the mask is empty"
    if source.subject == 1:
        return "the mask covers the whole image"
    if name in BOXED and source.boxed > MAX_BOX:
        return f"the box around the subject covers more than {MAX_BOX:.0%} of the image"
    if name in MIXED and not backgrounds.any_for(source, source.record.label):
        # The same rule for all mixed sets, so that they hold the same subjects and the BG-gap compares like with like.
        return "no other photo of the class can give its background"
    if name == "mixed_next" and backgrounds.draw(name, source) is None:
        return "no photo of another class can give its background"
    return None
