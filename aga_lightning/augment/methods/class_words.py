"""A word for each class: how it is written, what it is learned from, and who is taught it."""

import logging
import re
import unicodedata
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from lightning.pytorch.utilities.seed import isolate_rng
from PIL import Image as PillowImage
from safetensors.torch import load

from aga_lightning.augment.augmenter import Finished
from aga_lightning.augment.base import Caption, Request, SubjectSource
from aga_lightning.augment.editors.diffusion import DiffusionEditor
from aga_lightning.augment.engine.isolation import Photo
from aga_lightning.augment.engine.runner import Runner
from aga_lightning.augment.engine.step import Digest, Gathered, Rejection, Step
from aga_lightning.augment.fingerprint import fingerprint
from aga_lightning.augment.methods.inversion import Inverter
from aga_lightning.augment.methods.pictures import Pictures
from aga_lightning.images.pixels import Image, Mask
from aga_lightning.images.reading import read_image
from aga_lightning.images.records import DatasetError, ImageRecord
from aga_lightning.images.samples import Sample


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


class ClassWords(Step[bytes]):
    """The word of a class, as a file of safetensors that `load_textual_inversion` of diffusers reads.

    Args:
        inverter: Learns it.
        photos: What it is learned from.
    """

    name = "embeddings"
    title = "Embeddings"

    def __init__(self, inverter: Inverter, photos: ClassPhotos) -> None:
        super().__init__(photos, parts=[inverter])
        self.inverter = inverter
        self.decides = True  # once for a class, and not in each thread that wants it
        self._tokens: dict[int, str] = {}

    def prepare(self, training: SubjectSource) -> None:
        """Learn how the words are written."""
        super().prepare(training)
        pairs = [pair for pair in zip(training.records, training.digests, strict=True) if pair[0].has_subject]
        names = {record.label: record.class_name for record, _ in reversed(pairs)}
        labels = sorted(names)
        self._tokens = dict(zip(labels, tokens_for([names[label] for label in labels]), strict=True))
        self.learned = {"words": fingerprint(sorted((self.token(record), digest) for record, digest in pairs))}

    def token(self, record: ImageRecord) -> str:
        """How the word of a record's class is written."""
        return self._tokens[record.label]

    def plan(self, request: Request, digest: Digest) -> list[str]:
        """How it is written, and the class."""
        return [self.token(request.record), request.record.class_name]

    def make(self, plans: Sequence[Any], *inputs: Sequence[Any]) -> list[bytes]:
        """Learn each word from its images, and say which were left out.

        Raises:
            DatasetError: If none of the images of a class can be read.
        """
        return [self._learned(token, name, photos) for (token, name), photos in zip(plans, inputs[0], strict=True)]

    def encode(self, made: bytes, plan: Any, *inputs: Any) -> Finished:  # noqa: ANN401 as in `Step`
        """The file."""
        left_out = sum(isinstance(photo, Rejection) for photo in inputs[0])
        token, name = plan
        facts = {"class": name, "token": token, "images": len(inputs[0]) - left_out, "left_out": left_out}
        return facts, made

    def decode(self, facts: Mapping[str, object], data: bytes | None, plan: object) -> bytes:
        """The file."""
        return data or b""

    def calls(self, plan: object = None) -> float:
        """One an image of each step, each with a pass back."""
        return self.inverter.inversion.steps * self.inverter.inversion.batch_size

    def _learned(self, token: str, name: str, found: Sequence[Image | Rejection]) -> bytes:
        complaints = [photo.reason for photo in found if isinstance(photo, Rejection)]
        photos = [photo for photo in found if not isinstance(photo, Rejection)]
        if not photos:
            raise DatasetError(
                f"no word can be learned for {name!r}, because none of its {len(complaints)} training images can be "
                f"read; the first: {complaints[0]}"
            )
        if complaints:
            # From whatever rank: no other one reads these images.
            warnings.warn(
                f"the word {token} is learned without {len(complaints)} images: {'; '.join(complaints)}", stacklevel=2
            )
        return self.inverter.invert(token, np.stack(photos))


class TaughtPictures(Pictures):
    """Pictures by an editor whose pipeline is taught the words of the classes before it first needs them.

    Args:
        editor: Makes the edits; it may be used for nothing else.
        photo: As in `Pictures`.
        captions: Texts with a word in them.
        max_side: As in `Pictures`.
        opening: As in `Pictures`.
        strengths: As in `Pictures`.
        words: The words.
    """

    title = "Pictures"

    def __init__(
        self,
        editor: DiffusionEditor,
        photo: Step[Sample],
        captions: Step[Caption],
        max_side: int | None,
        opening: Step[Mask] | None,
        strengths: Sequence[float],
        words: ClassWords,
    ) -> None:
        super().__init__(editor, photo, captions, max_side, opening, strengths)
        self.inputs = (*self.inputs, words)
        self.editor = editor
        self.words = words

    def gathered(self, request: Request, runner: Runner) -> list[Any] | Rejection:
        """As any step; a word that is not learned yet is learned without the editor in memory."""
        if self.words.status(request, runner) is not True:
            self.editor.release()
        return super().gathered(request, runner)

    def make(self, plans: Sequence[Any], *inputs: Sequence[Any]) -> list[Image]:
        """Teach what is new, and edit."""
        *others, words = inputs
        self.words.inverter.release()  # where no stage has been through, it is still loaded
        pipeline = self.editor.model
        known = set(pipeline.tokenizer.added_tokens_encoder)
        new = [state for state in map(load, dict.fromkeys(words)) if not known.issuperset(state)]
        if new:
            # Random, because the rows of new words are drawn before they are filled.
            with isolate_rng(), torch.inference_mode(), _quiet():
                pipeline.load_textual_inversion([dict(state) for state in new])
        return super().make(plans, *others)


def tokens_for(names: Sequence[str]) -> list[str]:
    """How the words of some classes are written: "<water_ouzel>", with a number behind what is there already.

    No tokenizer of CLIP has such a word of its own, since all of them part letters from signs.
    """
    tokens: list[str] = []
    for name in names:
        plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
        # In lower case and without spaces, because a tokenizer looks for it in a text that it has put in this form.
        word = re.sub(r"[^a-z0-9]+", "_", plain).strip("_") or "class"
        token, number = f"<{word}>", 2
        while token in tokens:
            token, number = f"<{word}_{number}>", number + 1
        tokens.append(token)
    return tokens


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep to itself what transformers says of how the rows of new words are drawn."""
    logger = logging.getLogger("transformers.modeling_utils")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
