"""Contexts: what stands behind a painted foreground, in words and as a square."""

from collections.abc import Sequence

from aga_lightning.augment.base import Caption, Captioner, Prompt, Request
from aga_lightning.augment.engine.scenery import UNSHRUNK, Scenery

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


class ContextCaptioner(Captioner):
    """Puts the context, be it one of words or AGA's setting and time, into a text.

    Args:
        text: With {context} in it.
    """

    def __init__(self, text: str) -> None:
        self.text = text

    def caption(self, prompts: Sequence[Prompt], seeds: Sequence[int]) -> list[Caption]:
        """One caption a prompt; the seeds decide nothing."""
        contexts = [" ".join(part for part in (prompt.spatial, prompt.temporal) if part) for prompt in prompts]
        pairs = zip(contexts, prompts, strict=True)
        return [Caption(self.text.format(context=context), prompt) for context, prompt in pairs]


class SquareScenery(Scenery):
    """Scenery whose backgrounds have the shape of the foregrounds, not that of the training images."""

    def _canvas(self, request: Request) -> tuple[int, int]:
        side = self.max_side or UNSHRUNK
        return self.painter.canvas((side, side))
