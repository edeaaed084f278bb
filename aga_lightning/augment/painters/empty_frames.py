"""Real backgrounds of camera traps: the frames on which there is no animal."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from aga_lightning.augment.base import BackgroundGenerator, Scene, SubjectSource
from aga_lightning.augment.compositing import cover
from aga_lightning.augment.grey import is_grey
from aga_lightning.images.pixels import Image
from aga_lightning.images.reading import ImageReadError
from aga_lightning.images.records import DatasetError
from aga_lightning.images.samples import Sample

Cameras = Literal["own", "other", "any"]


@dataclass(kw_only=True, eq=False)
class EmptyFrames(BackgroundGenerator):
    """Borrows a whole training image that has no subject: an empty frame of a camera trap.

    Records without a subject are those of a class whose superclass is empty; a record's group is its camera. The
    painter prefers a frame of the same light, grey (night) for a grey photo and colour for one in colour. Where there
    is none it falls back, for `own`, to another camera in the same light and only then to the own one in another light,
    because an animal in the wrong light looks wrong wherever it stands; for `other`, to another camera in another light
    before the own one, because that would tie the camera to the class again. Where the camera is not known, as with a
    bank or in a data set without groups, any frame will do; with a bank, in any light. A frame whose file is also
    listed with a subject is not taken for empty. The caption is not followed.

    In the mode `online` subjects and backgrounds of all cameras are paired afresh, whatever `cameras` says.

    Args:
        cameras: Whose frames: own (where the subject was seen, at the scale that it has there), other (which breaks the
            link between camera and class) or any.
        attempts: At how many frames to look for the same light before falling back.

    Raises:
        ValueError: If `cameras` is none of these, or `attempts` is below 1.
    """

    borrows = True

    cameras: Cameras = "own"
    attempts: int = 50

    def __post_init__(self) -> None:
        if self.cameras not in get_args(Cameras):
            raise ValueError(f"cameras must be one of {', '.join(get_args(Cameras))}, not {self.cameras!r}")
        if self.attempts < 1:
            raise ValueError(f"attempts is {self.attempts}; give a number of at least 1")
        self._training: SubjectSource | None = None
        self._frames: list[_Frame] = []
        self._sources: dict[str, _Frame] = {}
        self._grey: dict[str, bool] = {}

    def borrow(self, training: SubjectSource) -> None:
        """Find the empty frames among the training images; none is opened.

        Raises:
            DatasetError: If there are none.
        """
        frames, sources = (_frames(training, has_subject) for has_subject in (False, True))
        self._training, self._sources, self._grey = training, sources, {}
        # By digest, so that the order of the records, and how often one is listed, change nothing.
        self._frames = [frames[digest] for digest in sorted(frames) if digest not in sources]
        if not self._frames:
            raise DatasetError(
                "EmptyFrames needs training images without a subject, and there are none: give the class of empty "
                'frames the superclass "" in the data set\'s setting superclasses, or take another painter'
            )

    def paint(self, scenes: Sequence[Scene]) -> list[Image]:
        """One image of the asked size a scene: the middle of an empty frame, as much of it as fits.

        Raises:
            RuntimeError: If nothing was borrowed, or no empty frame can be read.
        """
        if self._training is None:
            raise RuntimeError("EmptyFrames has no training images yet: call borrow() first")
        return [cover(self._donor(scene, self._training).image, scene.size) for scene in scenes]

    def _donor(self, scene: Scene, training: SubjectSource) -> Sample:
        rng = np.random.default_rng(scene.seed)
        source = self._sources.get(scene.source)
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
                    continue  # the loader of the originals names it
        raise RuntimeError(
            f"none of {len(self._frames)} empty frames can be read: see the verb check, or raise attempts (now "
            f"{self.attempts})"
        )

    def _preferences(self, source: "_Frame | None") -> Iterator[tuple[list["_Frame"], bool]]:
        """Frames to draw from, the best first, and whether they must have the source's light."""
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
        """Whether a frame is grey, which is worth remembering; None where it cannot be read."""
        if frame.digest not in self._grey:
            try:
                self._grey[frame.digest] = is_grey(training.sample(frame.index).image)
            except ImageReadError:
                return None
        return self._grey[frame.digest]


@dataclass(frozen=True, slots=True)
class _Frame:
    """A training image: its bytes, one of its places in the training set, and the cameras it is said to be of."""

    digest: str
    index: int
    cameras: frozenset[str]


def _frames(training: SubjectSource, has_subject: bool) -> dict[str, _Frame]:
    """The training images with, or without, a subject, by digest; equal files are one image of all their cameras."""
    places: dict[str, list[int]] = defaultdict(list)
    records = training.records
    for index, (record, digest) in enumerate(zip(records, training.digests, strict=True)):
        if record.has_subject is has_subject:
            places[digest].append(index)
    return {
        digest: _Frame(digest, found[0], frozenset(records[index].group for index in found) - {""})
        for digest, found in places.items()
    }
