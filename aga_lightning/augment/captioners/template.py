"""Captioners that need no weights: a background in words (step 2)."""

from collections.abc import Sequence

import numpy as np

from aga_lightning.augment.base import Caption, Captioner, Prompt
from aga_lightning.augment.prompts import mentions, without

PHRASINGS = (
    "A wide view{of} {scene}, empty and undisturbed.",
    "A photograph taken {near} {scene}, in natural light.",
    "A quiet landscape: {scene}, with fine detail and soft depth.",
    "{opening}, seen from close to the ground.",
    "{opening}, sharp in front and hazy in the distance.",
    "A calm outdoor scene {showing} {scene}.",
)
"""Captions with blanks; `of`, `near` and `showing` are left out before a setting that begins with a preposition."""


def _phrase(phrasing: str, prompt: Prompt) -> str:
    scene = " ".join(part for part in (prompt.spatial, prompt.temporal) if part)
    is_noun = prompt.spatial.split(" ", 1)[0].lower() in {"a", "an", "the"}
    text = phrasing.format(
        scene=scene,
        opening=scene[:1].upper() + scene[1:],
        of=" of" if is_noun else "",
        near="near" if is_noun else "",
        showing="showing" if is_noun else "",
    )
    return " ".join(text.split())


class TemplateCaptioner(Captioner):
    """Puts the setting and the time of a prompt into one of a few sentences, chosen by the seed.

    No caption contains a word that its prompt avoids.
    """

    def caption(self, prompts: Sequence[Prompt], seeds: Sequence[int]) -> list[Caption]:
        """One caption for each prompt; a caption depends on its own prompt and seed alone."""
        return [self._caption(prompt, seed) for prompt, seed in zip(prompts, seeds, strict=True)]

    def _caption(self, prompt: Prompt, seed: int) -> Caption:
        order = np.random.default_rng(seed).permutation(len(PHRASINGS))
        texts = [_phrase(PHRASINGS[index], prompt) for index in order]
        clean = (text for text in texts if not mentions(text, prompt.avoid))
        return Caption(next(clean, None) or without(texts[0], prompt.avoid), prompt)
