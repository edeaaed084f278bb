"""What the controls share: AGA's own steps with another painter between them."""

from abc import abstractmethod
from collections.abc import Sequence

from aga_lightning.augment.augmenter import ModelStage, StageCache
from aga_lightning.augment.base import (
    Augmented,
    BackgroundGenerator,
    Caption,
    Captioner,
    Detector,
    Draft,
    Gate,
    Prompt,
    Rejected,
    Request,
    Segmenter,
    Subject,
)
from aga_lightning.augment.compositing import Merging
from aga_lightning.augment.engine.gating import Gating
from aga_lightning.augment.engine.isolation import Isolation
from aga_lightning.augment.engine.judged import JudgedAugmenter, TrainingSubjects
from aga_lightning.augment.engine.recipe import Recipe
from aga_lightning.augment.engine.scenery import Scenery
from aga_lightning.augment.engine.stages import model_stages
from aga_lightning.augment.fingerprint import describe
from aga_lightning.augment.gates.embedded import MaskSanity
from aga_lightning.augment.prompts import PromptEngine
from aga_lightning.images.records import ImageRecord
from aga_lightning.images.samples import Sample


class BackgroundControl(JudgedAugmenter):
    """AGA's steps 1 and 3b with another painter between them; nobody is asked for a caption.

    Args:
        painter: What stands behind the subject; it borrows the training images.
        detector: As in AGA.
        segmenter: As in AGA.
        merging: As in AGA.
        gates: As in AGA; by default a sane mask.
        max_side: As in AGA.
    """

    def __init__(
        self,
        painter: BackgroundGenerator,
        detector: Detector,
        segmenter: Segmenter,
        merging: Merging,
        gates: list[Gate] | None,
        max_side: int | None,
    ) -> None:
        self.painter = painter
        self.detector = detector
        self.segmenter = segmenter
        self.merging = merging
        self.gates = [MaskSanity()] if gates is None else gates
        self.max_side = max_side
        # One remark for all: it is kept once, as the single caption of a single combination.
        self._scenery = Scenery(_NoPrompts(), _Remark(self.remark), painter, 1, None, max_side)
        gating = Gating(self.gates, remembers=self.accelerated)
        isolation = Isolation(detector, segmenter, max_side)
        self._recipe: Recipe = Recipe(isolation, self._scenery, gating, merging, attempts=1)

    @property
    @abstractmethod
    def remark(self) -> str:
        """What stands behind the subject, in words, in place of a caption."""

    def prepare(self, records: Sequence[ImageRecord], cache: StageCache) -> None:
        """Give the training photos to the painter, and to the gates that learn from them."""
        training = TrainingSubjects(self._recipe, records, cache)
        self._scenery.borrowed = training.digest()
        self.painter.borrow(self._borrowed(records, cache))
        self._instruct(training)

    def learned(self) -> object:
        """What else decides the output: the painter that the settings stand for, photos borrowed, what gates know."""
        return {
            "painter": describe(self.painter),
            "borrowed": self._scenery.borrowed,
            "gates": self._gating.known,
        }

    def stages(self, cache: StageCache) -> list[ModelStage]:
        """The stages that load a model, and those that look through what such a stage has made."""
        return model_stages(self._recipe, cache)

    def recombine(self, request: Request, background: Request, seed: int, cache: StageCache) -> Augmented | Rejected:
        """Place the subject afresh, in front of a background that is the control's for this subject."""
        made = self._recipe.remix(request, self._behind(request, background), seed, cache)
        return Rejected(request, made) if isinstance(made, str) else self._finished(request, made, cache)

    def _behind(self, request: Request, background: Request) -> Request:
        """Whose background a subject may have where another one's is offered: only one that was made for itself."""
        return Request(request.record, background.variant, background.seed)

    def _borrowed(self, records: Sequence[ImageRecord], cache: StageCache) -> TrainingSubjects:
        return _AllSubjects(self._recipe, records, cache)

    def _facts(self, request: Request, draft: Draft, cache: StageCache) -> dict[str, object]:
        subject, caption = draft.subject, draft.caption
        assert subject is not None and caption is not None  # the steps before have passed
        return {
            "caption": caption.text,
            "box": [round(edge, 2) for edge in subject.detection.box],
            "score": round(subject.score, 4),
        }


class _AllSubjects(TrainingSubjects):
    """The training images with all that was isolated in them, accepted or not: nobody else will be in front of it."""

    def __getitem__(self, index: int) -> tuple[Sample, Subject | None]:
        return self._recipe.subject(self._records[index], self._cache)


class _NoPrompts(PromptEngine):
    """Asks for nothing, and so for no words to avoid."""

    def __init__(self) -> None:
        super().__init__()

    def prompt(self, seed: int, avoid: Sequence[str] = ()) -> Prompt:
        return Prompt("", "", "")


class _Remark(Captioner):
    """Says the same of every background.

    Args:
        text: What it says.
    """

    def __init__(self, text: str) -> None:
        self.text = text

    def caption(self, prompts: Sequence[Prompt], seeds: Sequence[int]) -> list[Caption]:
        return [Caption(self.text, prompt) for prompt in prompts]
