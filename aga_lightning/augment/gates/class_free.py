"""Reject backgrounds that show one of the classes: what CLIP sees in them is to be their words, not a subject."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aga_lightning.augment.base import Draft, Gate, SubjectSource
from aga_lightning.augment.clip import Clip


@dataclass(kw_only=True, eq=False)
class ClassFreeBackground(Clip, Gate):
    """Rejects backgrounds that CLIP finds more like a class than like their words (Beyond Generation, Ge et al. 2023).

    A background that shows a class without being asked is a wrong label for whatever is pasted on it. The authors'
    code ranks all pictures of a caption and keeps those that are least like any class, and of them those that are most
    like the caption; a gate sees one picture at a time, and so asks which of the two it is more like. The model and
    the text for a class are theirs.

    Args:
        text: What a picture of a class looks like; {class} stands for each class of the training images in turn.

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

    def objection(self, draft: Draft) -> str | None:
        """Which class the background looks like; None where it looks like its words."""
        return self.objections([draft])[0]

    def objections(self, drafts: Sequence[Draft]) -> list[str | None]:
        """The objections to several drafts, whose backgrounds are looked at in batches.

        Raises:
            RuntimeError: If `learn` was not called.
        """
        if not self._texts:
            raise RuntimeError("ClassFreeBackground needs to know the classes first: call `learn`")
        found: list[str | None] = [None] * len(drafts)
        pairs = [
            (index, draft.background, draft.caption.text)
            for index, draft in enumerate(drafts)
            if draft.background is not None and draft.caption is not None
        ]
        if not pairs:
            return found
        known = self.known_texts({*self._texts, *(words for _, _, words in pairs)})
        features = self.image_features([background for _, background, _ in pairs])
        for (index, _, words), feature in zip(pairs, features, strict=True):
            likeness = [float(feature @ known[text]) for text in self._texts]
            found[index] = self._complaint(likeness, words, float(feature @ known[words]))
        return found

    def _complaint(self, likeness: Sequence[float], words: str, own: float) -> str | None:
        if not np.isfinite([*likeness, own]).all():
            return f'the similarity of the background and "{words}" is not a number'
        nearest = int(np.argmax(likeness))
        if likeness[nearest] <= own:
            return None
        return (
            f'the background looks more like "{self._texts[nearest]}" ({likeness[nearest]:.3f}) than like its words '
            f'"{words}" ({own:.3f})'
        )
