"""ALIA: the training image is put into one of the settings that the training set is found to have."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast, get_args

import numpy as np

from aga_lightning.augment.augmenter import Finished, StageCache
from aga_lightning.augment.base import Caption, Draft, Gate, ImageCaptioner, ImageEditor, Prompt, Request, SubjectSource
from aga_lightning.augment.captioners.answers import shortened
from aga_lightning.augment.captioners.domains import domains_in, form, question, thing
from aga_lightning.augment.captioners.language_model import LanguageModel
from aga_lightning.augment.editors.diffusion import DiffusionEditor
from aga_lightning.augment.engine.accepting import Accept
from aga_lightning.augment.engine.gathering import Descriptions, TrainingSet
from aga_lightning.augment.engine.isolation import Photo
from aga_lightning.augment.engine.method import Method
from aga_lightning.augment.engine.pictures import Pictures, Result, checked_strength
from aga_lightning.augment.engine.step import Digest, Rejection, Step
from aga_lightning.augment.fingerprint import fingerprint
from aga_lightning.augment.gates.clip import ClipFilter
from aga_lightning.augment.image_captioners.captioning_model import CaptioningModel
from aga_lightning.augment.pretrained import PretrainedError
from aga_lightning.augment.texts import check_text, filled, names_of
from aga_lightning.images.seeds import seed_from

_PLACES = ("class", "superclass")

Preset = Literal["cub", "iwildcam", "iwildcam_instructions"]

PRESETS: dict[Preset, tuple[str, ...]] = {
    "cub": (
        "a photo of a {class} bird flying",
        "a photo of a {class} bird interacting with flowers",
        "a photo of a {class} bird in the water",
        "a photo of a {class} bird on a branch",
        "a photo of a {class} bird on rocks",
        "a photo of a {class} bird perched on a birdfeeder",
        "a photo of a {class} bird perched on a fence",
    ),
    "iwildcam": (
        "a photo of a {class} in a grassy field with trees and bushes",
        "a photo of {class} in a forest in the dark",
        "a photo of {class} near a large body of water in the middle of a field",
        "A photo of {class} walking on a dirt trail with twigs and branches",
    ),
    "iwildcam_instructions": (
        "put the {class} in a grassy field with trees and bushes",
        "put the animal in the middle of a forest at night",
        "put the animal near a lake",
        "put the animal in a field with twigs",
    ),
}
"""The prompts that ALIA (Dunlap et al. 2023) trained with, as the configurations of its authors' code tell them."""


class ALIA(Method):
    """ALIA (Dunlap et al. 2023): the training image in other settings, which its training set is summarised into.

    The training images are captioned, a language model summarises the captions into at most ten domains such as "a
    photo of a {class} on a branch", and image-to-image puts each training image into one of them. Filters drop what no
    longer looks like the subject, and what a classifier of the originals is sure about.

    Published: BLIP large captions all training images, 20 different captions are shown to the language model (the
    authors' code; the paper has GPT-4, the code Vicuna 13B), Stable Diffusion 1.5 with guidance 7.5 and strength 0.6
    (CUB) or 0.5 (iWildCam), CLIP ViT-L/14 with the negatives below. InstructPix2Pix is the paper's other editor:
    weights timbrooks/instruct-pix2pix, task instruction, guidance 5, image guidance 1.3, and domains that are
    instructions, such as iwildcam_instructions. Ours: the language model, since GPT-4 is not to be had as weights; the
    words of the question; that the picture is squashed to 512 x 512 pixels for the editor, where the authors edit at
    the photo's own size; that each augmentation is one domain drawn at random (an image meets each once before one
    twice), where the authors edit each image into all of them and then draw among those that pass.

    The filter by confidence needs a classifier that was trained on the originals alone, so it is not on by default:
    --data.augmenter.confidence_filter ConfidenceRule --data.augmenter.confidence_filter.weights CHECKPOINT. How many
    images of a class enter training is --data.augmented_per_class.

    Cost an image: 60 calls of the UNet of Stable Diffusion 1.5 at 512 x 512 pixels (0.6 of 50 steps, two calls a step
    under guidance), and one of CLIP's image encoder. Once for a training set whose domains are not given: a caption of
    each image, and an answer of the language model, or several where the captions do not fit into one question.

    Args:
        domains: What pictures show: texts with places for {class} and {superclass}, or a published list by its name
            (cub, iwildcam, iwildcam_instructions); null finds them.
        prefix: What the found domains begin with; places as above. For an editor that follows instructions: "put the
            {class}".
        domain_count: How many are found at most.
        image_captioner: Captions the training images, those without a subject too; no others are looked at.
        captioned_images: How many of them, drawn at random; null for all.
        summariser: Summarises the captions. An answer of no use is asked for again, as often as its `tries` say.
        captions_shown: How many different captions it is shown, drawn at random; null for all, in several questions
            where they are too many for one, and a last one about the answers.
        strength: How much of the image is given up, above 0 (nothing) to 1 (all of it).
        editor: Paints the picture.
        semantic_filter: Drops pictures that do not look like the subject; null for none.
        confidence_filter: Drops pictures that a classifier of the originals is sure about: ConfidenceRule, with the
            size, resize, mean and std that its classifier was evaluated with. Null for none, because that classifier
            has to be trained first.
        gates: What a picture must pass besides. Gates that look at anything else are not asked.
        max_side: The training images are worked on, and the pictures stored, at this many pixels on their longer side
            at most; null keeps their own size.

    Raises:
        ValueError: If a domain has an unknown place, there is none, or nothing that finds them; or if a number is out
            of range.
    """

    domains: Preset | list[str] | None = None
    prefix: str = "a photo of a {class}"
    domain_count: int = 10
    image_captioner: ImageCaptioner | None = CaptioningModel()
    captioned_images: int | None = None
    summariser: LanguageModel | None = LanguageModel(
        weights="Qwen/Qwen2.5-7B-Instruct", max_new_tokens=512, temperature=1.0, top_p=1.0
    )
    captions_shown: int | None = 20
    strength: float = 0.6
    editor: ImageEditor = DiffusionEditor(
        weights="stable-diffusion-v1-5/stable-diffusion-v1-5", guidance=7.5, width=512, height=512
    )
    semantic_filter: Gate | None = ClipFilter()
    confidence_filter: Gate | None = None
    gates: Sequence[Gate] = ()
    max_side: int | None = 512

    def __post_init__(self) -> None:
        for name in ("domain_count", "captioned_images", "captions_shown"):
            number = getattr(self, name)
            if number is not None and number < 1:
                raise ValueError(f"{name} is {number}; it must be at least 1")
        if isinstance(self.domains, str) and self.domains not in PRESETS:
            known = ", ".join(get_args(Preset))
            raise ValueError(f"domains is {self.domains!r}: give one of {known}, a list of texts, or null")
        if self.domains is not None and not self.domains:
            raise ValueError("domains is empty: give at least one text, or null to find them")
        for text in (self.prefix, *self._given):
            check_text(text, _PLACES)
        checked_strength(self.strength)
        if self.domains is not None:  # which needs neither, and so no weights, and no place in a key
            self.image_captioner = self.summariser = None
        elif self.image_captioner is None or self.summariser is None:
            raise ValueError("to find domains takes an image_captioner and a summariser: give both, or domains")

    def steps(self) -> Step[Draft]:
        """Descriptions of the training images, domains, the photo edited into one of them, and the filters."""
        gates = [gate for gate in (self.semantic_filter, self.confidence_filter, *self.gates) if gate is not None]
        photo = Photo(self.max_side)
        texts = DomainTexts(self._domains())
        pictures = Pictures(self.editor, photo, texts, self.max_side, strengths=[self.strength])
        return Accept("image", gates, Result(photo, texts, pictures))

    def facts(self, request: Request, draft: Draft, cache: StageCache) -> Mapping[str, object]:
        """What a reader of the store may want to know of a finished image."""
        domain = "" if draft.caption is None else draft.caption.prompt.instruction
        return {**super().facts(request, draft, cache), "domain": domain}

    def _domains(self) -> Step[list[str]]:
        if self.image_captioner is None or self.summariser is None:
            return GivenDomains(self._given)
        descriptions = TrainingSet(Descriptions(self.image_captioner, self.max_side), self.captioned_images)
        return Domains(self.summariser, descriptions, self.prefix, self.domain_count, self.captions_shown)

    @property
    def _given(self) -> Sequence[str]:
        if self.domains is None:
            return ()
        return PRESETS[self.domains] if isinstance(self.domains, str) else self.domains


class Domains(Step[list[str]]):
    """A few settings that a language model summarises the descriptions into, once for each seed of a run.

    Args:
        summariser: The language model.
        descriptions: What it summarises.
        prefix: What each domain begins with; places for {class} and {superclass}.
        count: How many domains there are at most.
        shown: How many different descriptions it is shown, drawn at random; None for all.
    """

    name = "domains"
    loads = False

    def __init__(
        self, summariser: LanguageModel, descriptions: TrainingSet, prefix: str, count: int, shown: int | None
    ) -> None:
        super().__init__(descriptions, parts=[summariser])
        self.summariser = summariser
        self.captioner = type(descriptions.each.parts[0]).__name__
        self.prefix = prefix
        self.count = count
        self.shown = shown
        self.decides = True  # once, and not in each thread that wants them
        self._begin = self._kind = ""

    def prepare(self, training: SubjectSource) -> None:
        """Learn what to call the subjects."""
        super().prepare(training)
        kinds = {record.superclass for record in training.records if record.has_subject}
        self._begin, self._kind = form(self.prefix, kinds), thing(kinds)
        self.learned = {"studied": fingerprint(sorted(set(training.digests)), self._begin)}

    def settings(self) -> list[Any]:
        """The form of a domain, and the numbers."""
        return [self.prefix, self._begin, self.count, self.shown]

    def plan(self, request: Request, digest: Digest) -> int:
        """The seed of the run."""
        return request.seed

    def make(self, plans: Sequence[int], *inputs: Sequence[Any]) -> list[list[str]]:
        """Summarise.

        Raises:
            PretrainedError: If no image could be described, or no answer of the summariser can be used.
        """
        return [self._found(seed, descriptions) for seed, descriptions in zip(plans, inputs[0], strict=True)]

    def encode(self, made: list[str], plan: int, *inputs: Any) -> Finished:  # noqa: ANN401 as in `Step`
        """The domains, and how many images were described."""
        described = sum(not isinstance(text, Rejection) for text in inputs[0])
        return {"domains": made, "described": described, "summariser": type(self.summariser).__name__}, None

    def decode(self, facts: Mapping[str, object], data: bytes | None, plan: int) -> list[str]:
        """The domains."""
        return [str(text) for text in cast("list[object]", facts["domains"])]

    def _found(self, seed: int, descriptions: Sequence[str | Rejection]) -> list[str]:
        lines = [" ".join(text.split()) for text in descriptions if isinstance(text, str)]
        captions = {shortened(line) for line in lines if line}  # one a line that a question has room for
        if not captions:
            raise PretrainedError(
                f"{self.captioner} described none of {len(descriptions)} training images, so there is nothing to "
                "summarise: give another image_captioner, or name the domains"
            )
        # An order that neither records nor keys decide.
        return self._summarised(sorted(captions, key=lambda text: seed_from(seed, text, "shown"))[: self.shown], seed)

    def _summarised(self, captions: list[str], seed: int) -> list[str]:
        """The domains of captions; of more than the model can read at once, those of the domains of their parts."""
        parts = self._parts(captions)
        domains = [
            domain
            for number, part in enumerate(parts)
            for domain in self._answered(part, seed_from(seed, len(captions), number, "domains"))
        ]
        if len(parts) == 1:
            return domains
        merged = list(dict.fromkeys(domains))
        if len(merged) >= len(captions):  # it does not get fewer, and never would
            return merged[: self.count]
        return self._summarised([self._begin + domain.removeprefix(self.prefix) for domain in merged], seed)

    def _parts(self, captions: list[str]) -> list[list[str]]:
        """Captions in parts that the model can read."""
        if len(captions) < 2 or self.summariser.fits(question(captions, self._begin, self.count)):
            return [captions]
        half = len(captions) // 2
        return [*self._parts(captions[:half]), *self._parts(captions[half:])]

    def _answered(self, captions: Sequence[str], seed: int) -> list[str]:
        model = self.summariser
        tries = model.tries if model.temperature > 0 else 1
        asked = question(captions, self._begin, self.count)
        for number in range(1, tries + 1):
            answer = model.reply(asked, seed_from(seed, number))
            if domains := domains_in(answer, self.prefix, self._begin, self._kind, self.count):
                return domains
        said = " ".join(answer.split())[:80]
        raise PretrainedError(
            f"{type(model).__name__} ({model.weights}) found no domains in {len(captions)} captions; the last of its "
            f"{tries} answers begins {said!r}: give another summariser or more tries, or name the domains yourself"
        )


class GivenDomains(Step[list[str]]):
    """Domains that need not be found.

    Args:
        texts: Which they are.
    """

    loads = False

    def __init__(self, texts: Sequence[str]) -> None:
        super().__init__()
        self.texts = list(texts)

    def settings(self) -> list[str]:
        """The texts."""
        return self.texts

    def make(self, plans: Sequence[Any], *inputs: Sequence[Any]) -> list[list[str]]:
        """The same for all."""
        return [self.texts] * len(plans)


class DomainTexts(Step[Caption]):
    """The class in one of the domains; the variants of an image go through all of them in an order of its own.

    Args:
        domains: The domains.
    """

    fills = "caption"
    loads = False

    def __init__(self, domains: Step[list[str]]) -> None:
        super().__init__(domains)

    def plan(self, request: Request, digest: Digest) -> list[Any]:
        """Class and superclass, the seed of the order, and the place in it."""
        seed = seed_from(request.seed, digest(request.record.path), "domains")
        return [names_of(request.record), seed, request.variant]

    def make(self, plans: Sequence[Any], *inputs: Sequence[list[str]]) -> list[Caption]:
        """Choose, and fill in."""
        return [self._filled(domains, *plan) for plan, domains in zip(plans, inputs[0], strict=True)]

    def _filled(self, domains: list[str], names: Mapping[str, str], seed: int, variant: int) -> Caption:
        number = np.random.default_rng(seed).permutation(len(domains))[variant % len(domains)]
        return Caption(filled(domains[number], names), Prompt(domains[number], "", ""))
