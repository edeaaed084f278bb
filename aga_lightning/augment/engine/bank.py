"""A bank of backgrounds: fewer backgrounds than augmentations, dealt out so that they do not tell the class."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from math import ceil, gcd

from aga_lightning.augment.base import Part
from aga_lightning.augment.fingerprint import fingerprint


@dataclass(kw_only=True, eq=False)
class BackgroundBank(Part):
    """A fixed number of backgrounds, each used behind many subjects; painting is most of the cost of AGA.

    Backgrounds are dealt to the augmentations like cards, class by class, so that each class gets each background
    equally often, but for one. Where every class has at least as many augmentations as the bank has backgrounds, a
    background then tells nothing about the class; with fewer, a background is seen with some of the classes only.

    Args:
        size: Backgrounds in the bank.
        max_reuse: How often a background is used at most; when a bank is used up, a new one of the same size is begun.
            Null uses one bank for all augmentations.

    Raises:
        ValueError: If `size` or `max_reuse` is below 1.
    """

    size: int
    max_reuse: int | None = None

    def __post_init__(self) -> None:
        if self.size < 1 or (self.max_reuse is not None and self.max_reuse < 1):
            raise ValueError("a bank has a size and a max_reuse of at least 1")
        self._places: dict[tuple[str, str], tuple[int, int, int]] = {}
        self._images = 0

    def open(self, images: Sequence[tuple[str, str]]) -> None:
        """Learn for which training images the backgrounds are.

        Args:
            images: Class and digest of each.

        Raises:
            ValueError: If not even one augmentation of each image can be served.
        """
        unique = sorted(set(images))  # by digests, which are as good as shuffled
        if self.max_reuse is not None and len(unique) > self.size * self.max_reuse:
            raise ValueError(
                f"a bank of {self.size} backgrounds that are used {self.max_reuse} times at most cannot serve "
                f"{len(unique)} training images: set size to {ceil(len(unique) / self.max_reuse)} or more"
            )
        self._images = len(unique)
        members: dict[str, list[str]] = {}
        for name, digest in unique:
            members.setdefault(name, []).append(digest)
        self._places, before = {}, 0
        for name, digests in members.items():
            self._places |= {(name, digest): (before, len(digests), i) for i, digest in enumerate(digests)}
            before += len(digests)

    def learned(self) -> str:
        """A digest of the training images, since a further one moves the cards of the others."""
        return fingerprint(sorted(self._places))

    def background(self, class_name: str, digest: str, variant: int) -> int:
        """Which background stands behind augmentation number `variant` of an image.

        Args:
            class_name: The image's class.
            digest: Of its bytes.
            variant: Number of the augmentation; what a variant gets does not depend on how many there are.

        Returns:
            The background's number, from 0.
        """
        before, members, place = self._places[class_name, digest]
        # Without a limit one deal goes on for ever; with one, as many variants share a deal as the limit allows.
        rounds = 1 if self.max_reuse is None else self.size * self.max_reuse // self._images
        deal, turn = (0, variant) if self.max_reuse is None else divmod(variant, rounds)
        # A class whose size divides the bank's would give all variants of an image the same background.
        step = next(step for step in count() if gcd(members + step, self.size) == 1)
        card = before * rounds + turn * members + (place + turn * step) % members
        return deal * self.size + card % self.size
