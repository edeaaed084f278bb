"""AGA, the recipe of the paper (its Figure 2): isolate the subject, caption a background, paint it, merge the two."""

from collections.abc import Sequence

from aga_lightning.augment.augmenter import ModelStage, StageCache
from aga_lightning.augment.base import (
    Augmented,
    BackgroundGenerator,
    Captioner,
    Detector,
    Draft,
    Gate,
    Rejected,
    Request,
    Segmenter,
)
from aga_lightning.augment.captioners.template import TemplateCaptioner
from aga_lightning.augment.compositing import Merging
from aga_lightning.augment.detectors.embedded import CentrePrior
from aga_lightning.augment.engine.bank import BackgroundBank
from aga_lightning.augment.engine.gating import Gating
from aga_lightning.augment.engine.isolation import Isolation
from aga_lightning.augment.engine.judged import JudgedAugmenter, TrainingSubjects
from aga_lightning.augment.engine.recipe import Recipe
from aga_lightning.augment.engine.scenery import Scenery
from aga_lightning.augment.engine.stages import model_stages
from aga_lightning.augment.gates.embedded import AvoidedWords, MaskSanity
from aga_lightning.augment.painters.procedural import ProceduralScenes
from aga_lightning.augment.prompts import PromptEngine, avoid_words
from aga_lightning.augment.segmenters.embedded import GrabCut
from aga_lightning.images.records import ImageRecord


class AGA(JudgedAugmenter):
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
        detector: Step 1a, where the subject is.
        segmenter: Step 1b, which pixels are the subject's.
        prompts: Step 2a, what the captioner is asked.
        captioner: Step 2b, the background in words.
        captions_per_combination: Captions for each combination of the prompt engine, shared by all backgrounds; null
            writes one for each background (the paper).
        painter: Step 3a, the background in pixels.
        bank: How many backgrounds are painted, each for many augmentations; null paints one for each (the paper).
        attempts: How often a background is painted until no gate objects to it.
        merging: Step 3b, how the subject is moved and pasted.
        gates: What each stage's output must pass; by default a sane mask and a caption without words to avoid.
        max_side: Larger images are worked on, and stored, at this many pixels on their longer side; null keeps their
            own size.
    """

    def __init__(
        self,
        detector: Detector = CentrePrior(),
        segmenter: Segmenter = GrabCut(),
        prompts: PromptEngine = PromptEngine(),
        captioner: Captioner = TemplateCaptioner(),
        captions_per_combination: int | None = None,
        painter: BackgroundGenerator = ProceduralScenes(),
        bank: BackgroundBank | None = None,
        attempts: int = 1,
        merging: Merging = Merging(),
        gates: list[Gate] | None = None,
        max_side: int | None = 512,
    ) -> None:
        if attempts < 1 or (captions_per_combination is not None and captions_per_combination < 1):
            raise ValueError("attempts and captions_per_combination are numbers of at least 1")
        self.detector = detector
        self.segmenter = segmenter
        self.prompts = prompts
        self.captioner = captioner
        self.captions_per_combination = captions_per_combination
        self.painter = painter
        self.bank = bank
        self.attempts = attempts
        self.merging = merging
        self.gates = [MaskSanity(), AvoidedWords()] if gates is None else gates
        self.max_side = max_side
        isolation = Isolation(detector, segmenter, max_side)
        self._scenery = Scenery(prompts, captioner, painter, captions_per_combination, bank, max_side)
        gating = Gating(self.gates, remembers=self.accelerated)
        self._recipe: Recipe = Recipe(isolation, self._scenery, gating, merging, attempts)

    def prepare(self, records: Sequence[ImageRecord], cache: StageCache) -> None:
        """Learn which words a background must avoid, and give the training photos to the parts that borrow."""
        subjects = [record for record in records if record.has_subject]
        names = sorted({record.class_name for record in subjects})
        self._scenery.avoid = avoid_words(names, sorted({record.superclass for record in subjects}))
        training = TrainingSubjects(self._recipe, records, cache)
        if self.painter.borrows:
            self._scenery.borrowed = training.digest()
            self.painter.borrow(training)
        if self.bank is not None:
            self.bank.open([(record.class_name, cache.digest(record.path)) for record in subjects])
        self._instruct(training)

    def learned(self) -> object:
        """What else decides the output: words to avoid, photos borrowed, what gates know, whose the bank is."""
        return {
            "avoid": list(self._scenery.avoid),
            "borrowed": self._scenery.borrowed,
            "gates": self._gating.known,
            "bank": "" if self.bank is None else self.bank.learned(),
        }

    def stages(self, cache: StageCache) -> list[ModelStage]:
        """The stages that load a model, and those that look through what such a stage has made."""
        return model_stages(self._recipe, cache)

    def recombine(self, request: Request, background: Request, seed: int, cache: StageCache) -> Augmented | Rejected:
        """Put the subject of one request in front of the background of another, with a fresh placement."""
        made = self._recipe.remix(request, background, seed, cache)
        return Rejected(request, made) if isinstance(made, str) else self._finished(request, made, cache)

    def _facts(self, request: Request, draft: Draft, cache: StageCache) -> dict[str, object]:
        subject, caption = draft.subject, draft.caption
        assert subject is not None and caption is not None  # the steps before have passed
        return {
            "caption": caption.text,
            "caption_tries": caption.tries,
            "caption_fallback": caption.fallback,
            "spatial": caption.prompt.spatial,
            "temporal": caption.prompt.temporal,
            "box": [round(edge, 2) for edge in subject.detection.box],
            "score": round(subject.score, 4),
        }
