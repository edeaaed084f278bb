"""Reject what resembles an evaluation image, so that nothing of the evaluation leaks into training."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from aga_lightning.augment.base import Draft, Gate
from aga_lightning.images.perceptual_hash import Hashes, as_hashes, distances, mirrored, perceptual_hash
from aga_lightning.images.pixels import Image


@dataclass(kw_only=True, eq=False)
class NearDuplicate(Gate):
    """Rejects finished images that nearly equal an evaluation image, or its mirror image.

    The 64-bit DCT hashes of whole pictures are compared, so a subject that alone equals one of the evaluation goes
    unnoticed, and so does a crop. A background is best looked at before the subject covers it: `CopiedBackground`.

    Args:
        max_distance: Pictures whose hashes differ in at most this many of 63 bits are taken for the same, 0..31.
            Pictures that have nothing in common differ in about 31; the same picture at another size or after JPEG
            in 0 to 4.

    Raises:
        ValueError: If `max_distance` is out of range.
    """

    stage: ClassVar[Literal["background", "image"]] = "image"
    guards = True

    max_distance: int = 6

    def __post_init__(self) -> None:
        if not 0 <= self.max_distance <= 31:
            raise ValueError(
                f"max_distance is {self.max_distance}; give bits in 0..31, fewer of which accept more pictures"
            )
        self._hashes: Hashes | None = None

    def guard(self, hashes: Sequence[int]) -> None:
        """Take the hashes of all evaluation images, in place of any taken before."""
        self._hashes = as_hashes(hashes)

    def objection(self, draft: Draft) -> str | None:
        """That the picture is too near to an evaluation image; None where it is not.

        Raises:
            RuntimeError: If `guard` was not called.
        """
        image = self.picture(draft)
        if image is None:
            return None
        if self._hashes is None:
            raise RuntimeError(f"{type(self).__name__} needs the hashes of the evaluation images first: call `guard`")
        for seen, words in ((image, "the picture"), (mirrored(image), "the picture's mirror image")):
            near = int(distances(perceptual_hash(seen), self._hashes).min(initial=64))
            if near <= self.max_distance:
                return (
                    f"{words} resembles an evaluation image: their hashes differ in {near} of 63 bits, "
                    f"not in more than {self.max_distance}"
                )
        return None

    def picture(self, draft: Draft) -> Image | None:
        """What is compared."""
        return draft.image


class CopiedBackground(NearDuplicate):
    """Rejects backgrounds that nearly equal an evaluation image, or its mirror image: for painters of real photos.

    Raises:
        ValueError: If `max_distance` is out of range.
    """

    stage = "background"

    def picture(self, draft: Draft) -> Image | None:
        """What is compared."""
        return draft.background
