"""Reject backgrounds that show one of the classes: CLIP has to find them more like their caption than like a class."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aga_lightning.augment.base import Draft, SubjectSource
from aga_lightning.augment.clip import Clip
from aga_lightning.augment.gates.picture_gate import PictureGate
from aga_lightning.images.pixels import Image


@dataclass(kw_only=True, eq=False)
class ClassFreeBackground(Clip, PictureGate):
    """Rejects backgrounds that CLIP finds more like a class than their caption (Beyond Generation, Ge et al. 2023).

    A background that shows a class by accident makes the label of the pasted subject wrong. The authors' code ranks all
    pictures of a caption, keeps the pictures that are least like any class, and of these the ones that are most like
    the caption; a gate sees one picture at a time, and so asks which of the two it is more like. The model and the text
    for a class are the authors'.

    Args:
        text: Description of a picture of a class; {class} stands for each class of the training images in turn.

    Raises:
        ValueError: If {class} is not in the text.
    """

    stage = "background"
    learns = True
    opens = False

    text: str = "a photo of {class}"

    def __post_init__(self) -> None:
        if "{class}" not in self.text:
            raise ValueError(f"the text {self.text!r} is the same for all classes: put {{class}} in it")
        super().__post_init__()
        self._texts: tuple[str, ...] = ()

    def learn(self, training: SubjectSource) -> None:
        """Learn the names of the classes that have a subject; no image is opened."""
        names = sorted({record.class_name for record in training.records if record.has_subject})
        self._texts = tuple(self.text.replace("{class}", name.replace("_", " ")) for name in names)

    def applies(self, draft: Draft) -> bool:
        """Only to backgrounds with a caption."""
        return super().applies(draft) and draft.caption is not None

    def judge(self, drafts: Sequence[Draft], pictures: Sequence[Image]) -> list[str | None]:
        """The class that each background looks like; None if it looks like its caption.

        Raises:
            RuntimeError: If `learn` was not called.
        """
        if not self._texts:
            raise RuntimeError("ClassFreeBackground needs to know the classes first: call `learn`")
        captions = [draft.caption.text for draft in drafts if draft.caption is not None]
        known = self.known_texts({*self._texts, *captions})
        return [
            self._complaint(
                [float(feature @ known[text]) for text in self._texts], words, float(feature @ known[words])
            )
            for words, feature in zip(captions, self.image_features(pictures), strict=True)
        ]

    def _complaint(self, likeness: Sequence[float], words: str, own: float) -> str | None:
        if not np.isfinite([*likeness, own]).all():
            return f'the similarity of the background and its words is not a number: "{words}"'
        nearest = int(np.argmax(likeness))
        if likeness[nearest] <= own:
            return None
        return (
            f'the background looks more like a class than like its words: "{self._texts[nearest]}" '
            f'({likeness[nearest]:.3f}), "{words}" ({own:.3f})'
        )
