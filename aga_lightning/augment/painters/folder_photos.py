"""Backgrounds of one's own: a folder of photos."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from aga_lightning.augment.base import BackgroundGenerator, Scene
from aga_lightning.augment.fingerprint import fingerprint
from aga_lightning.augment.painters.donors import random_crop
from aga_lightning.files import shown
from aga_lightning.images.finding import find_images
from aga_lightning.images.pixels import Image
from aga_lightning.images.reading import ImageReadError, file_digest, read_image, verify_image
from aga_lightning.images.records import DatasetError
from aga_lightning.paths import UserPath


@dataclass(kw_only=True, eq=False)
class FolderPhotos(BackgroundGenerator):
    """Takes each background from a folder of photos, such as landscapes and empty scenes, with a random crop and flip.

    What the photos show is up to you: nothing is painted over, so a subject in one of them comes into the background.
    The caption is ignored. Photos are known by their bytes: moving or renaming them changes nothing, a copy counts
    once, and any photo more or less makes other backgrounds.

    Args:
        folder: Photos at any depth. All of them are looked at before the first is used.
        min_crop: Smallest side of the crop, in sides of the largest crop of the scene's shape.

    Raises:
        ValueError: If `min_crop` is out of range.
    """

    folder: UserPath | str
    min_crop: float = 0.6

    def __post_init__(self) -> None:
        self.folder = UserPath.of(self.folder)
        if not 0 < self.min_crop <= 1:
            raise ValueError(f"min_crop is {self.min_crop}; give a share above 0, at most 1")

    @cached_property
    def photos(self) -> dict[str, Path]:
        """The photos by the digests of their files, in the order of these.

        Raises:
            DatasetError: If there is no such folder, it has no photos, or one of them cannot be read.
        """
        found: dict[str, Path] = {}
        for path in find_images(Path(self.folder), follow_links=True):
            try:
                verify_image(path)
                found.setdefault(file_digest(path), path)
            except ImageReadError as error:
                raise DatasetError(f"a background cannot be used: {error}") from error
        if not found:
            raise DatasetError(f"{shown(self.folder)} has no photos to take backgrounds from: name another folder")
        return dict(sorted(found.items()))

    def setting(self, argument: str) -> object:
        """The folder enters a key by its photos' bytes, not by its path."""
        return fingerprint(list(self.photos)) if argument == "folder" else super().setting(argument)

    def paint(self, scenes: Sequence[Scene]) -> list[Image]:
        """One image of the scene's size for each scene; it depends on that scene alone.

        Raises:
            DatasetError: If a photo cannot be used.
        """
        return [self._paint(scene) for scene in scenes]

    def _paint(self, scene: Scene) -> Image:
        rng = np.random.default_rng(scene.seed)
        # A photo that is a training image too must not stand behind its own subject.
        others = [path for digest, path in self.photos.items() if digest != scene.source]
        if not others:
            raise DatasetError(f"{shown(self.folder)} has no photo but the subject's own: add others")
        path = others[int(rng.integers(len(others)))]
        try:
            photo = np.asarray(read_image(path))
        except ImageReadError as error:
            raise DatasetError(f"a background cannot be used: {error}") from error
        return random_crop(photo, scene.size, self.min_crop, rng)
