"""Painters that take backgrounds from the training images: what they share."""

from abc import abstractmethod
from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from aga_lightning.augment.base import BackgroundGenerator, Scene, SubjectSource
from aga_lightning.images.pixels import Image, Mask


class Sources:
    """Finds a scene's own photo among the training images, by the digest of its file.

    Args:
        training: The training images; each is opened only when it is needed, and none is kept.
    """

    def __init__(self, training: SubjectSource) -> None:
        self._training = training
        self._places: dict[str, list[int]] = defaultdict(list)
        for index, digest in enumerate(training.digests):
            self._places[digest].append(index)

    def isolated(self, digest: str) -> tuple[Image, Mask]:
        """A photo, and all that shows anything of its subject; of several records of the photo the union.

        Raises:
            ImageReadError: If the photo cannot be read.
            RuntimeError: If there is no such photo, or no subject was found in it.
        """
        if digest not in self._places:
            raise RuntimeError(
                "this background has no subject of a training image yet, so that the subject's own photo is unknown: a "
                "painter that needs that photo works only without a bank"
            )
        found = [self._training[index] for index in self._places[digest]]
        masks = [subject.visible for _, subject in found if subject is not None]
        mask = np.logical_or.reduce(masks) if masks else np.zeros(0, np.bool_)
        image = found[0][0]
        if not mask.any():
            raise RuntimeError(f"no subject was found in {image.record.path}, so its background is unknown")
        return image.image, mask


class BorrowingPainter(BackgroundGenerator):
    """A painter that takes each background from one of the training images."""

    borrows = True
    _training: SubjectSource | None = None

    def borrow(self, training: SubjectSource) -> None:
        """Take the training images; none is opened before the first scene."""
        self._training = training
        vars(self).pop("sources", None)

    @property
    def training(self) -> SubjectSource:
        """The training images.

        Raises:
            RuntimeError: If `borrow` was not called.
        """
        if self._training is None:
            raise RuntimeError(f"{type(self).__name__} has no training images yet: call borrow() first")
        return self._training

    @cached_property
    def sources(self) -> Sources:
        """The training images by the digests of their files."""
        return Sources(self.training)

    def paint(self, scenes: Sequence[Scene]) -> list[Image]:
        """One image of the scene's size for each scene.

        Raises:
            RuntimeError: If `borrow` was not called, or no training image has a usable background.
        """
        return [self.paint_one(scene) for scene in scenes]

    @abstractmethod
    def paint_one(self, scene: Scene) -> Image:
        """The image of one scene."""
