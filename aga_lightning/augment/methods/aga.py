"""AGA, the method of the paper (its Figure 2): isolate the subject, caption a background, paint it, merge the two."""

from collections.abc import Mapping

from aga_lightning.augment.augmenter import StageCache
from aga_lightning.augment.base import (
    BackgroundGenerator,
    Caption,
    Captioner,
    Detector,
    Draft,
    Gate,
    Request,
    Segmenter,
)
from aga_lightning.augment.captioners.template import TemplateCaptioner
from aga_lightning.augment.compositing import Merging
from aga_lightning.augment.engine.accepting import Accept, FirstAccepted
from aga_lightning.augment.engine.bank import BackgroundBank
from aga_lightning.augment.engine.isolation import Boxes, Photo, Subjects, detector_for
from aga_lightning.augment.engine.method import Method
from aga_lightning.augment.engine.scenery import Backgrounds, Captions, Merge, Texts
from aga_lightning.augment.engine.step import Step
from aga_lightning.augment.gates.embedded import AvoidedWords, subject_gates
from aga_lightning.augment.painters.procedural import ProceduralScenes
from aga_lightning.augment.prompts import PromptEngine
from aga_lightning.augment.segmenters.best_mask import BestMask


class AGA(Method):
    """AGA (Rahat et al. 2024), Automated Generative Data Augmentation: the same subject in front of a new background.

    Step 1 asks the detector for a box around the superclass and the segmenter for the mask in it. Step 2 draws
    instruction x spatial setting x time or season, and asks the captioner for a background in words. Step 3 paints the
    background and merges the flipped, rotated and scaled subject on it. Each step's output is cached, so that changing
    a later part never repeats an earlier one. Parts with models run in stages of their own, one model in memory at a
    time.

    Cost an image: tens of milliseconds with the embedded parts, no model. With the paper's (parts/paper.yaml), one
    answer of the language model and 100 calls of SDXL's UNet at 1024 x 1024 pixels, and once for each training image
    GroundingDINO and SAM; a bank of backgrounds divides that by how often it uses each.

    Args:
        detector: Step 1a, where the subject is; null takes the data set's own boxes and, for a segmenter that needs a
            box, the middle of a photo that has none.
        segmenter: Step 1b, which pixels are the subject's.
        prompts: Step 2a, what the captioner is asked.
        captioner: Step 2b, the background in words; a painter that ignores captions needs none.
        captions_per_combination: Captions for each combination of the prompt engine, shared by all backgrounds; null
            writes one for each background (the paper).
        painter: Step 3a, the background in pixels.
        bank: How many backgrounds are painted, each for many augmentations; null paints one for each (the paper).
        attempts: How often a background is painted until no gate objects to it.
        merging: Step 3b, how the subject is moved and pasted.
        gates: What each stage's output must pass; by default a sane mask and a caption without words to avoid.
        max_side: Larger images are worked on, and stored, at this many pixels on their longer side; null keeps their
            own size.

    Raises:
        ValueError: If a number is below 1.
    """

    detector: Detector | None = None
    segmenter: Segmenter = BestMask()
    prompts: PromptEngine = PromptEngine()
    captioner: Captioner = TemplateCaptioner()
    captions_per_combination: int | None = None
    painter: BackgroundGenerator = ProceduralScenes()
    bank: BackgroundBank | None = None
    attempts: int = 1
    merging: Merging = Merging()
    gates: list[Gate] | None = None
    max_side: int | None = 512

    def __post_init__(self) -> None:
        if self.attempts < 1 or (self.captions_per_combination is not None and self.captions_per_combination < 1):
            raise ValueError("attempts and captions_per_combination are numbers of at least 1")
        if self.gates is None:
            self.gates = [*subject_gates(), AvoidedWords()]

    def steps(self) -> Step[Draft]:
        """The paper's Figure 2, with gates between the steps."""
        gates = self.gates or []
        photo = Photo(self.max_side)
        boxes = Boxes(detector_for(self.detector, self.segmenter), photo)
        subjects = Subjects(self.segmenter, photo, boxes)
        subject = Accept("subject", gates, subjects, photo)

        captions: Step[Caption] = Captions(self.prompts, self.captioner, self.captions_per_combination, self.bank)
        caption: Step[Caption] = Accept("caption", gates, captions, photo)
        if self.painter.shows is not None:
            captions = caption = Texts(self.painter.shows)
        attempts = [
            Backgrounds(self.painter, captions, self.max_side, self.bank, attempt=attempt)
            for attempt in range(self.attempts)
        ]
        background = FirstAccepted([Accept("background", gates, painted, captions, photo) for painted in attempts])

        images = Merge(self.merging, photo, subject, caption, background)
        return Accept("image", gates, images)

    def facts(self, request: Request, draft: Draft, cache: StageCache) -> Mapping[str, object]:
        """What a reader of the store may want to know of a finished image."""
        facts = dict(super().facts(request, draft, cache))
        if draft.caption is not None and self.painter.shows is None:
            facts |= {
                "caption_tries": draft.caption.tries,
                "caption_fallback": draft.caption.fallback,
                "spatial": draft.caption.prompt.spatial,
                "temporal": draft.caption.prompt.temporal,
            }
        return facts
