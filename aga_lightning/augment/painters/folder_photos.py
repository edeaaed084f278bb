"""Backgrounds of one's own: a folder of photos."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from aga_lightning.augment.base import BackgroundGenerator, Scene
from aga_lightning.augment.fingerprint import fingerprint
from aga_lightning.augment.painters.donors import random_crop
from aga_lightning.augment.segmenters.salient_object import SalientObject
from aga_lightning.files import shown
from aga_lightning.images.finding import find_images
from aga_lightning.images.perceptual_hash import as_hashes, distances, mirrored, perceptual_hash
from aga_lightning.images.pixels import Image
from aga_lightning.images.reading import ImageReadError, file_digest, read_image, verify_image
from aga_lightning.images.records import DatasetError, ImageRecord
from aga_lightning.paths import NameOrPath, UserPath

ALIKE = 6
"""Photos whose perceptual hashes differ in at most this many of 63 bits count as alike, as in NearDuplicate."""

ATTEMPTS = 50
"""Photos that are tried for one background."""


@dataclass(kw_only=True, eq=False)
class FolderPhotos(BackgroundGenerator):
    """Takes each background from a folder of photos, such as landscapes and empty scenes, with a random crop and flip.

    A photo in which a network for salient objects finds a large subject is left out, since the subject would come into
    the background; so is one that resembles an evaluation image, or its mirror image. The caption is ignored. Photos
    are known by their bytes: moving or renaming them changes nothing, a copy counts once, and any photo more or less
    makes other backgrounds.

    Args:
        folder: Photos at any depth. All of them are looked at before the first is used.
        min_crop: Smallest side of the crop, in sides of the largest crop of the scene's shape.
        max_subject: Largest share of a photo that a subject may cover; null takes all photos. All are taken, too, where
            the network cannot be had; a line then says so.
        network: The network, as in SalientObject.

    Raises:
        ValueError: If a setting is out of range.
    """

    guards = True
    shows = "a photo from a folder of backgrounds"
    does_without = frozenset({"finder"})

    folder: UserPath | str
    min_crop: float = 0.6
    max_subject: float | None = 0.15
    network: NameOrPath | str = "u2netp"

    finder: SalientObject = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.folder = UserPath.of(self.folder)
        self.network = NameOrPath.of(self.network)
        self.finder = SalientObject(weights=self.network)
        self._hashes = as_hashes(())
        self._empty: dict[Path, bool] = {}
        if not 0 < self.min_crop <= 1:
            raise ValueError(f"min_crop is {self.min_crop}; give a share above 0, at most 1")
        if self.max_subject is not None and not 0 <= self.max_subject < 1:
            raise ValueError(f"max_subject is {self.max_subject}; give a share of at least 0 and below 1, or null")

    def guard(self, hashes: Sequence[int]) -> None:
        """Leave out photos that resemble one of the evaluation images."""
        self._hashes = as_hashes(hashes)
        vars(self).pop("photos", None)

    def fetch(self, records: Sequence[ImageRecord]) -> None:
        """Download the network, or say that photos with a subject are not left out."""
        if self.max_subject is not None:
            self.finder.fetch_if_possible("photos with a subject of their own are not left out of the backgrounds")

    @cached_property
    def photos(self) -> dict[str, Path]:
        """The photos by the digests of their files, in the order of these, but for those like an evaluation image.

        Raises:
            DatasetError: If there is no such folder, it has no photos, or one of them cannot be read.
        """
        if not (kept := self._unlike_evaluation(self._all)):
            raise DatasetError(
                f"all {len(self._all)} photos of {shown(self.folder)} resemble an evaluation image: name another folder"
            )
        return dict(sorted(kept.items()))

    @cached_property
    def _all(self) -> dict[str, Path]:
        """The photos by the digests of their files, those like an evaluation image too."""
        found: dict[str, Path] = {}
        for path in find_images(Path(self.folder), follow_links=True):
            try:
                verify_image(path)
                found.setdefault(file_digest(path), path)
            except ImageReadError as error:
                raise DatasetError(f"a background cannot be used: {error}") from error
        if not found:
            raise DatasetError(f"{shown(self.folder)} has no photos to take backgrounds from: name another folder")
        return found

    def _unlike_evaluation(self, found: dict[str, Path]) -> dict[str, Path]:
        if not len(self._hashes):
            return found
        kept = {}
        for digest, path in found.items():
            photo = _photo(path)
            nearest = min(
                int(distances(perceptual_hash(seen), self._hashes).min()) for seen in (photo, mirrored(photo))
            )
            if nearest > ALIKE:
                kept[digest] = path
        return kept

    def setting(self, argument: str) -> object:
        """The folder enters a key by its photos' bytes, not by its path; the network by its own, where it is used."""
        if argument == "network":
            return self.finder.identity if self._checks else None
        return fingerprint(list(self.photos)) if argument == "folder" else super().setting(argument)

    @property
    def _checks(self) -> bool:
        return self.max_subject is not None and not self.finder.lacking

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
        for place in rng.permutation(len(others))[:ATTEMPTS]:
            photo = _photo(others[int(place)])
            if self._shows_none(others[int(place)], photo):
                return random_crop(photo, scene.size, self.min_crop, rng)
        raise DatasetError(
            f"{min(ATTEMPTS, len(others))} photos of {shown(self.folder)} show a subject on more than "
            f"{self.max_subject:.0%} of their area: add landscapes or empty scenes, or set a larger max_subject"
        )

    def _shows_none(self, path: Path, photo: Image) -> bool:
        """Whether a photo shows no large subject; it is looked for once a process."""
        if path not in self._empty:
            subject = self.finder.cut_out(photo) if self._checks else None
            self._empty[path] = subject is None or float(subject.mask.mean()) <= (self.max_subject or 0)
        return self._empty[path]


def _photo(path: Path) -> Image:
    try:
        return np.asarray(read_image(path))
    except ImageReadError as error:
        raise DatasetError(f"a background cannot be used: {error}") from error
