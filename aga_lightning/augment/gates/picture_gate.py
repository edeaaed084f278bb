"""Gates that look at a picture, several drafts at a time: what they share."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Literal

from aga_lightning.augment.base import Draft, Gate
from aga_lightning.images.pixels import Image


class PictureGate(Gate):
    """A gate that looks at the background or the image of a draft, as its stage says; all drafts at once.

    Drafts without such a picture, or for which `applies` is false, are accepted.
    """

    stage: ClassVar[Literal["background", "image"]]

    def picture(self, draft: Draft) -> Image | None:
        """The picture that the gate looks at."""
        return draft.image if self.stage == "image" else draft.background

    def applies(self, draft: Draft) -> bool:
        """Whether the gate judges a draft."""
        return self.picture(draft) is not None

    @abstractmethod
    def judge(self, drafts: Sequence[Draft], pictures: Sequence[Image]) -> Sequence[str | None]:
        """The objection to each draft, None for those that may be used; every draft has a picture."""

    def objection(self, draft: Draft) -> str | None:
        """Reason why the draft must not be used; None if it may."""
        return self.objections([draft])[0]

    def objections(self, drafts: Sequence[Draft]) -> list[str | None]:
        """The objections to several drafts, whose pictures a model sees in batches."""
        found: list[str | None] = [None] * len(drafts)
        pictures = {index: self.picture(draft) for index, draft in enumerate(drafts) if self.applies(draft)}
        seen = {index: picture for index, picture in pictures.items() if picture is not None}
        if seen:
            judged = self.judge([drafts[index] for index in seen], list(seen.values()))
            for index, objection in zip(seen, judged, strict=True):
                found[index] = objection
        return found
