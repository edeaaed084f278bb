"""DA-Fusion: a word is learned for each class, and the training image painted again under it."""

import copy
from collections.abc import Mapping, Sequence
from typing import Literal

import cv2
import numpy as np

from aga_lightning.augment.augmenter import ModelStage, StageCache
from aga_lightning.augment.base import Detector, Gate, Request, Segmenter, Subject
from aga_lightning.augment.detectors.embedded import CentrePrior
from aga_lightning.augment.editors.diffusion import DiffusionEditor
from aga_lightning.augment.fingerprint import fingerprint
from aga_lightning.augment.gates.embedded import MaskSanity
from aga_lightning.augment.methods.class_words import ClassWords, Embeddings, TaughtEditor
from aga_lightning.augment.methods.inversion import Inversion, Inverter
from aga_lightning.augment.methods.pictures import Order, PictureAugmenter, checked_strength, picture_filters
from aga_lightning.augment.methods.wording import check_text
from aga_lightning.augment.segmenters.embedded import GrabCut
from aga_lightning.images.pixels import Mask
from aga_lightning.images.records import ImageRecord
from aga_lightning.images.seeds import seed_from

_GROWTH = 16 / 512
"""The window by which a mask is widened, as a share of each side: 16 pixels of 512 in the authors' script."""


class DAFusion(PictureAugmenter):
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
        gates: What the subject must pass where there is a mask, as in AGA; by default a sane mask.
        filters: What a picture must pass, such as ClipFilter.
        max_side: As in AGA: images are worked on, and pictures stored, at this many pixels on their longer side at
            most; null keeps their own size.

    Raises:
        ValueError: If there is an unknown place in the text, or {token} is none of them, if there is no strength or one
            out of range, or a filter looks at something else than pictures.
    """

    def __init__(
        self,
        text: str = "a photo of a {token}",
        strengths: Sequence[float] = (1.0, 0.75, 0.5, 0.25),
        mask: Literal["none", "subject", "background"] = "none",
        inversion: Inversion = Inversion(),
        editor: DiffusionEditor = DiffusionEditor(weights="CompVis/stable-diffusion-v1-4", width=512, height=512),
        detector: Detector = CentrePrior(),
        segmenter: Segmenter = GrabCut(),
        gates: list[Gate] | None = None,
        filters: Sequence[Gate] = (),
        max_side: int | None = 512,
    ) -> None:
        if "{token}" not in check_text(text, ("token", "class", "superclass")):
            raise ValueError(f"the text {text!r} lacks {{token}}, which stands for the word learned for the class")
        if not strengths:
            raise ValueError("strengths are none: give at least one, such as [0.5]")
        self.text = text
        self.strengths = tuple(checked_strength(strength) for strength in strengths)
        self.mask = mask
        self.inversion = inversion
        self.editor = editor
        self.detector = detector
        self.segmenter = segmenter
        self.gates = [MaskSanity()] if gates is None else gates
        self.filters = picture_filters(filters)
        self.max_side = max_side
        masked = mask != "none"
        inverter = Inverter(
            inversion,
            editor.weights,
            editor.variant,
            editor.unet,
            editor.lora,
            editor.dtype,
            editor.revision,
            editor.device,
        )
        self._words = ClassWords(inverter)
        painter = copy.copy(editor)  # the task is set, and words are taught, where no one else is at work
        painter.task = "inpainting" if masked else "image-to-image"
        judges = [*(self.gates if masked else ()), *self.filters]
        super().__init__(TaughtEditor(painter, self._words), judges, max_side, masked, detector, segmenter)

    @property
    def mean_strength(self) -> float:
        """Of all pictures."""
        return sum(self.strengths) / len(self.strengths)

    def prepare(self, records: Sequence[ImageRecord], cache: StageCache) -> None:
        """Take the training images that the words are learned from."""
        super().prepare(records, cache)
        self._words.open(records, cache)

    def learned(self) -> object:
        """What else decides the output: what the gates know, and what the words are learned from."""
        return {"gates": self._gating.known, "words": self._words.known()}

    def lessons(self, cache: StageCache) -> list[ModelStage]:
        """The words."""
        return [Embeddings(self._words, cache)]

    def order(self, request: Request, cache: StageCache) -> Order:
        """The class's word, at one of the strengths."""
        record = request.record
        seed = seed_from(request.seed, cache.digest(record.path), request.variant, "strength")
        strength = self.strengths[seed % len(self.strengths)]
        names: Mapping[str, str] = {"class": record.class_name, "superclass": record.superclass}
        places = {place: name.replace("_", " ") for place, name in names.items()}
        text = self.text.format_map(places | {"token": self._words.token(record)})
        known = fingerprint(self._words.key(record.label), self.mask)
        return Order(text, strength, known, {"strength": strength})

    def open_part(self, subject: Subject) -> Mask:
        """The widened subject, or all but that."""
        height, width = subject.mask.shape
        window = np.ones((max(1, round(height * _GROWTH)), max(1, round(width * _GROWTH))), np.uint8)
        wide = cv2.dilate(subject.mask.astype(np.uint8), window) > 0
        return np.asarray(wide if self.mask == "subject" else ~wide)
