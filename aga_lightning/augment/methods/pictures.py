"""Methods whose image comes out of a diffusion model whole: made of words alone, or of the training image and words."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from aga_lightning.augment.augmenter import Finished, ModelStage, StageCache, Unit
from aga_lightning.augment.base import (
    BackgroundGenerator,
    Caption,
    Detector,
    Draft,
    Edit,
    Gate,
    ImageEditor,
    Prompt,
    Request,
    Scene,
    Segmenter,
    Subject,
    accelerated,
)
from aga_lightning.augment.compositing import cover
from aga_lightning.augment.detectors.embedded import CentrePrior
from aga_lightning.augment.engine.gating import Gating
from aga_lightning.augment.engine.isolating import IsolatingRecipe
from aga_lightning.augment.engine.isolation import Isolation, mask_digest, unreadable
from aga_lightning.augment.engine.judged import JudgedAugmenter, TrainingSubjects
from aga_lightning.augment.engine.subject_stages import RecipeStage, image_stages, subject_stages
from aga_lightning.augment.fingerprint import fingerprint
from aga_lightning.augment.segmenters.embedded import GrabCut
from aga_lightning.images.codec import decode_rgb, encode_jpeg
from aga_lightning.images.pixels import Image, Mask
from aga_lightning.images.reading import ImageReadError
from aga_lightning.images.records import ImageRecord
from aga_lightning.images.samples import Sample
from aga_lightning.images.seeds import seed_from

Maker = BackgroundGenerator | ImageEditor
"""A painter makes a picture of words alone, an editor of an image and words."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a method wants to see in the picture of one request.

    Args:
        text: The words.
        strength: How much of the training image an editor gives up, above 0 to 1.
        known: A key of whatever else decides the picture, such as what was learned of the class.
        facts: What a reader of the store may want to know; plain JSON values.
    """

    text: str
    strength: float = 1.0
    known: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)


def picture_filters(filters: Sequence[Gate]) -> list[Gate]:
    """The gates that a finished picture must pass.

    Raises:
        ValueError: If one of them looks at something else, and so would never be asked.
    """
    for gate in filters:
        if gate.stage != "image":
            raise ValueError(
                f"{type(gate).__name__} looks at the {gate.stage}, not at the finished picture: leave it out of filters"
            )
    return list(filters)


def checked_strength(strength: float) -> float:
    """A strength that can be.

    Raises:
        ValueError: If it is not above 0 and at most 1.
    """
    if not 0 < strength <= 1:
        raise ValueError(f"strength is {strength}: give a number above 0, at most 1")
    return strength


class PictureAugmenter(JudgedAugmenter):
    """A method that has one picture made for each request, by one model.

    A subclass says in `order` what the picture shows, and may change in `finish` what becomes of it. Its constructor
    keeps its arguments and calls this one's.

    Args:
        maker: Makes the pictures. What an editor starts from is the training image.
        gates: What subject and image must pass.
        max_side: The training images are worked on, and the results stored, at this many pixels on their longer side
            at most; null keeps their own size.
        isolates: Whether the subject has to be found, because the picture may change only where it is not.
        detector: Where the subject is.
        segmenter: Which pixels are the subject's.
    """

    def __init__(
        self,
        maker: Maker,
        gates: Sequence[Gate],
        max_side: int | None,
        isolates: bool = False,
        detector: Detector | None = None,
        segmenter: Segmenter | None = None,
    ) -> None:
        isolation = Isolation(detector or CentrePrior(), segmenter or GrabCut(), max_side)
        gating = Gating(gates, remembers=accelerated([maker, *gates, detector, segmenter]))
        self._recipe: PictureRecipe = PictureRecipe(self, maker, isolation, gating, isolates)

    @abstractmethod
    def order(self, request: Request, cache: StageCache) -> Order:
        """What the picture of a request shows, from its class, its number and its seed; cheap, and the same each time.

        Where a stage of `lessons` has not been through yet, anything will do that differs where pictures will.
        """

    def finish(self, picture: Image, draft: Draft) -> Image:
        """What is stored, from the picture and the sample and subject it was made for; the picture itself."""
        return picture

    def open_part(self, subject: Subject) -> Mask:
        """Where the picture may change, for a method that isolates; (height, width).

        What decides it besides the subject belongs in `Order.known`.
        """
        return ~subject.mask

    @property
    def mean_strength(self) -> float:
        """How much of the training image is given up, in the mean over all pictures; for those who count costs."""
        return 1.0

    def lessons(self, cache: StageCache) -> list[ModelStage]:
        """Stages that come before the first picture, such as learning a word for each class."""
        return []

    def prepare(self, records: Sequence[ImageRecord], cache: StageCache) -> None:
        """Show the training images to the gates that learn."""
        self._instruct(TrainingSubjects(self._recipe, records, cache))

    def learned(self) -> object:
        """What else decides the output: what the gates know."""
        return {"gates": self._gating.known}

    def stages(self, cache: StageCache) -> list[ModelStage]:
        """Lessons, subjects, pictures, verdicts; none where no part needs an accelerator."""
        recipe = self._recipe
        if not recipe.gating.remembers:
            return []
        stages = [*self.lessons(cache), *subject_stages(recipe, cache)]
        if accelerated(recipe.maker):
            stages.append(Pictures(recipe, cache, "pictures", [recipe.maker]))
        return stages + image_stages(recipe, cache)

    def _facts(self, request: Request, draft: Draft, cache: StageCache) -> Mapping[str, object]:
        order = self.order(request, cache)
        facts: dict[str, object] = {"caption": order.text, **order.facts}
        if draft.subject is not None:
            facts["box"] = [round(edge, 2) for edge in draft.subject.detection.box]
            facts["score"] = round(draft.subject.score, 4)
        return facts


class PictureRecipe(IsolatingRecipe):
    """One picture for one request.

    Args:
        method: Says what the picture shows.
        maker: Makes it.
        isolation: How a record becomes a sample, and where its subject is.
        gating: The gates.
        isolates: Whether the subject has to be found.
    """

    def __init__(
        self, method: PictureAugmenter, maker: Maker, isolation: Isolation, gating: Gating, isolates: bool
    ) -> None:
        super().__init__(isolation, gating, isolates)
        self.method = method
        self.maker = maker
        self._maker_key = fingerprint(maker)

    def picture_key(self, request: Request, cache: StageCache) -> str:
        """Under which key the picture of a request is kept."""
        order = self.method.order(request, cache)
        record = request.record
        # Also for a painter: the source's size is its canvas where it has none of its own, and max_side bounds what is
        # kept. A mask that cannot be read makes the source unreadable.
        source: list[object] = [cache.digest(record.path), mask_digest(record, cache), self.isolation.max_side]
        if self.isolates:
            source.append(self.instance_key(request, cache))
        seed = self._seed(request, cache)
        return fingerprint("picture", self._maker_key, order.text, order.strength, order.known, seed, *source)

    def pictures(self, requests: Sequence[Request], drafts: Sequence[Draft], cache: StageCache) -> list[Image]:
        """The picture of each request, as it is kept; what is missing is made now, from its sample and subject."""
        keys = [self.picture_key(request, cache) for request in requests]

        def make(missing: list[int]) -> list[Finished]:
            orders = [self.method.order(requests[index], cache) for index in missing]
            seeds = [self._seed(requests[index], cache) for index in missing]
            made = self._make(orders, seeds, [drafts[index] for index in missing])
            maker = type(self.maker).__name__
            return [
                ({"maker": maker, "text": order.text, "strength": order.strength}, encode_jpeg(picture))
                for order, picture in zip(orders, made, strict=True)
            ]

        return [decode_rgb(data or b"") for _, data in cache.recall("pictures", keys, make)]

    def compose(self, request: Request, sample: Sample, whole: Subject | None, cache: StageCache) -> Draft | str:
        """The finished picture, or the objection to the subject."""
        draft = self.accepted_draft(request, sample, whole, cache)
        if isinstance(draft, str):
            return draft
        picture = self.pictures([request], [draft], cache)[0]
        caption = Caption(self.method.order(request, cache).text, _NOTHING_ASKED)
        return Draft(sample, draft.subject, caption, None, self.method.finish(picture, draft))

    def accepted_draft(self, request: Request, sample: Sample, whole: Subject | None, cache: StageCache) -> Draft | str:
        """What the picture is made for: the sample, and the subject where one is needed; or the objection to it."""
        if not self.isolates:
            return Draft(sample)
        subject = self.accepted_subject(request, sample, whole, cache)
        return subject if isinstance(subject, str) else Draft(sample, subject)

    def image_draft(self, request: Request, cache: StageCache) -> str:
        """A key of the finished picture."""
        if not self.gating.remembers:
            return ""
        record = request.record
        return fingerprint(self.picture_key(request, cache), self._finish_key, record.class_name, record.label)

    def kept(self, request: Request, cache: StageCache) -> Draft:
        """A request's image, subject, words, and finished picture where it is kept; nothing is made."""
        sample = self.isolation.sample(request.record, cache)
        whole = self.isolation.kept(request.record, cache) if self.isolates else None
        subject = None if whole is None else whole.for_variant(request.variant)
        caption = Caption(self.method.order(request, cache).text, _NOTHING_ASKED)
        draft = Draft(sample, subject, caption)
        found = cache.load("pictures", self.picture_key(request, cache))
        if found is None or found[1] is None or (self.isolates and subject is None):
            return draft
        return replace(draft, image=self.method.finish(decode_rgb(found[1]), draft))

    @cached_property
    def _finish_key(self) -> str:
        """A key of all that turns the picture into the image."""
        return fingerprint(self.method)

    def _make(self, orders: Sequence[Order], seeds: Sequence[int], drafts: Sequence[Draft]) -> list[Image]:
        sizes = [(draft.sample.image.shape[1], draft.sample.image.shape[0]) for draft in drafts]
        if isinstance(self.maker, BackgroundGenerator):
            captions = [Caption(order.text, _NOTHING_ASKED) for order in orders]
            scenes = [
                Scene(caption, self.maker.canvas(size), seed)
                for caption, size, seed in zip(captions, sizes, seeds, strict=True)
            ]
            limits = [self.isolation.max_side or max(scene.size) for scene in scenes]
            return [_shrunk(image, limit) for image, limit in zip(self.maker.paint(scenes), limits, strict=True)]
        return self.maker.edit(
            [
                Edit(
                    draft.sample.image,
                    order.text,
                    seed,
                    order.strength,
                    None if draft.subject is None else self.method.open_part(draft.subject),
                )
                for order, seed, draft in zip(orders, seeds, drafts, strict=True)
            ]
        )

    def _seed(self, request: Request, cache: StageCache) -> int:
        return seed_from(request.seed, cache.digest(request.record.path), request.variant, "picture")


class Pictures(RecipeStage[PictureRecipe]):
    """The pictures."""

    def key(self, request: Request) -> str | None:
        """The request's picture."""
        return self.recipe.picture_key(request, self.cache) if self.usable(request) else None

    def load(self, unit: Unit) -> object:
        """What the picture is made for, or why it cannot be."""
        try:
            sample, whole = self.recipe.subject(unit.request.record, self.cache)
        except ImageReadError as error:
            return error
        return self.recipe.accepted_draft(unit.request, sample, whole, self.cache)

    def pending(self, requests: Sequence[Request], cache: StageCache) -> list[Unit]:
        """What is missing, the strongest edits first: a batch of an editor has one strength, and is always filled."""
        return sorted(super().pending(requests, cache), key=self._strength, reverse=True)

    @property
    def denoiser_calls_per_unit(self) -> int:
        """An editor takes the share of its steps that the strength says."""
        return self._calls(self.recipe.method.mean_strength)

    def weight(self, unit: Unit) -> float:
        """The denoiser's calls for a picture, against those for the mean of all pictures."""
        mean = self.denoiser_calls_per_unit
        return self._calls(self._strength(unit)) / mean if mean else 1.0

    def _strength(self, unit: Unit) -> float:
        return self.recipe.method.order(unit.request, self.cache).strength

    def _calls(self, strength: float) -> int:
        ask = getattr(self.recipe.maker, "denoiser_calls_per_image", None)
        if ask is None or not isinstance(self.recipe.maker, ImageEditor):
            return super().denoiser_calls_per_unit
        return int(ask(strength))

    def run(self, units: Sequence[Unit], loaded: Sequence[object]) -> None:
        """Make; of an image that cannot be read, keep that it cannot."""
        for unit, draft in zip(units, loaded, strict=True):
            if isinstance(draft, ImageReadError):
                self.cache.save("pictures", unit.key, *unreadable(str(draft)))
        pairs = [(unit.request, draft) for unit, draft in zip(units, loaded, strict=True) if isinstance(draft, Draft)]
        if pairs:
            self.recipe.pictures([request for request, _ in pairs], [draft for _, draft in pairs], self.cache)


_NOTHING_ASKED = Prompt("", "", "")


def _shrunk(image: Image, max_side: int) -> Image:
    """An image whose longer side has that many pixels at most."""
    scale = min(1.0, max_side / max(image.shape[:2]))
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return cover(image, size)
