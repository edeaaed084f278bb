"""Parts that behave like models without being any: they are loaded and released, and write down all they are asked.

The log is a file, so that the work of other processes and of killed ones is counted too.
"""

import os
from collections import Counter

import numpy as np

from aga_lightning.augment.base import (
    BackgroundGenerator,
    Caption,
    Captioner,
    Detection,
    Detector,
    Gate,
    ImageEditor,
    Segmenter,
    Subject,
)
from aga_lightning.augment.engine.generation import fill
from aga_lightning.augment.methods.aga import AGA
from aga_lightning.augment.pretrained import Pretrained


class Costly(Pretrained):
    """A part whose model is its own name.

    Args:
        log: The file that every load, release and call is appended to.
        batch_size: As in any part with weights.
    """

    not_in_key = Pretrained.not_in_key | {"log"}

    def __init__(self, log, batch_size=2):
        self.log = log
        self.batch_size = batch_size
        self.weights, self.revision, self.dtype, self.device = "nowhere/at-all", None, "float32", None

    def load(self):
        self.note("load")
        return type(self).__name__

    def release(self):
        if self._model is not None:
            self.note("release")
        super().release()

    def note(self, *words):
        line = " ".join(map(str, (os.getpid(), type(self).__name__, *words))) + "\n"
        with open(self.log, "a", encoding="utf-8") as file:
            file.write(line)

    def called(self, name, items):
        model = self.model
        for item in items:
            self.note(name, item)
        return str(model)


class CostlyDetector(Costly, Detector):
    """A centred box; none for images that are brighter than `blind_above` on the whole."""

    def __init__(self, log, batch_size=2, blind_above=255.0):
        super().__init__(log, batch_size)
        self.blind_above = blind_above

    def detect(self, samples):
        self.called("detect", [sample.record.path.name for sample in samples])
        return [self._box(sample.image) for sample in samples]

    def _box(self, image):
        height, width = image.shape[:2]
        box = (width / 4, height / 4, width * 3 / 4, height * 3 / 4)
        return [] if image.mean() > self.blind_above else [Detection(box, 0.9)]


class CostlySegmenter(Costly, Segmenter):
    """The whole box."""

    def segment(self, samples, detections):
        self.called("segment", [sample.record.path.name for sample in samples])
        return [
            self._fill(sample.image, boxes[0]) if boxes else None
            for sample, boxes in zip(samples, detections, strict=True)
        ]

    def _fill(self, image, detection):
        left, top, right, bottom = (round(edge) for edge in detection.box)
        mask = np.zeros(image.shape[:2], bool)
        mask[top:bottom, left:right] = True
        return Subject(mask, detection, 0.9)


class CostlyCaptioner(Costly, Captioner):
    """Setting, time and seed."""

    def caption(self, prompts, seeds):
        self.called("caption", seeds)
        pairs = zip(prompts, seeds, strict=True)
        return [Caption(f"{prompt.spatial} {prompt.temporal} {seed % 97}", prompt) for prompt, seed in pairs]


class CostlyPainter(Costly, BackgroundGenerator):
    """Noise of the scene's seed, 40 x 40 pixels; black for every third seed if `faulty`."""

    def __init__(self, log, batch_size=2, faulty=False):
        super().__init__(log, batch_size)
        self.faulty = faulty

    def canvas(self, size):
        return 40, 40

    def paint(self, scenes):
        self.called("paint", [scene.seed for scene in scenes])
        return [self._paint(scene) for scene in scenes]

    def _paint(self, scene):
        brightest = 1 if self.faulty and scene.seed % 3 == 0 else 256
        return np.random.default_rng(scene.seed).integers(0, brightest, (40, 40, 3), np.uint8)


class CostlyEditor(Costly, ImageEditor):
    """The image, and over its open part noise of the edit's seed; as much of it as the strength says."""

    def denoiser_calls_per_image(self, strength=1.0):
        return int(100 * strength)

    def edit(self, edits):
        self.called("edit", [f"{edit.strength} {edit.seed} {edit.text}" for edit in edits])
        return [self._edit(edit) for edit in edits]

    def _edit(self, edit):
        noise = np.random.default_rng(edit.seed).integers(0, 256, edit.image.shape, np.uint8)
        mixed = (edit.image * (1 - edit.strength) + noise * edit.strength).astype(np.uint8)
        return mixed if edit.mask is None else np.where(edit.mask[..., None], mixed, edit.image)


class CostlyGate(Costly, Gate):
    """Objects to black backgrounds."""

    stage = "background"

    def objection(self, draft):
        return self.objections([draft])[0]

    def objections(self, drafts):
        self.called("judge", [draft.sample.record.superclass for draft in drafts])
        return ["it is black" if not draft.background.any() else None for draft in drafts]


class CostlyImageGate(CostlyGate):
    """Objects to images whose mean level is odd."""

    stage = "image"

    def objections(self, drafts):
        self.called("judge", [draft.sample.record.path.name for draft in drafts])
        return ["its level is odd" if int(draft.image.mean()) % 2 else None for draft in drafts]


def entries(log, *wanted):
    """What was noted, without the process: "CostlyPainter paint 17"; only lines that hold all the wanted words."""
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    texts = [line.split(" ", 1)[1] for line in lines]
    return [text for text in texts if all(word in text.split() for word in wanted)]


def calls(log):
    """How often each verb was called, an item each."""
    return Counter(entry.split()[1] for entry in entries(log))


class Denoiser(CostlyPainter):
    """A painter that tells how often it calls a denoiser."""

    def denoiser_calls_per_image(self):
        return 100


def costly_aga(log, **settings):
    """AGA without gates, all of whose parts load something."""
    path = str(log)
    parts = {
        "detector": CostlyDetector(path),
        "segmenter": CostlySegmenter(path),
        "captioner": CostlyCaptioner(path),
        "painter": CostlyPainter(path),
        "gates": [],
    }
    return AGA(**(parts | settings))


def completed(collection):
    """The collection, with everything made, in stages."""
    fill(collection, images=False)
    for requests in collection.pending():
        collection.make(requests)
    return collection


def images(collection):
    """The bytes of each image, by class and name."""
    return {str(path.relative_to(collection.folder)): path.read_bytes() for path in collection.folder.rglob("*.jpg")}
