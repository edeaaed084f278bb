"""Inpainting: everything but the subject is painted again under words."""

from collections.abc import Sequence

import cv2
import numpy as np

from aga_lightning.augment.augmenter import StageCache
from aga_lightning.augment.base import Detector, Draft, Gate, ImageEditor, Request, Segmenter, Subject
from aga_lightning.augment.detectors.embedded import CentrePrior
from aga_lightning.augment.editors.diffusion import DiffusionEditor
from aga_lightning.augment.gates.embedded import MaskSanity
from aga_lightning.augment.methods.pictures import Order, PictureAugmenter, checked_strength, picture_filters
from aga_lightning.augment.methods.wording import check_text, filled
from aga_lightning.augment.prompts import PromptEngine
from aga_lightning.augment.segmenters.embedded import GrabCut
from aga_lightning.images.pixels import Image, Mask
from aga_lightning.images.seeds import seed_from


class Inpainting(PictureAugmenter):
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
        gates: What the subject must pass, as in AGA; by default a sane mask. Gates that look at captions or backgrounds
            may be there, and are not asked: the text is to name the class, and there is no background by itself.
        filters: What a picture must pass, such as ClipFilter.
        max_side: As in AGA: images are worked on, and pictures stored, at this many pixels on their longer side at
            most; null keeps their own size.

    Raises:
        ValueError: If there is an unknown place in the text, a number is out of range, the editor is set to another
            task, or a filter looks at something else than pictures.
    """

    def __init__(
        self,
        text: str = "a photo of a {class}, {scene}",
        scenes: PromptEngine = PromptEngine(),
        strength: float = 0.9999,
        editor: ImageEditor = DiffusionEditor(
            weights="diffusers/stable-diffusion-xl-1.0-inpainting-0.1", task="inpainting", guidance=5.0
        ),
        paste_back: bool = False,
        margin: int = 0,
        detector: Detector = CentrePrior(),
        segmenter: Segmenter = GrabCut(),
        gates: list[Gate] | None = None,
        filters: Sequence[Gate] = (),
        max_side: int | None = 512,
    ) -> None:
        if margin < 0:
            raise ValueError(f"margin is {margin}: give at least 0 pixels")
        if isinstance(editor, DiffusionEditor) and editor.task != "inpainting":
            raise ValueError(f"editor.task is {editor.task}, which knows no mask: give inpainting")
        self.text = check_text(text)
        self.scenes = scenes
        self.strength = checked_strength(strength)
        self.editor = editor
        self.paste_back = paste_back
        self.margin = margin
        self.detector = detector
        self.segmenter = segmenter
        self.gates = [MaskSanity()] if gates is None else gates
        self.filters = picture_filters(filters)
        self.max_side = max_side
        super().__init__(editor, [*self.gates, *self.filters], max_side, True, detector, segmenter)

    @property
    def mean_strength(self) -> float:
        """Of all pictures."""
        return self.strength

    def order(self, request: Request, cache: StageCache) -> Order:
        """The class in one of the scenes."""
        seed = seed_from(request.seed, cache.digest(request.record.path), request.variant, "prompt")
        text = filled(self.text, request.record, self.scenes.prompt(seed))
        return Order(text, self.strength, f"margin {self.margin}" if self.margin else "")

    def open_part(self, subject: Subject) -> Mask:
        """All that is no subject, and no closer to it than the margin."""
        side = 2 * self.margin + 1
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
        return np.asarray(cv2.dilate(subject.mask.astype(np.uint8), disc) == 0)

    def finish(self, picture: Image, draft: Draft) -> Image:
        """The picture, with the subject's own pixels if they are pasted back."""
        if not self.paste_back or draft.subject is None:
            return picture
        return np.where(draft.subject.mask[..., None], draft.sample.image, picture)
