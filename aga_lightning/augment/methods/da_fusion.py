"""DA-Fusion: a word is learned for each class, and the training image painted again under it."""

import copy
import logging
import re
import unicodedata
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import cv2
import numpy as np
import torch
from lightning.pytorch.utilities.seed import isolate_rng
from safetensors.torch import load

from aga_lightning.augment.augmenter import Finished, StageCache
from aga_lightning.augment.base import Caption, Detector, Draft, Gate, Request, Segmenter, Subject, SubjectSource
from aga_lightning.augment.editors.diffusion import DiffusionEditor
from aga_lightning.augment.editors.inversion import Inversion, Inverter
from aga_lightning.augment.engine.accepting import Accept
from aga_lightning.augment.engine.gathering import ClassPhotos
from aga_lightning.augment.engine.isolation import Boxes, Photo, Subjects, detector_for
from aga_lightning.augment.engine.method import Method
from aga_lightning.augment.engine.pictures import Pictures, Result, checked_strength
from aga_lightning.augment.engine.runner import Runner
from aga_lightning.augment.engine.step import Digest, Rejection, Step
from aga_lightning.augment.fingerprint import fingerprint
from aga_lightning.augment.gates.embedded import subject_gates
from aga_lightning.augment.segmenters.best_mask import BestMask
from aga_lightning.augment.texts import NOTHING_ASKED, check_text, names_of
from aga_lightning.images.pixels import Image, Mask
from aga_lightning.images.records import DatasetError, ImageRecord
from aga_lightning.images.samples import Sample

_GROWTH = 16 / 512
"""The window by which a mask is widened, as a share of each side: 16 pixels of 512 in the authors' script."""


class DAFusion(Method):
    """DA-Fusion (Trabucco et al. 2023): the training image under noise, taken away under a word learned for its class.

    The word is learned from the class's training images by textual inversion (Gal et al. 2023), so that the model need
    not know the class's name; then image-to-image with a strength drawn at random. The defaults are those of the
    authors' scripts: Stable Diffusion 1.4 at 512 x 512 pixels, 1000 steps of 4 images for each word, 50 steps and
    guidance 7.5 for each image. The paper makes 10 images of each training image and mixes them in with a probability
    of 0.5, which is --data.degree 10 --data.replace_probability 0.5. Its masks are the data sets' own; detector and
    segmenter in their place are ours.

    Cost an image: 62 calls of the UNet of Stable Diffusion 1 at 512 x 512 pixels in the mean (31 of 50 steps, two calls
    a step under guidance); with a mask also what detector and segmenter take, once for all pictures of a training
    image. Once for each class: 4000 calls with a pass back through the UNet, and 4000 of the VAE's encoder.

    Args:
        text: What is painted; {token} stands for the word learned for the class, {class} and {superclass} for names.
        strengths: How much of the image is given up, above 0 (nothing) to 1 (all of it); one is drawn for each picture.
        mask: Which part may change: all of the picture (none), no more than the subject, or no more than the
            background. The subject's mask is widened by about 8 of 512 pixels, as the authors do.
        inversion: How the words are learned, by the editor's weights.
        editor: Paints the picture. Its task follows from `mask`: image-to-image, or inpainting.
        detector: Where the subject is, as in AGA; asked where there is a mask.
        segmenter: Which pixels are the subject's, likewise.
        gates: What a picture must pass, such as ClipFilter, and where there is a mask the subject; by default a sane
            mask. Gates that look at anything else are not asked.
        max_side: As in AGA: images are worked on, and pictures stored, at this many pixels on their longer side at
            most; null keeps their own size.

    Raises:
        ValueError: If there is an unknown place in the text, or {token} is none of them, or if there is no strength or
            one out of range.
    """

    text: str = "a photo of a {token}"
    strengths: Sequence[float] = (1.0, 0.75, 0.5, 0.25)
    mask: Literal["none", "subject", "background"] = "none"
    inversion: Inversion = Inversion()
    editor: DiffusionEditor = DiffusionEditor(weights="CompVis/stable-diffusion-v1-4", width=512, height=512)
    detector: Detector | None = None
    segmenter: Segmenter = BestMask()
    gates: list[Gate] | None = None
    max_side: int | None = 512

    def __post_init__(self) -> None:
        if "{token}" not in check_text(self.text, ("token", "class", "superclass")):
            raise ValueError(f"the text {self.text!r} lacks {{token}}, which stands for the word learned for the class")
        if not self.strengths:
            raise ValueError("strengths are none: give at least one, such as [0.5]")
        self.strengths = tuple(checked_strength(strength) for strength in self.strengths)
        if self.gates is None:
            self.gates = subject_gates()

    def steps(self) -> Step[Draft]:
        """A word for each class, and the photo edited under it; with a mask, no more than the subject or all but it."""
        gates = self.gates or []
        photo = Photo(self.max_side)
        words = ClassWords(self._inverter(), ClassPhotos(self.inversion.resolution))
        texts = WordTexts(self.text, words)
        editor = copy.copy(self.editor)  # its task is set, and words are taught to it, where no one else is at work
        editor.task = "image-to-image" if self.mask == "none" else "inpainting"
        if self.mask == "none":
            pictures = TaughtPictures(editor, photo, texts, self.max_side, None, self.strengths, words)
            return Accept("image", gates, Result(photo, texts, pictures))
        subjects = Subjects(self.segmenter, photo, Boxes(detector_for(self.detector, self.segmenter), photo))
        subject = Accept("subject", gates, subjects, photo)
        opening = Widened(subject, self.mask)
        pictures = TaughtPictures(editor, photo, texts, self.max_side, opening, self.strengths, words)
        return Accept("image", gates, Result(photo, texts, pictures, subject))

    def facts(self, request: Request, draft: Draft, cache: StageCache) -> Mapping[str, object]:
        """What a reader of the store may want to know of a finished image."""
        pictures = next(step for step in self.all_steps if isinstance(step, TaughtPictures))
        strength = Runner(cache).plan(pictures, request)[1]
        return {**super().facts(request, draft, cache), "strength": strength}

    def _inverter(self) -> Inverter:
        editor = self.editor
        return Inverter(
            inversion=self.inversion,
            weights=editor.weights,
            variant=editor.variant,
            unet=editor.unet,
            lora=editor.lora,
            dtype=editor.dtype,
            revision=editor.revision,
            device=editor.device,
        )


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


class WordTexts(Step[Caption]):
    """The text with the word of the class in it.

    Args:
        text: With a place for the word, and others for class and superclass.
        words: The words; none of them has to be learned for this.
    """

    fills = "caption"
    loads = False

    def __init__(self, text: str, words: ClassWords) -> None:
        super().__init__()
        self.text = text
        self.words = words

    def plan(self, request: Request, digest: Digest) -> str:
        """The text."""
        return self.text.format_map(names_of(request.record) | {"token": self.words.token(request.record)})

    def make(self, plans: Sequence[str], *inputs: Sequence[Any]) -> list[Caption]:
        """The text as a caption."""
        return [Caption(text, NOTHING_ASKED) for text in plans]


class Widened(Step[Mask]):
    """Where the picture may change: (height, width), the widened subject, or all but that.

    Args:
        subject: The subject.
        what: The subject or the background.
    """

    def __init__(self, subject: Step[Subject], what: Literal["subject", "background"]) -> None:
        super().__init__(subject)
        self.what = what

    def settings(self) -> str:
        """What may change."""
        return self.what

    def make(self, plans: Sequence[Any], *inputs: Sequence[Subject]) -> list[Mask]:
        """Widen the subject."""
        return [self._opened(subject.mask) for subject in inputs[0]]

    def _opened(self, mask: Mask) -> Mask:
        height, width = mask.shape
        window = np.ones((max(1, round(height * _GROWTH)), max(1, round(width * _GROWTH))), np.uint8)
        wide = cv2.dilate(mask.astype(np.uint8), window) > 0
        return np.asarray(wide if self.what == "subject" else ~wide)


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
