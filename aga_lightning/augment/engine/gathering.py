"""What methods learn from several training images at once: a description of each, or the images of a class."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image as PillowImage

from aga_lightning.augment.augmenter import Finished
from aga_lightning.augment.base import ImageCaptioner, Request, SubjectSource
from aga_lightning.augment.engine.isolation import Photo
from aga_lightning.augment.engine.step import Digest, Gathered, Step
from aga_lightning.images.reading import read_image
from aga_lightning.images.records import ImageRecord
from aga_lightning.images.samples import Sample
from aga_lightning.images.seeds import seed_from


class BarePhoto(Photo):
    """A training image whatever its class, without the data set's own mask: no description is worse without it."""

    def plan(self, request: Request, digest: Digest) -> list[Any]:
        """The file, and the size."""
        return [digest(request.record.path), self.max_side]

    def read(self, record: ImageRecord, digest: Digest) -> Sample:
        """The image of a record."""
        return super().read(replace(record, mask_path=None), digest)


class Descriptions(Step[str]):
    """What a training image shows, in words.

    Args:
        captioner: Says it.
        max_side: Longer side of the images in pixels; None for their own.
    """

    name = "descriptions"
    of_record = True

    def __init__(self, captioner: ImageCaptioner, max_side: int | None) -> None:
        super().__init__(BarePhoto(max_side), parts=[captioner])
        self.captioner = captioner

    def make(self, plans: Sequence[None], *inputs: Sequence[Sample]) -> list[str]:
        """Describe."""
        return self.captioner.describe([sample.image for sample in inputs[0]])

    def encode(self, made: str, plan: None, *inputs: object) -> Finished:
        """The words."""
        return {"description": made, "captioner": type(self.captioner).__name__}, None

    def decode(self, facts: Mapping[str, object], data: bytes | None, plan: None) -> str:
        """The words."""
        return str(facts["description"])


class TrainingSet(Gathered):
    """The descriptions of training images, whichever of them are to be augmented; of each file once.

    Args:
        descriptions: Describes an image.
        count: How many images are described, drawn at random; None for all.
    """

    def __init__(self, descriptions: Descriptions, count: int | None) -> None:
        super().__init__(descriptions)
        descriptions.decides = True  # in batches, and not one by one where all are needed
        self.count = count
        self._records: dict[str, ImageRecord] = {}

    def prepare(self, training: SubjectSource) -> None:
        """Take the images, those without a subject among them."""
        super().prepare(training)
        self._records = dict(zip(training.digests, training.records, strict=True))

    def group(self, request: Request) -> int:
        """The seed of the run, by which they are drawn."""
        return request.seed

    def requests(self, request: Request, digest: Digest) -> list[Request]:
        """One for each image that is described."""
        drawn = sorted(self._records, key=lambda image: seed_from(request.seed, image, "described"))[: self.count]
        return [Request(self._records[image], 0, request.seed) for image in sorted(drawn)]


class SquarePhoto(Photo):
    """A training image, squashed to a square of `max_side` pixels."""

    fills = ""

    def plan(self, request: Request, digest: Digest) -> list[Any]:
        """The file, and the size."""
        return [digest(request.record.path), self.max_side]

    def read(self, record: ImageRecord, digest: Digest) -> Any:  # noqa: ANN401 no sample: pixels alone
        """The pixels, (side, side, 3) RGB."""
        side = self.max_side or 1
        return np.asarray(read_image(record.path).resize((side, side), PillowImage.Resampling.BICUBIC))


class ClassPhotos(Gathered):
    """All training images of a request's class, by what is in their files, whatever order a data set gives them.

    Args:
        resolution: Side of the squares in pixels.
    """

    def __init__(self, resolution: int) -> None:
        super().__init__(SquarePhoto(resolution))
        self._records: dict[int, list[ImageRecord]] = {}

    def prepare(self, training: SubjectSource) -> None:
        """Take the images. Those without a subject have nothing to learn from."""
        super().prepare(training)
        self._records = {}
        for record in training.records:
            if record.has_subject:
                self._records.setdefault(record.label, []).append(record)

    def group(self, request: Request) -> int:
        """The class."""
        return request.record.label

    def requests(self, request: Request, digest: Digest) -> list[Request]:
        """One for each image of the class."""
        records = sorted(self._records[request.record.label], key=lambda record: digest(record.path))
        return [Request(record, 0) for record in records]
