"""ALIA: the training image is put into one of the settings that the training set is found to have."""

from collections.abc import Iterator, Sequence
from typing import get_args

import numpy as np

from aga_lightning.augment.augmenter import ModelStage, StageCache
from aga_lightning.augment.base import Augmented, Gate, ImageCaptioner, ImageEditor, Rejected, Request
from aga_lightning.augment.captioners.language_model import LanguageModel
from aga_lightning.augment.editors.diffusion import DiffusionEditor
from aga_lightning.augment.gates.clip import ClipFilter
from aga_lightning.augment.image_captioners.captioning_model import CaptioningModel
from aga_lightning.augment.methods.domain_stages import Descriptions, Domains
from aga_lightning.augment.methods.domain_texts import PRESETS, Preset
from aga_lightning.augment.methods.domains import DomainSearch
from aga_lightning.augment.methods.pictures import Order, PictureAugmenter, checked_strength, picture_filters
from aga_lightning.augment.methods.wording import check_text, filled
from aga_lightning.images.records import ImageRecord
from aga_lightning.images.seeds import seed_from

_PLACES = ("class", "superclass")


class ALIA(PictureAugmenter):
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
        filters: What a picture must pass besides.
        max_side: The training images are worked on, and the pictures stored, at this many pixels on their longer side
            at most; null keeps their own size.

    Raises:
        ValueError: If a domain has an unknown place, there is none, or nothing that finds them; if a number is out of
            range; or a filter looks at something else than pictures.
    """

    def __init__(
        self,
        domains: Preset | list[str] | None = None,
        prefix: str = "a photo of a {class}",
        domain_count: int = 10,
        image_captioner: ImageCaptioner | None = CaptioningModel(),
        captioned_images: int | None = None,
        summariser: LanguageModel | None = LanguageModel(
            weights="Qwen/Qwen2.5-7B-Instruct", max_new_tokens=512, temperature=1.0, top_p=1.0
        ),
        captions_shown: int | None = 20,
        strength: float = 0.6,
        editor: ImageEditor = DiffusionEditor(
            weights="stable-diffusion-v1-5/stable-diffusion-v1-5", guidance=7.5, width=512, height=512
        ),
        semantic_filter: Gate | None = ClipFilter(),
        confidence_filter: Gate | None = None,
        filters: Sequence[Gate] = (),
        max_side: int | None = 512,
    ) -> None:
        for name, number in (
            ("domain_count", domain_count),
            ("captioned_images", captioned_images),
            ("captions_shown", captions_shown),
        ):
            if number is not None and number < 1:
                raise ValueError(f"{name} is {number}; it must be at least 1")
        if isinstance(domains, str) and domains not in PRESETS:
            known = ", ".join(get_args(Preset))
            raise ValueError(f"domains is {domains!r}: give one of {known}, a list of texts, or null")
        self.domains = domains
        self.prefix = check_text(prefix, _PLACES)
        self.domain_count = domain_count
        # Domains that are given need neither, and so no weights, and no place in a key.
        self.image_captioner = image_captioner if domains is None else None
        self.captioned_images = captioned_images
        self.summariser = summariser if domains is None else None
        self.captions_shown = captions_shown
        self.strength = checked_strength(strength)
        self.editor = editor
        self.semantic_filter = semantic_filter
        self.confidence_filter = confidence_filter
        self.filters = list(filters)
        self.max_side = max_side
        asked = [gate for gate in (semantic_filter, confidence_filter, *filters) if gate is not None]
        super().__init__(editor, picture_filters(asked), max_side)
        self._given = _given(domains)
        self._studied = ""
        self._search: DomainSearch | None = None
        if domains is None:
            if image_captioner is None or summariser is None:
                raise ValueError("to find domains takes an image_captioner and a summariser: give both, or domains")
            self._search = DomainSearch(
                image_captioner,
                summariser,
                self._recipe.isolation,
                prefix,
                domain_count,
                captioned_images,
                captions_shown,
            )

    @property
    def mean_strength(self) -> float:
        """Of all pictures."""
        return self.strength

    def prepare(self, records: Sequence[ImageRecord], cache: StageCache) -> None:
        """Take the training images that the domains are found in."""
        super().prepare(records, cache)
        if self._search is not None:
            self._search.open(records)
            self._studied = self._search.studied(cache)

    def learned(self) -> object:
        """What else decides the output: what the gates know, and what the domains are found in."""
        return {"gates": self._gating.known, "studied": self._studied}

    def lessons(self, cache: StageCache) -> list[ModelStage]:
        """The training images in words, and the domains, where these are not given."""
        return [] if self._search is None else [Descriptions(self._search, cache), Domains(self._search, cache)]

    def augment(self, requests: Sequence[Request], cache: StageCache) -> Iterator[Augmented | Rejected]:
        """Make what is asked, one outcome a request; the domains first, where no stage has found them."""
        if self._search is not None:
            for seed in sorted({request.seed for request in requests}):
                self._search.find(seed, cache)
        yield from super().augment(requests, cache)

    def order(self, request: Request, cache: StageCache) -> Order:
        """The class in one of the domains; the variants of an image go through all of them in an order of its own."""
        domains = self._given if self._search is None else self._search.found(request.seed, cache)
        if domains is None:  # nobody has looked yet; pictures differ by their seeds in any case
            return Order(filled(self.prefix, request.record), self.strength)
        seed = seed_from(request.seed, cache.digest(request.record.path), "domains")
        number = np.random.default_rng(seed).permutation(len(domains))[request.variant % len(domains)]
        domain = domains[number]
        return Order(filled(domain, request.record), self.strength, facts={"domain": domain})


def _given(domains: Preset | list[str] | None) -> list[str] | None:
    """The texts that a setting names; None where it leaves them to be found."""
    if domains is None:
        return None
    texts: Sequence[str] = PRESETS[domains] if isinstance(domains, str) else domains
    if not texts:
        raise ValueError("domains is empty: give at least one text, or null to find them")
    return [check_text(text, _PLACES) for text in texts]
