"""Real backgrounds of camera traps: the frames on which there is no animal."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from aga_lightning.augment.base import Scene, SubjectSource
from aga_lightning.augment.compositing import cover
from aga_lightning.augment.grey import is_grey
from aga_lightning.augment.painters.sources import BorrowingPainter
from aga_lightning.images.pixels import Image
from aga_lightning.images.reading import ImageReadError
from aga_lightning.images.records import DatasetError
from aga_lightning.images.samples import Sample

Cameras = Literal["own", "other", "any"]


@dataclass(kw_only=True, eq=False)
class EmptyFrames(BorrowingPainter):
    """Borrows a whole training image that has no subject: an empty frame of a camera trap.

    A record has no subject if the superclass of its class is empty; a record's group is its camera. The painter prefers
    a frame of the same light: a grey (night) frame for a grey photo, a colour frame for a colour photo. If there is
    none, `own` falls back to another camera in the same light and then to the own camera in another light, because an
    animal in the wrong light looks wrong anywhere; `other` falls back to another camera in another light before the own
    camera, which would tie the camera to the class again. If the camera is unknown, as with a bank or in a data set
    without groups, any frame is used; with a bank, in any light. A file that is also listed with a subject does not
    count as empty. The caption is ignored.

    The mode `online` pairs subjects and backgrounds of all cameras, whatever `cameras` says.

    Args:
        cameras: The cameras of the frames: own (the subject's camera, where its scale is right), other (which breaks
            the link between camera and class) or any.
        attempts: Number of frames in which to look for the same light before falling back.

    Raises:
        ValueError: If `cameras` is unknown, or `attempts` is below 1.
    """

    shows = "an empty frame"

    cameras: Cameras = "own"
    attempts: int = 50

    def __post_init__(self) -> None:
        if self.cameras not in get_args(Cameras):
            raise ValueError(f"cameras must be one of {', '.join(get_args(Cameras))}, not {self.cameras!r}")
        if self.attempts < 1:
            raise ValueError(f"attempts is {self.attempts}; give a number of at least 1")
        self._frames: list[_Frame] = []
        self._with_subject: dict[str, _Frame] = {}
        self._grey: dict[str, bool] = {}

    def borrow(self, training: SubjectSource) -> None:
        """Find the empty frames among the training images; none is opened.

        Raises:
            DatasetError: If there are none.
        """
        super().borrow(training)
        frames, self._with_subject = (_frames(training, has_subject) for has_subject in (False, True))
        self._grey = {}
        # By digest, so that the order of the records and repeated records change nothing.
        self._frames = [frames[digest] for digest in sorted(frames) if digest not in self._with_subject]
        if not self._frames:
            raise DatasetError(
                "EmptyFrames needs training images without a subject, and there are none: give the class of empty "
                'frames the superclass "" in the data set\'s setting superclasses, or take another painter'
            )

    def paint_one(self, scene: Scene) -> Image:
        """The largest middle part of an empty frame that has the scene's proportions.

        Raises:
            RuntimeError: If no empty frame can be read.
        """
        return cover(self._donor(scene, self.training).image, scene.size)

    def _donor(self, scene: Scene, training: SubjectSource) -> Sample:
        rng = np.random.default_rng(scene.seed)
        source = self._with_subject.get(scene.source)
        light = None if source is None else self._light(source, training)
        for frames, same_light in self._preferences(source):
            if same_light and light is None:
                continue
            for place in rng.permutation(len(frames))[: self.attempts]:
                frame = frames[place]
                if same_light and self._light(frame, training) != light:
                    continue
                try:
                    return training.sample(frame.index)
                except ImageReadError:
                    continue  # reported when the original itself is loaded
        raise RuntimeError(
            f"none of {len(self._frames)} empty frames can be read: see the verb check, or raise attempts (now "
            f"{self.attempts})"
        )

    def _preferences(self, source: "_Frame | None") -> Iterator[tuple[list["_Frame"], bool]]:
        """Frames to draw from, the best first, and whether they must have the same light as the source."""
        if source is None or not source.cameras or self.cameras == "any":
            yield self._frames, True
            yield self._frames, False
            return
        own = [frame for frame in self._frames if frame.cameras & source.cameras]
        other = [frame for frame in self._frames if not frame.cameras & source.cameras]
        if self.cameras == "own":
            yield from ((own, True), (other, True), (own, False), (other, False))
        else:
            yield from ((other, True), (other, False), (own, True), (own, False))

    def _light(self, frame: "_Frame", training: SubjectSource) -> bool | None:
        """Whether a frame is grey, looked at once; None if it cannot be read."""
        if frame.digest not in self._grey:
            try:
                self._grey[frame.digest] = is_grey(training.sample(frame.index).image)
            except ImageReadError:
                return None
        return self._grey[frame.digest]


@dataclass(frozen=True, slots=True)
class _Frame:
    """A training image: the digest of its file, one of its indices in the training set, and its cameras."""

    digest: str
    index: int
    cameras: frozenset[str]


def _frames(training: SubjectSource, has_subject: bool) -> dict[str, _Frame]:
    """The training images with, or without, a subject, by digest; equal files are one image of several cameras."""
    places: dict[str, list[int]] = defaultdict(list)
    records = training.records
    for index, (record, digest) in enumerate(zip(records, training.digests, strict=True)):
        if record.has_subject is has_subject:
            places[digest].append(index)
    return {
        digest: _Frame(digest, found[0], frozenset(records[index].group for index in found) - {""})
        for digest, found in places.items()
    }
