"""Inpainting: everything but the subject is painted again under words."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import cv2
import numpy as np

from aga_lightning.augment.base import Detector, Draft, Gate, ImageEditor, Segmenter, Subject
from aga_lightning.augment.editors.diffusion import DiffusionEditor
from aga_lightning.augment.engine.accepting import Accept
from aga_lightning.augment.engine.isolation import Boxes, Photo, Subjects, detector_for
from aga_lightning.augment.engine.method import Method
from aga_lightning.augment.engine.pictures import Pictures, Result, checked_strength
from aga_lightning.augment.engine.scenery import Texts
from aga_lightning.augment.engine.step import Step
from aga_lightning.augment.gates.embedded import subject_gates
from aga_lightning.augment.prompts import PromptEngine
from aga_lightning.augment.segmenters.best_mask import BestMask
from aga_lightning.augment.texts import check_text
from aga_lightning.images.pixels import Mask


class Inpainting(Method):
    """Inpainting (RePaint, Lugmayr et al. 2022): all but the subject is painted anew by a diffusion model under words.

    The third row of the case study in the AGA paper (its Figure 1), which finds the subject corrupted: its pixels go
    through the model's autoencoder like all others, which `paste_back` mends. RePaint, the work that the paper cites,
    puts the known part back at each step of a model without words; the paper names neither the model, nor prompts, nor
    settings of its case study. Here the subject is isolated by AGA's parts, text and scenes are those of the other two
    rows, steps and guidance those of AGA's painter. The weights are SDXL's of the diffusers team for inpainting, which
    are shown the known part, and the strength is the default of diffusers' pipeline: it starts from the old background
    under noise, at a strength of 1 from noise alone.

    Cost an image: 98 calls of SDXL's UNet at 1024 x 1024 pixels (49 of 50 steps, two calls a step under guidance), and
    once for all pictures of a training image what detector and segmenter take.

    Args:
        text: What is painted; {class}, {superclass} and {scene} stand for those of the request.
        scenes: Which settings and times there are.
        strength: How much of the old background is given up, above 0 (nothing) to 1 (all of it).
        editor: Paints what is open. A DiffusionEditor whose weights are no inpainting ones puts the known part back at
            each step.
        paste_back: Put the subject's own pixels on the picture when it is painted.
        margin: Pixels of old background that stay around the subject, at the working size.
        detector: Where the subject is, as in AGA.
        segmenter: Which pixels are the subject's, as in AGA.
        gates: What subject and picture must pass; by default a sane mask. Gates that look at captions or backgrounds
            are not asked: the text is to name the class, and there is no background by itself.
        max_side: As in AGA: images are worked on, and pictures stored, at this many pixels on their longer side at
            most; null keeps their own size.

    Raises:
        ValueError: If there is an unknown place in the text, a number is out of range, or the editor is set to another
            task.
    """

    text: str = "a photo of a {class}, {scene}"
    scenes: PromptEngine = PromptEngine()
    strength: float = 0.9999
    editor: ImageEditor = DiffusionEditor(
        weights="diffusers/stable-diffusion-xl-1.0-inpainting-0.1", task="inpainting", guidance=5.0
    )
    paste_back: bool = False
    margin: int = 0
    detector: Detector | None = None
    segmenter: Segmenter = BestMask()
    gates: list[Gate] | None = None
    max_side: int | None = 512

    def __post_init__(self) -> None:
        if self.margin < 0:
            raise ValueError(f"margin is {self.margin}: give at least 0 pixels")
        if isinstance(self.editor, DiffusionEditor) and self.editor.task != "inpainting":
            raise ValueError(f"editor.task is {self.editor.task}, which knows no mask: give inpainting")
        check_text(self.text)
        checked_strength(self.strength)
        if self.gates is None:
            self.gates = subject_gates()

    def steps(self) -> Step[Draft]:
        """The subject, words, and the photo edited under them where the subject is not."""
        gates = self.gates or []
        photo = Photo(self.max_side)
        subjects = Subjects(self.segmenter, photo, Boxes(detector_for(self.detector, self.segmenter), photo))
        subject = Accept("subject", gates, subjects, photo)
        texts = Texts(self.text, self.scenes)
        opening = AllButTheSubject(subject, self.margin)
        pictures = Pictures(self.editor, photo, texts, self.max_side, opening, [self.strength])
        result = PastedBack if self.paste_back else Result
        return Accept("image", gates, result(photo, texts, pictures, subject))


class AllButTheSubject(Step[Mask]):
    """Where the picture may change: (height, width), True where no subject is, and none closer than the margin.

    Args:
        subject: The subject.
        margin: In pixels.
    """

    def __init__(self, subject: Step[Subject], margin: int) -> None:
        super().__init__(subject)
        side = 2 * margin + 1
        self.margin = margin
        self.disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))

    def settings(self) -> int:
        """The margin."""
        return self.margin

    def make(self, plans: Sequence[Any], *inputs: Sequence[Subject]) -> list[Mask]:
        """Widen the subject, and take the rest."""
        masks = [subject.mask.astype(np.uint8) for subject in inputs[0]]
        return [np.asarray(cv2.dilate(mask, self.disc) == 0) for mask in masks]


class PastedBack(Result):
    """The picture, with the subject's own pixels put back on it."""

    def draft(self, *values: Any) -> Draft:  # noqa: ANN401 as in `Result`
        """One result."""
        made = super().draft(*values)
        assert made.subject is not None and made.image is not None  # both are among the values
        return replace(made, image=np.where(made.subject.mask[..., None], made.sample.image, made.image))
