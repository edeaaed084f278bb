"""The mean colour of real backgrounds and nothing else: no texture, no layout."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from aga_lightning.augment.base import Scene, SubjectSource
from aga_lightning.augment.painters.donors import hole_around
from aga_lightning.augment.painters.sources import BorrowingPainter
from aga_lightning.images.pixels import Image, Mask
from aga_lightning.images.reading import ImageReadError

Of = Literal["training", "image"]


@dataclass(kw_only=True, eq=False)
class MeanColour(BorrowingPainter):
    """Fills the background with the mean colour of the training images' backgrounds, or of the photo's own background.

    Photos have equal weights, whatever their sizes; a photo without a subject, such as an empty frame of a camera trap,
    counts as background as a whole. The caption is ignored.

    Args:
        of: training: one colour for all scenes, the mean over the training photos. image: the mean over the background
            of the scene's own photo.
        photos: Largest number of training photos in the mean, since their subjects have to be found first; they are
            chosen by the digests of their files. Null takes all photos.
        margin: Width of the border around the subject that is left out of the mean, in diagonals of its box.

    Raises:
        ValueError: If `of` is unknown, `photos` is below 1 or `margin` is negative.
    """

    of: Of = "training"
    photos: int | None = 256
    margin: float = 0.12

    def __post_init__(self) -> None:
        if self.of not in get_args(Of):
            raise ValueError(f"of must be one of {', '.join(get_args(Of))}, not {self.of!r}")
        if self.photos is not None and self.photos < 1:
            raise ValueError(f"photos is {self.photos}; give a number of at least 1, or null for all")
        if self.margin < 0:
            raise ValueError(f"margin must not be negative, but is {self.margin}")
        self._colour: npt.NDArray[np.uint8] | None = None

    def borrow(self, training: SubjectSource) -> None:
        """Take the training images; none is opened before the first scene."""
        super().borrow(training)
        self._colour = None

    def paint_one(self, scene: Scene) -> Image:
        """An image of one colour.

        Raises:
            RuntimeError: If no subject was found in any training photo, or in the scene's own photo.
        """
        return np.full((scene.size[1], scene.size[0], 3), self._colour_of(scene))

    def _colour_of(self, scene: Scene) -> npt.NDArray[np.uint8]:
        if self.of == "image":
            image, mask = self.sources.isolated(scene.source)
            return _rounded(background_mean(image, mask, self.margin))
        if self._colour is None:
            self._colour = self._colour_of_all(self.training)
        return self._colour

    def _colour_of_all(self, training: SubjectSource) -> npt.NDArray[np.uint8]:
        means = list(islice(self._means(training), self.photos))
        if not means:
            raise RuntimeError(
                f"no subject was found in any of {len(training)} training photos, so their backgrounds are unknown"
            )
        # Summed without rounding, so that the order of the photos changes nothing.
        return _rounded(np.array([math.fsum(channel) / len(means) for channel in zip(*means, strict=True)]))

    def _means(self, training: SubjectSource) -> Iterator[npt.NDArray[np.float64]]:
        places = {digest: index for index, digest in reversed(list(enumerate(training.digests)))}
        for digest in sorted(places):
            try:
                sample, subject = training[places[digest]]
            except ImageReadError:
                continue  # the photo's own augmentations are rejected with its name
            if not sample.record.has_subject:
                yield background_mean(sample.image, np.zeros(sample.image.shape[:2], np.bool_), self.margin)
            elif subject is not None and not subject.visible.all():
                yield background_mean(sample.image, subject.visible, self.margin)


def background_mean(image: Image, mask: Mask, margin: float) -> npt.NDArray[np.float64]:
    """(3,) mean RGB outside a widened mask; outside the bare mask if the widened one covers the whole image.

    Args:
        image: (height, width, 3) RGB.
        mask: (height, width); if it covers everything, the mean of the whole image is returned.
        margin: Growth in diagonals of the mask's box.
    """
    outside = ~hole_around(mask, margin) if mask.any() else ~mask
    return np.asarray(image[outside if outside.any() else mask].mean(axis=0, dtype=np.float64))


def _rounded(colour: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
    return np.round(colour).astype(np.uint8)
