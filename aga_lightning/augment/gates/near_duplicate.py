"""Reject pictures that resemble an evaluation image, so that no evaluation image leaks into training."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from aga_lightning.augment.base import Draft
from aga_lightning.augment.gates.picture_gate import PictureGate
from aga_lightning.images.perceptual_hash import Hashes, as_hashes, distances, mirrored, perceptual_hash
from aga_lightning.images.pixels import Image


@dataclass(kw_only=True, eq=False)
class NearDuplicate(PictureGate):
    """Rejects finished images that nearly equal an evaluation image, or its mirror image.

    The 64-bit DCT hashes of whole pictures are compared, so that a crop, or a subject copied onto another background,
    goes unnoticed. To test a background before the subject covers it, use `CopiedBackground`.

    Args:
        max_distance: Pictures whose hashes differ in at most this many of 63 bits count as the same, 0..31. Unrelated
            pictures differ in about 31 bits; the same picture at another size or after JPEG in 0 to 4.

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
        """Take the hashes of all evaluation images, in place of earlier ones."""
        self._hashes = as_hashes(hashes)

    def judge(self, drafts: Sequence[Draft], pictures: Sequence[Image]) -> list[str | None]:
        """That a picture is too near to an evaluation image; None if it is not.

        Raises:
            RuntimeError: If `guard` was not called.
        """
        if self._hashes is None:
            raise RuntimeError(f"{type(self).__name__} needs the hashes of the evaluation images first: call `guard`")
        return [self._complaint(picture, self._hashes) for picture in pictures]

    def _complaint(self, picture: Image, hashes: Hashes) -> str | None:
        for seen, words in ((picture, "the picture"), (mirrored(picture), "the picture's mirror image")):
            near = int(distances(perceptual_hash(seen), hashes).min(initial=64))
            if near <= self.max_distance:
                return (
                    f"{words} resembles an evaluation image: their hashes differ in {near} of 63 bits, "
                    f"not in more than {self.max_distance}"
                )
        return None


class CopiedBackground(NearDuplicate):
    """Rejects backgrounds that nearly equal an evaluation image, or its mirror image: for painters of real photos.

    Raises:
        ValueError: If `max_distance` is out of range.
    """

    stage = "background"
