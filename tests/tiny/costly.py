"""Parts that behave like models without being any: they are loaded and released, and write down all they are asked.

The log is a file, so that the work of other processes and of killed ones is counted too.
"""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from aga_lightning.augment.base import (
    BackgroundGenerator,
    Caption,
    Captioner,
    Detection,
    Detector,
    Draft,
    Edit,
    Gate,
    ImageEditor,
    Prompt,
    Scene,
    Segmenter,
    Subject,
)
from aga_lightning.augment.pretrained import Pretrained
from aga_lightning.images.pixels import Image
from aga_lightning.images.samples import Sample


class Costly(Pretrained):
    """A part whose model is its own name.

    Args:
        log: The file that every load, release and call is appended to.
        batch_size: As in any part with weights.
    """

    not_in_key = Pretrained.not_in_key | {"log"}

    def __init__(self, log: str, batch_size: int = 2) -> None:
        self.log = log
        self.batch_size = batch_size
        self.weights, self.revision, self.dtype, self.device = "nowhere/at-all", None, "float32", None

    def load(self) -> str:
        """Note the load."""
        self.note("load")
        return type(self).__name__

    def release(self) -> None:
        """Note the release."""
        if self._model is not None:
            self.note("release")
        super().release()

    def note(self, *words: object) -> None:
        """Append a line; short appends of several processes do not mix."""
        line = " ".join(map(str, (os.getpid(), type(self).__name__, *words))) + "\n"
        with open(self.log, "a", encoding="utf-8") as file:
            file.write(line)

    def called(self, name: str, items: Sequence[object]) -> str:
        """Note a call of the model for some items; the model."""
        model = self.model
        for item in items:
            self.note(name, item)
        return str(model)


class CostlyDetector(Costly, Detector):
    """A centred box; none for images that are brighter than `blind_above` on the whole."""

    def __init__(self, log: str, batch_size: int = 2, blind_above: float = 255.0) -> None:
        super().__init__(log, batch_size)
        self.blind_above = blind_above

    def detect(self, samples: Sequence[Sample]) -> list[list[Detection]]:
        """One box a sample, or none."""
        self.called("detect", [sample.record.path.name for sample in samples])
        return [self._box(sample.image) for sample in samples]

    def _box(self, image: Image) -> list[Detection]:
        height, width = image.shape[:2]
        box = (width / 4, height / 4, width * 3 / 4, height * 3 / 4)
        return [] if image.mean() > self.blind_above else [Detection(box, 0.9)]


class CostlySegmenter(Costly, Segmenter):
    """The whole box."""

    def segment(self, samples: Sequence[Sample], detections: Sequence[Sequence[Detection]]) -> list[Subject | None]:
        """A rectangle a sample."""
        self.called("segment", [sample.record.path.name for sample in samples])
        return [
            self._fill(sample.image, boxes[0]) if boxes else None
            for sample, boxes in zip(samples, detections, strict=True)
        ]

    def _fill(self, image: Image, detection: Detection) -> Subject:
        left, top, right, bottom = (round(edge) for edge in detection.box)
        mask = np.zeros(image.shape[:2], bool)
        mask[top:bottom, left:right] = True
        return Subject(mask, detection, 0.9)


class CostlyCaptioner(Costly, Captioner):
    """Setting, time and seed."""

    def caption(self, prompts: Sequence[Prompt], seeds: Sequence[int]) -> list[Caption]:
        """A caption a prompt."""
        self.called("caption", seeds)
        pairs = zip(prompts, seeds, strict=True)
        return [Caption(f"{prompt.spatial} {prompt.temporal} {seed % 97}", prompt) for prompt, seed in pairs]


class CostlyPainter(Costly, BackgroundGenerator):
    """Noise of the scene's seed, 40 x 40 pixels; black for every third seed if `faulty`."""

    def __init__(self, log: str, batch_size: int = 2, faulty: bool = False) -> None:
        super().__init__(log, batch_size)
        self.faulty = faulty

    def canvas(self, size: tuple[int, int]) -> tuple[int, int]:
        """Its own size."""
        return 40, 40

    def paint(self, scenes: Sequence[Scene]) -> list[Image]:
        """A picture a scene."""
        self.called("paint", [scene.seed for scene in scenes])
        return [self._paint(scene) for scene in scenes]

    def _paint(self, scene: Scene) -> Image:
        brightest = 1 if self.faulty and scene.seed % 3 == 0 else 256
        return np.random.default_rng(scene.seed).integers(0, brightest, (40, 40, 3), np.uint8)


class CostlyEditor(Costly, ImageEditor):
    """The image, and over its open part noise of the edit's seed; as much of it as the strength says."""

    def denoiser_calls_per_image(self, strength: float = 1.0) -> int:
        """A hundred at full strength."""
        return int(100 * strength)

    def edit(self, edits: Sequence[Edit]) -> list[Image]:
        """A picture an edit."""
        self.called("edit", [f"{edit.strength} {edit.seed} {edit.text}" for edit in edits])
        return [self._edit(edit) for edit in edits]

    def _edit(self, edit: Edit) -> Image:
        noise = np.random.default_rng(edit.seed).integers(0, 256, edit.image.shape, np.uint8)
        mixed = (edit.image * (1 - edit.strength) + noise * edit.strength).astype(np.uint8)
        return mixed if edit.mask is None else np.where(edit.mask[..., None], mixed, edit.image)


class CostlyGate(Costly, Gate):
    """Objects to black backgrounds."""

    stage = "background"

    def objection(self, draft: Draft) -> str | None:
        """As `objections`."""
        return self.objections([draft])[0]

    def objections(self, drafts: Sequence[Draft]) -> list[str | None]:
        """A verdict a draft."""
        self.called("judge", [draft.sample.record.superclass for draft in drafts])
        return ["it is black" if not draft.background.any() else None for draft in drafts]


class CostlyImageGate(CostlyGate):
    """Objects to images whose mean level is odd."""

    stage = "image"

    def objections(self, drafts: Sequence[Draft]) -> list[str | None]:
        """A verdict a draft."""
        self.called("judge", [draft.sample.record.path.name for draft in drafts])
        return ["its level is odd" if int(draft.image.mean()) % 2 else None for draft in drafts]


def entries(log: Path, *wanted: str) -> list[str]:
    """What was noted, without the process: "CostlyPainter paint 17"; only lines that hold all the wanted words."""
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    texts = [line.split(" ", 1)[1] for line in lines]
    return [text for text in texts if all(word in text.split() for word in wanted)]


def calls(log: Path) -> Counter[str]:
    """How often each verb was called, an item each."""
    return Counter(entry.split()[1] for entry in entries(log))
