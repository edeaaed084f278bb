"""Subjects that are cut out of painted foregrounds rather than photos, and the recipe that pastes them."""

from aga_lightning.augment.augmenter import StageCache
from aga_lightning.augment.base import Detector, Draft, Request, Segmenter, Subject
from aga_lightning.augment.compositing import Merging, cover
from aga_lightning.augment.engine.gating import Gating
from aga_lightning.augment.engine.isolation import Isolation
from aga_lightning.augment.engine.recipe import Recipe
from aga_lightning.augment.engine.scenery import Scenery
from aga_lightning.augment.fingerprint import fingerprint
from aga_lightning.augment.methods.foregrounds import Foreground, PaintedForegrounds
from aga_lightning.images.records import ImageRecord
from aga_lightning.images.samples import Sample
from aga_lightning.images.seeds import seed_from


class PaintedSubjects(Isolation):
    """Isolation for foregrounds; records of photos are read and isolated as ever.

    Args:
        foregrounds: Painter and CLIP.
        detector: Where the subject is in the painted picture.
        segmenter: Which of its pixels are the subject's.
        max_side: Longer side in pixels to work at; null for the pictures' own.
    """

    def __init__(
        self, foregrounds: PaintedForegrounds, detector: Detector, segmenter: Segmenter, max_side: int | None
    ) -> None:
        super().__init__(detector, segmenter, max_side)
        self.foregrounds = foregrounds

    def sample(self, record: ImageRecord, cache: StageCache) -> Sample:
        """A record's image at the working size; a foreground is painted and chosen now where it is not yet.

        Raises:
            ImageReadError: If the image of a photo's record, or its mask, cannot be read.
        """
        if not isinstance(record, Foreground):
            return super().sample(record, cache)
        picture = self.foregrounds.picture(record, cache)
        height, width = picture.shape[:2]
        scale = 1.0 if self.max_side is None else min(1.0, self.max_side / max(height, width))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        return Sample(cover(picture, size), record, self.foregrounds.key(record))

    def boxes_key(self, record: ImageRecord, cache: StageCache) -> str:
        """Under which key the boxes of a record are kept; nothing has to be painted to know it."""
        if not isinstance(record, Foreground):
            return super().boxes_key(record, cache)
        return fingerprint(
            "boxes", self.foregrounds.key(record), self.max_side, record.superclass, None, self._detector_key
        )


class PaintedRecipe(Recipe):
    """AGA's recipe with a foreground in the place of the photo.

    Args:
        isolation: Paints and chooses foregrounds, and cuts them out.
        scenery: Backgrounds in words and pixels.
        gating: The gates.
        merging: How the subject is placed and pasted.
        attempts: How often a background is painted until no gate objects to it.
    """

    def __init__(
        self, isolation: PaintedSubjects, scenery: Scenery, gating: Gating, merging: Merging, attempts: int
    ) -> None:
        super().__init__(isolation, scenery, gating, merging, attempts)
        self.foregrounds = isolation.foregrounds

    def source(self, request: Request, cache: StageCache) -> Foreground:
        """The foreground of a request."""
        return self.foregrounds.of(request, cache)

    def kept(self, request: Request, cache: StageCache) -> Draft:
        """A request's foreground, subject, caption and background as far as they are kept; nothing is made.

        The training image stands in for a foreground that is not painted yet.
        """
        if self.foregrounds.is_kept(self.source(request, cache), cache):
            return super().kept(request, cache)
        sample = self.isolation.sample(request.record, cache)
        return Draft(sample, None, *self.scenery.kept(request, cache, self.attempts))

    def compose(self, request: Request, sample: Sample, whole: Subject | None, cache: StageCache) -> Draft | str:
        """The foreground in front of its background, or a gate's objection to one of the two."""
        subject = self.accepted_subject(request, sample, whole, cache)
        if isinstance(subject, str):
            return subject
        behind = self._accepted_background(request, Draft(sample, subject), cache)
        # The image has its say in the seed, since several images may share a foreground.
        image = cache.digest(request.record.path)
        seed = seed_from(request.seed, image, sample.digest, request.variant, "placement")
        return behind if isinstance(behind, str) else self._merge(behind, seed)

    def accepted_subject(
        self, request: Request, sample: Sample, whole: Subject | None, cache: StageCache
    ) -> Subject | str:
        """The cut-out that a request pastes, or the objection to it."""
        if whole is None and isinstance(sample.record, Foreground):
            return f'nothing could be cut out of the picture painted from "{sample.record.text}"'
        return super().accepted_subject(request, sample, whole, cache)

    def image_draft(self, request: Request, cache: StageCache) -> str:
        """A key of the merged image."""
        made = super().image_draft(request, cache)
        return made and fingerprint(made, cache.digest(request.record.path))
