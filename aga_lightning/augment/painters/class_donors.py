"""Real backgrounds that are chosen by class, to keep or to break the link of background and label."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from aga_lightning.augment.base import Scene, SubjectSource
from aga_lightning.augment.painters.donors import DonorPhotos, NoDonorError, hole_around
from aga_lightning.images.pixels import Image, Mask

Classes = Literal["all", "same", "other"]


@dataclass(kw_only=True, eq=False)
class ClassDonors(DonorPhotos):
    """Borrows the background of a training photo of any class, of the subject's class or of another class.

    Otherwise as `DonorPhotos`. If no other photo of the class is usable, `same` falls back on the subject's own photo,
    with its subject painted over, which keeps the link of background and label too.

    Args:
        classes: The classes of the donors: all, same or other. An empty frame of a camera trap is of another class.

    Raises:
        ValueError: If `classes` is none of these, or `min_crop` or `max_hole` is out of range.
    """

    classes: Classes = "all"
    max_hole: float = 0.8
    min_crop: float = 1.0

    def __post_init__(self) -> None:
        if self.classes not in get_args(Classes):
            raise ValueError(f"classes must be one of {', '.join(get_args(Classes))}, not {self.classes!r}")
        super().__post_init__()
        self._labels: dict[str, frozenset[int]] = {}
        self._donors: dict[frozenset[int], list[int]] = {}

    def borrow(self, training: SubjectSource) -> None:
        """Take the training images, and note their classes; none is opened."""
        super().borrow(training)
        labels: dict[str, set[int]] = defaultdict(set)
        for record, digest in zip(training.records, training.digests, strict=True):
            labels[digest].add(record.label)
        # A file that is listed under two classes belongs to both.
        self._labels = {digest: frozenset(found) for digest, found in labels.items()}
        self._donors = {}

    def _candidates(self, scene: Scene) -> Sequence[int]:
        if self.classes == "all":
            return super()._candidates(scene)
        wanted = self._labels.get(scene.source)
        if wanted is None:
            raise RuntimeError(
                "this background has no subject of a known class yet: backgrounds of the same or of other classes can "
                "be painted only without a bank"
            )
        if wanted not in self._donors:
            same = [not wanted.isdisjoint(self._labels[digest]) for digest in self.training.digests]
            self._donors[wanted] = [index for index, is_same in enumerate(same) if is_same == (self.classes == "same")]
        return self._donors[wanted]

    def _donor(self, scene: Scene, rng: np.random.Generator) -> tuple[Image, Mask]:
        try:
            return super()._donor(scene, rng)
        except NoDonorError:
            if self.classes != "same":
                raise
        image, mask = self.sources.isolated(scene.source)
        return image, hole_around(mask, self.margin)
