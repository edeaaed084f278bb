"""AGA, the recipe of the paper (its Figure 2): isolate the subject, caption a background, paint it, merge the two."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from aga_lightning.augment.augmenter import Augmenter, ModelStage, StageCache
from aga_lightning.augment.backgrounds.procedural import ProceduralScenes
from aga_lightning.augment.bank import BackgroundBank
from aga_lightning.augment.base import (
    Augmented,
    BackgroundGenerator,
    Captioner,
    Detector,
    Draft,
    Gate,
    Rejected,
    Request,
    Sample,
    Segmenter,
    Subject,
    SubjectSource,
)
from aga_lightning.augment.captioners.template import TemplateCaptioner
from aga_lightning.augment.compositing import Merging
from aga_lightning.augment.detectors.embedded import CentrePrior
from aga_lightning.augment.fingerprint import fingerprint
from aga_lightning.augment.gates.embedded import AvoidedWords, MaskSanity
from aga_lightning.augment.isolation import Isolation, mask_digest
from aga_lightning.augment.jury import Jury
from aga_lightning.augment.prompts import PromptEngine, avoid_words
from aga_lightning.augment.recipe import Recipe
from aga_lightning.augment.scenery import Scenery
from aga_lightning.augment.segmenters.embedded import GrabCut
from aga_lightning.augment.stages import model_stages
from aga_lightning.data.base import ImageRecord
from aga_lightning.data.images import ImageReadError


class AGA(Augmenter):
    """Automated Generative Data Augmentation: the same subject before a new background.

    Step 1 asks the detector for a box around the superclass and the segmenter for the mask in it. Step 2 draws
    instruction x spatial setting x time or season, and asks the captioner for a background in words. Step 3 paints the
    background and merges the flipped, rotated and scaled subject on it. Each step's output is cached, so that changing
    a later part never repeats an earlier one. Parts with models run in stages of their own, one model in memory at a
    time.

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
        self._jury = Jury(self.gates, remembers=self.accelerated)
        self._recipe = Recipe(isolation, self._scenery, self._jury, merging, attempts)
        self._guarded = ""

    def prepare(self, records: Sequence[ImageRecord], cache: StageCache) -> None:
        """Learn which words a background must avoid, and lend the training photos to the parts that want them."""
        subjects = [record for record in records if record.has_subject]
        names = sorted({record.class_name for record in subjects})
        self._scenery.avoid = avoid_words(names, sorted({record.superclass for record in subjects}))
        training = _TrainingSubjects(self, self._recipe, records, cache)
        if self.painter.borrows:
            self._scenery.borrowed = training.digest()
            self.painter.borrow(training)
        if self.bank is not None:
            self.bank.open([(record.class_name, cache.digest(record.path)) for record in subjects])
        studied = training.digest() if any(gate.learns for gate in self.gates) else ""
        self._jury.instruct(training, fingerprint(studied, self._guarded))

    def guard(self, hashes: Sequence[int]) -> None:
        """Let the gates compare what is made with the evaluation images; call it before `prepare`."""
        self._guarded = fingerprint(sorted(hashes))
        for gate in self.gates:
            if gate.guards:
                gate.guard(hashes)

    def learned(self) -> object:
        """What else decides the output: words to avoid, photos lent, what gates know, for which images the bank is."""
        return {
            "avoid": list(self._scenery.avoid),
            "borrowed": self._scenery.borrowed,
            "gates": self._jury.known,
            "bank": "" if self.bank is None else self.bank.learned(),
        }

    def stages(self, cache: StageCache) -> list[ModelStage]:
        """The stages that load a model, and those that look through what such a stage has made."""
        return model_stages(self._recipe, cache)

    def augment(self, requests: Sequence[Request], cache: StageCache) -> Iterator[Augmented | Rejected]:
        """Make what is asked; the subject of a record is isolated once for all its variants."""
        for record, variants in groupby(requests, key=lambda request: request.record):
            try:
                sample, subject = self.subject(record, cache)
            except ImageReadError as error:
                yield from (Rejected(request, str(error)) for request in variants)
                continue
            for request in variants:
                yield self._judged(request, self._recipe.compose(request, sample, subject, cache), cache)

    def subject(self, record: ImageRecord, cache: StageCache) -> tuple[Sample, Subject | None]:
        """A record's image at the working size, and its subject."""
        return self._recipe.subject(record, cache)

    def kept(self, request: Request, cache: StageCache) -> Draft | None:
        """A request's image, subject, caption and background, as far as it got; nothing is made."""
        return self._recipe.kept(request, cache)

    def recombine(self, request: Request, background: Request, seed: int, cache: StageCache) -> Augmented | Rejected:
        """Put the subject of one request before the background of another, with a fresh placement."""
        made = self._recipe.remix(request, background, seed, cache)
        return Rejected(request, made) if isinstance(made, str) else self._finished(request, made)

    def _judged(self, request: Request, made: Draft | str, cache: StageCache) -> Augmented | Rejected:
        if isinstance(made, str):
            return Rejected(request, made)
        objection = self._recipe.objection_to_image(request, made, cache)
        return self._finished(request, made) if objection is None else Rejected(request, objection)

    def _finished(self, request: Request, draft: Draft) -> Augmented:
        subject, caption = draft.subject, draft.caption
        assert subject is not None and caption is not None and draft.image is not None  # `_merge` has made it
        facts = {
            "caption": caption.text,
            "caption_tries": caption.tries,
            "caption_fallback": caption.fallback,
            "spatial": caption.prompt.spatial,
            "temporal": caption.prompt.temporal,
            "box": [round(edge, 2) for edge in subject.detection.box],
            "score": round(subject.score, 4),
        }
        return Augmented(request, draft.image, facts)


class _TrainingSubjects(SubjectSource):
    """The training images, isolated when they are looked at."""

    def __init__(self, aga: AGA, recipe: Recipe, records: Sequence[ImageRecord], cache: StageCache) -> None:
        self._aga, self._recipe, self._records, self._cache = aga, recipe, records, cache

    def __len__(self) -> int:
        return len(self._records)

    def digest(self) -> str:
        sources = [
            (digest, record.label, record.superclass, record.box, mask_digest(record, self._cache),
             # Only where there are groups, so that the keys of other data sets stay what they were.
             *([record.group] if record.group else []))
            for digest, record in zip(self.digests, self._records, strict=True)
        ]  # fmt: skip
        gates = [gate for gate in self._aga.gates if gate.stage == "subject"]
        return fingerprint(sources, self._aga.max_side, self._aga.detector, self._aga.segmenter, gates)

    def __getitem__(self, index: int) -> tuple[Sample, Subject | None]:
        sample, subject = self._recipe.subject(self._records[index], self._cache)
        # What a rejected mask leaves behind is the subject itself, and so a wrong label in the background.
        accepted = self._recipe.accepted_subject(Request(self._records[index], 0), sample, subject, self._cache)
        return sample, None if isinstance(accepted, str) else subject

    @property
    def records(self) -> Sequence[ImageRecord]:
        return self._records

    @property
    def digests(self) -> Sequence[str]:
        return [self._cache.digest(record.path) for record in self._records]

    def sample(self, index: int) -> Sample:
        return self._recipe.isolation.sample(self._records[index], self._cache)
