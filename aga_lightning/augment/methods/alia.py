"""ALIA: the training image is put into one of the settings that the training set is found to have."""

from collections.abc import Mapping, Sequence
from typing import get_args

from aga_lightning.augment.augmenter import StageCache
from aga_lightning.augment.base import Draft, Gate, ImageCaptioner, ImageEditor, Request
from aga_lightning.augment.captioners.language_model import LanguageModel
from aga_lightning.augment.editors.diffusion import DiffusionEditor
from aga_lightning.augment.engine.accepting import Accept
from aga_lightning.augment.engine.isolation import Photo
from aga_lightning.augment.engine.method import Method
from aga_lightning.augment.engine.step import Step
from aga_lightning.augment.gates.clip import ClipFilter
from aga_lightning.augment.image_captioners.captioning_model import CaptioningModel
from aga_lightning.augment.methods.domain_texts import PRESETS, Preset
from aga_lightning.augment.methods.domains import Descriptions, Domains, DomainTexts, GivenDomains, TrainingSet
from aga_lightning.augment.methods.pictures import Pictures, Result, checked_strength
from aga_lightning.augment.methods.texts import check_text

_PLACES = ("class", "superclass")


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
