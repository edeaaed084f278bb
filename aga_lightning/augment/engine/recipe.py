"""The three steps of AGA for one request, as in the paper's Figure 2: isolate, caption and paint, merge."""

from dataclasses import replace

import numpy as np

from aga_lightning.augment.augmenter import StageCache
from aga_lightning.augment.base import Draft, Request, Scene, Subject
from aga_lightning.augment.compositing import Merging, cover
from aga_lightning.augment.engine.gating import Gating
from aga_lightning.augment.engine.isolating import IsolatingRecipe
from aga_lightning.augment.engine.isolation import Isolation
from aga_lightning.augment.engine.scenery import Scenery
from aga_lightning.augment.fingerprint import fingerprint
from aga_lightning.augment.painters.donors import NoDonorError
from aga_lightning.images.samples import Sample
from aga_lightning.images.seeds import seed_from


class Recipe(IsolatingRecipe):
    """Isolation, scenery and merging, with the gates between them.

    Args:
        isolation: Step 1.
        scenery: Steps 2 and 3a.
        gating: The gates.
        merging: Step 3b.
        attempts: How often a background is painted until no gate objects to it.
    """

    def __init__(self, isolation: Isolation, scenery: Scenery, gating: Gating, merging: Merging, attempts: int) -> None:
        super().__init__(isolation, gating)
        self.scenery = scenery
        self.merging = merging
        self.attempts = attempts
        self._merging_key = fingerprint(merging)

    def kept(self, request: Request, cache: StageCache) -> Draft:
        """A request's image, subject, caption and background as far as they are kept; nothing is made."""
        source = self.source(request, cache)
        sample, whole = self.isolation.sample(source, cache), self.isolation.kept(source, cache)
        subject = None if whole is None else whole.for_variant(request.variant)
        return Draft(sample, subject, *self.scenery.kept(request, cache, self.attempts))

    def compose(self, request: Request, sample: Sample, whole: Subject | None, cache: StageCache) -> Draft | str:
        """Steps 2 and 3: the merged image, or a gate's objection to one of its ingredients."""
        subject = self.accepted_subject(request, sample, whole, cache)
        if isinstance(subject, str):
            return subject
        behind = self._accepted_background(request, Draft(sample, subject), cache)
        seed = seed_from(request.seed, sample.digest, request.variant, "placement")
        return behind if isinstance(behind, str) else self._merge(behind, seed)

    def remix(self, request: Request, background: Request, seed: int, cache: StageCache) -> Draft | str:
        """The subject of one request in front of the background of another, with a fresh placement.

        Gates with a model do not see the merged image: it is made in a loader's worker, and never again.
        """
        sample, whole = self.subject(self.source(request, cache), cache)
        subject = self.accepted_subject(request, sample, whole, cache)
        if isinstance(subject, str):
            return subject
        behind = self._accepted_background(background, Draft(sample, subject), cache)
        if isinstance(behind, str):
            return behind
        made = self._merge(behind, seed)
        return self.gating.glance("image", made) or made

    def objection_to_caption(self, draft: Draft, cache: StageCache) -> str | None:
        """What the gates say of a caption."""
        return self.gating.objections("caption", [draft], [""], cache)[0]

    def background_draft(self, request: Request, scene: Scene) -> str:
        """A key of a background in front of which a kind of thing is to stand."""
        return fingerprint(self.scenery.background_key(scene), request.record.superclass)

    def image_draft(self, request: Request, cache: StageCache) -> str:
        """A key of the merged image."""
        if not self.gating.remembers:
            return ""
        scene = self.scenery.scenes([request], cache)[0]
        behind = self.gating.key("background", self.scenery.background_key(scene))
        label = (request.record.class_name, request.record.label)
        return fingerprint(
            self.subject_draft(request, cache), behind, self.attempts, self._merging_key, request.seed,
            request.variant, label,
        )  # fmt: skip

    def _accepted_background(self, request: Request, draft: Draft, cache: StageCache) -> Draft | str:
        """Steps 2 and 3a: caption and background, painted until no gate objects; or the last objection."""
        objection = ""
        for attempt in range(self.attempts):
            scene = self.scenery.scenes([request], cache, attempt)[0]
            captioned = replace(draft, caption=scene.caption)
            if attempt == 0 and (reason := self.objection_to_caption(captioned, cache)):
                return reason
            try:
                painted = replace(captioned, background=self.scenery.paint([scene], cache)[0])
            except NoDonorError as error:
                return str(error)
            key = self.background_draft(request, scene) if self.gating.remembers else ""
            objection = self.gating.objections("background", [painted], [key], cache)[0] or ""
            if not objection:
                return painted
        return objection

    def _merge(self, draft: Draft, seed: int) -> Draft:
        """Step 3b: move the subject and paste it."""
        assert draft.subject is not None and draft.background is not None  # the steps before have passed
        source = draft.sample.image
        placement = self.merging.draw(np.random.default_rng(seed))
        behind = cover(draft.background, (source.shape[1], source.shape[0]))
        image, landed = self.merging.merge(source, draft.subject.mask, behind, placement)
        return replace(draft, image=image, landed=landed)
