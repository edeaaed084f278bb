"""The steps of methods whose image comes out of a model whole: made of words alone, or of a photo and words."""

from collections.abc import Mapping, Sequence
from typing import Any

from aga_lightning.augment.augmenter import Finished
from aga_lightning.augment.base import BackgroundGenerator, Caption, Draft, Edit, ImageEditor, Request, Scene, Subject
from aga_lightning.augment.compositing import cover
from aga_lightning.augment.engine.step import Digest, Step
from aga_lightning.images.codec import decode_rgb, encode_jpeg
from aga_lightning.images.pixels import Image, Mask
from aga_lightning.images.samples import Sample
from aga_lightning.images.seeds import seed_from


class Pictures(Step[Image]):
    """A picture for each request, (height, width, 3) RGB.

    Args:
        maker: A painter makes it of words alone, an editor of the photo and words.
        photo: The photo.
        captions: What it shows.
        max_side: What a painter makes is kept at this many pixels on its longer side at most; None for its own size.
        opening: Where an editor may change the photo; None for everywhere.
        strengths: How much of the photo an editor gives up, above 0 to 1; one is drawn for each picture.
    """

    name = "pictures"
    fills = "image"

    def __init__(
        self,
        maker: BackgroundGenerator | ImageEditor,
        photo: Step[Sample],
        captions: Step[Caption],
        max_side: int | None,
        opening: Step[Mask] | None = None,
        strengths: Sequence[float] = (1.0,),
    ) -> None:
        super().__init__(photo, captions, *([] if opening is None else [opening]), parts=[maker])
        self.maker = maker
        self.max_side = max_side
        self.strengths = tuple(strengths)

    def plan(self, request: Request, digest: Digest) -> list[Any]:
        """Seed and strength."""
        image = digest(request.record.path)
        drawn = seed_from(request.seed, image, request.variant, "strength") % len(self.strengths)
        return [seed_from(request.seed, image, request.variant, "picture"), self.strengths[drawn]]

    def make(self, plans: Sequence[Any], *inputs: Sequence[Any]) -> list[Image]:
        """Paint, or edit."""
        samples, captions, *openings = inputs
        if isinstance(self.maker, BackgroundGenerator):
            return self._painted([seed for seed, _ in plans], samples, captions)
        masks = openings[0] if openings else [None] * len(plans)
        return self.maker.edit(
            [
                Edit(sample.image, caption.text, seed, strength, mask)
                for (seed, strength), sample, caption, mask in zip(plans, samples, captions, masks, strict=True)
            ]
        )

    def encode(self, made: Image, plan: Any, *inputs: Any) -> Finished:  # noqa: ANN401 as in `Step`
        """A JPEG file, and what was asked."""
        return {"maker": type(self.maker).__name__, "text": inputs[1].text, "strength": plan[1]}, encode_jpeg(made)

    def decode(self, facts: Mapping[str, object], data: bytes | None, plan: object) -> Image:
        """The picture, as it is kept."""
        return decode_rgb(data or b"")

    def calls(self, plan: Any = None) -> float:  # noqa: ANN401 as in `Step`
        """An editor takes the share of its steps that the strength says."""
        ask = getattr(self.maker, "denoiser_calls_per_image", None)
        if ask is None or not isinstance(self.maker, ImageEditor):
            return super().calls(plan)
        return int(ask(sum(self.strengths) / len(self.strengths) if plan is None else plan[1]))

    def priority(self, plan: Any) -> float:  # noqa: ANN401 as in `Step`
        """The strongest edits come first: a batch of an editor has one strength, and is always filled."""
        return float(plan[1])

    def _painted(self, seeds: Sequence[int], samples: Sequence[Sample], captions: Sequence[Caption]) -> list[Image]:
        assert isinstance(self.maker, BackgroundGenerator)
        sizes = [(sample.image.shape[1], sample.image.shape[0]) for sample in samples]
        scenes = [
            Scene(caption, self.maker.canvas(size), seed)
            for caption, size, seed in zip(captions, sizes, seeds, strict=True)
        ]
        limits = [self.max_side or max(scene.size) for scene in scenes]
        return [_shrunk(image, limit) for image, limit in zip(self.maker.paint(scenes), limits, strict=True)]


class Result(Step[Draft]):
    """The picture as the result, with what it was made of.

    Args:
        photo: The photo.
        captions: What the picture shows.
        pictures: The picture.
        subject: The subject that is kept; None for methods that look for none.
    """

    def __init__(
        self,
        photo: Step[Sample],
        captions: Step[Caption],
        pictures: Step[Image],
        subject: Step[Subject] | None = None,
    ) -> None:
        super().__init__(*([] if subject is None else [subject]), photo, captions, pictures)

    def make(self, plans: Sequence[Any], *inputs: Sequence[Any]) -> list[Draft]:
        """Put together."""
        return [self.draft(*values) for values in zip(*inputs, strict=True)]

    def draft(self, *values: Any) -> Draft:  # noqa: ANN401 values of several kinds
        """One result."""
        *subject, sample, caption, picture = values
        return Draft(sample, subject[0] if subject else None, caption, None, picture)


def checked_strength(strength: float) -> float:
    """A strength that can be.

    Raises:
        ValueError: If it is not above 0 and at most 1.
    """
    if not 0 < strength <= 1:
        raise ValueError(f"strength is {strength}: give a number above 0, at most 1")
    return strength


def _shrunk(image: Image, max_side: int) -> Image:
    """An image whose longer side has that many pixels at most."""
    scale = min(1.0, max_side / max(image.shape[:2]))
    return cover(image, (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))))
