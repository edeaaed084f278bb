"""AGA, the recipe of the paper (its Figure 2): isolate the subject, caption a background, paint it, merge the two."""

from collections.abc import Iterator, Sequence
from itertools import groupby

import cv2
import numpy as np

from aga_lightning.augment.augmenter import Augmenter, StageCache
from aga_lightning.augment.backgrounds.procedural import ProceduralScenes
from aga_lightning.augment.base import (
    Augmented,
    BackgroundGenerator,
    Caption,
    Captioner,
    Detection,
    Detector,
    Draft,
    Gate,
    Image,
    Rejected,
    Request,
    Sample,
    Scene,
    Segmenter,
    Subject,
    SubjectSource,
    seed_from,
)
from aga_lightning.augment.captioners.template import TemplateCaptioner
from aga_lightning.augment.codec import decode_mask, decode_rgb, encode_jpeg, encode_mask
from aga_lightning.augment.compositing import Merging
from aga_lightning.augment.detectors.embedded import CentrePrior
from aga_lightning.augment.fingerprint import fingerprint
from aga_lightning.augment.gates.embedded import AvoidedWords, MaskSanity
from aga_lightning.augment.prompts import PromptEngine, avoid_words
from aga_lightning.augment.samples import load_sample
from aga_lightning.augment.segmenters.embedded import GrabCut
from aga_lightning.data.base import ImageRecord
from aga_lightning.data.images import ImageReadError


class AGA(Augmenter):
    """Automated Generative Data Augmentation: the same subject before a new background.

    Step 1 asks the detector for a box around the superclass and the segmenter for the mask in it. Step 2 draws
    instruction x spatial setting x time or season, and asks the captioner for a background in words. Step 3 paints the
    background and merges the flipped, rotated and scaled subject on it. Each step's output is cached, so that changing
    a later part never repeats an earlier one.

    Args:
        detector: Step 1a, where the subject is.
        segmenter: Step 1b, which pixels are the subject's.
        prompts: Step 2a, what the captioner is asked.
        captioner: Step 2b, the background in words.
        painter: Step 3a, the background in pixels.
        merging: Step 3b, how the subject is moved and pasted.
        gates: What each stage's output must pass; by default a sane mask and a caption without words to avoid.
        max_side: Larger images are worked on, and stored, at this many pixels on their longer side.
    """

    def __init__(
        self,
        detector: Detector = CentrePrior(),
        segmenter: Segmenter = GrabCut(),
        prompts: PromptEngine = PromptEngine(),
        captioner: Captioner = TemplateCaptioner(),
        painter: BackgroundGenerator = ProceduralScenes(),
        merging: Merging = Merging(),
        gates: list[Gate] | None = None,
        max_side: int = 512,
    ) -> None:
        self.detector = detector
        self.segmenter = segmenter
        self.prompts = prompts
        self.captioner = captioner
        self.painter = painter
        self.merging = merging
        self.gates = [MaskSanity(), AvoidedWords()] if gates is None else gates
        self.max_side = max_side
        self._avoid: tuple[str, ...] = ()
        self._borrowed = ""

    def prepare(self, records: Sequence[ImageRecord], cache: StageCache) -> None:
        """Learn which words a background must avoid, and lend the training photos to a painter that borrows."""
        names = {record.class_name for record in records}
        self._avoid = avoid_words(sorted(names), sorted({record.superclass for record in records}))
        if self.painter.borrows:
            training = _TrainingSubjects(self, records, cache)
            self._borrowed = training.digest()
            self.painter.borrow(training)

    def learned(self) -> object:
        """The words to avoid and the photos lent, since both change what is made."""
        return {"avoid": list(self._avoid), "borrowed": self._borrowed}

    def augment(self, requests: Sequence[Request], cache: StageCache) -> Iterator[Augmented | Rejected]:
        """Make what is asked; the subject of a record is isolated once for all its variants."""
        for record, variants in groupby(requests, key=lambda request: request.record):
            try:
                sample, subject = self.subject(record, cache)
            except ImageReadError as error:
                yield from (Rejected(request, str(error)) for request in variants)
                continue
            for request in variants:
                yield self._one(request, sample, subject, cache)

    def subject(self, record: ImageRecord, cache: StageCache) -> tuple[Sample, Subject | None]:
        """A record's image at the working size, and its subject."""
        sample = load_sample(record, cache.digest(record.path), self.max_side)
        return sample, self.isolate(sample, cache)

    def recombine(self, request: Request, background: Request, seed: int, cache: StageCache) -> Augmented | Rejected:
        """Put the subject of one request before the background of another, with a fresh placement."""
        sample, subject = self.subject(request.record, cache)
        if objection := self._objection_to_subject(sample, subject):
            return Rejected(request, objection)
        other = load_sample(background.record, cache.digest(background.record.path), self.max_side)
        scene = self.scene(background, other, cache)
        painted = _cover(self.paint(scene, cache), sample.image)
        return self._merge(request, Draft(sample, subject, scene.caption, painted), seed)

    def isolate(self, sample: Sample, cache: StageCache) -> Subject | None:
        """Step 1: a box, then a mask in it. None where there is no box, or nothing in it."""
        record = sample.record
        key = fingerprint(
            "subject",
            sample.digest,
            self.max_side,
            record.superclass,
            sample.box,
            _mask_digest(record, cache),
            self.detector,
            self.segmenter,
        )
        found = cache.load("subjects", key)
        if found is None:
            found = self._isolate(sample)
            cache.save("subjects", key, *found)
        facts, data = found
        if data is None:
            return None
        left, top, right, bottom = (float(edge) for edge in facts["box"])  # type: ignore[attr-defined] # JSON
        detection = Detection((left, top, right, bottom), float(str(facts["detection_score"])))
        return Subject(decode_mask(data), detection, float(str(facts["score"])))

    def scene(self, request: Request, sample: Sample, cache: StageCache) -> Scene:
        """Step 2: what to paint behind the subject, in words."""
        seed = seed_from(request.seed, sample.digest, request.variant)
        prompt = self.prompts.prompt(seed_from(seed, "prompt"), self._avoid)
        caption_seed = seed_from(seed, "caption")
        key = fingerprint(
            "caption", self.captioner, prompt.instruction, prompt.spatial, prompt.temporal, prompt.avoid, caption_seed
        )
        found = cache.load("captions", key)
        if found is None:
            text = self.captioner.caption([prompt], [caption_seed])[0].text
            found = (
                {
                    "caption": text,
                    "instruction": prompt.instruction,
                    "spatial": prompt.spatial,
                    "temporal": prompt.temporal,
                    "captioner": type(self.captioner).__name__,
                    "seed": caption_seed,
                },
                None,
            )
            cache.save("captions", key, *found)
        height, width = sample.image.shape[:2]
        caption = Caption(str(found[0]["caption"]), prompt)
        return Scene(caption, (width, height), seed_from(seed, "background"), sample.digest)

    def paint(self, scene: Scene, cache: StageCache) -> Image:
        """Step 3a: the background, as it is stored."""
        source = scene.source if self.painter.borrows else ""
        prompt = scene.caption.prompt
        key = fingerprint(
            "background",
            self.painter,
            scene.caption.text,
            prompt.spatial,
            prompt.temporal,
            scene.size,
            scene.seed,
            source,
            self._borrowed,
        )
        found = cache.load("backgrounds", key)
        if found is None:
            data = encode_jpeg(self.painter.paint([scene])[0])
            cache.save(
                "backgrounds", key, {"painter": type(self.painter).__name__, "caption": scene.caption.text}, data
            )
        else:
            data = found[1] or b""
        return decode_rgb(data)

    def _isolate(self, sample: Sample) -> tuple[dict[str, object], bytes | None]:
        facts: dict[str, object] = {
            "detector": type(self.detector).__name__,
            "segmenter": type(self.segmenter).__name__,
        }
        detections = self.detector.detect([sample])
        subject = self.segmenter.segment([sample], detections)[0] if detections[0] else None
        if subject is None:
            return facts, None
        facts["box"] = [round(edge, 2) for edge in subject.detection.box]
        facts["detection_score"] = round(subject.detection.score, 4)
        facts["score"] = round(subject.score, 4)
        return facts, encode_mask(subject.mask)

    def _one(
        self, request: Request, sample: Sample, subject: Subject | None, cache: StageCache
    ) -> Augmented | Rejected:
        if objection := self._objection_to_subject(sample, subject):
            return Rejected(request, objection)
        scene = self.scene(request, sample, cache)
        draft = Draft(sample, subject, scene.caption)
        if objection := self.objection("caption", draft):
            return Rejected(request, objection)
        draft = Draft(sample, subject, scene.caption, self.paint(scene, cache))
        if objection := self.objection("background", draft):
            return Rejected(request, objection)
        return self._merge(request, draft, seed_from(request.seed, sample.digest, request.variant, "placement"))

    def _merge(self, request: Request, draft: Draft, seed: int) -> Augmented | Rejected:
        """Step 3b: move the subject and paste it."""
        subject, caption, background = draft.subject, draft.caption, draft.background
        assert subject is not None and caption is not None and background is not None  # the steps before have passed
        placement = self.merging.draw(np.random.default_rng(seed))
        image, _ = self.merging.merge(draft.sample.image, subject.mask, background, placement)
        if objection := self.objection("image", Draft(draft.sample, subject, caption, background, image)):
            return Rejected(request, objection)
        facts = {
            "caption": caption.text,
            "spatial": caption.prompt.spatial,
            "temporal": caption.prompt.temporal,
            "box": [round(edge, 2) for edge in subject.detection.box],
            "score": round(subject.score, 4),
        }
        return Augmented(request, image, facts)

    def _objection_to_subject(self, sample: Sample, subject: Subject | None) -> str | None:
        if subject is None:
            return f"no {sample.record.superclass} could be isolated"
        return self.objection("subject", Draft(sample, subject))

    def objection(self, stage: str, draft: Draft) -> str | None:
        """What the first gate of a stage that objects says of a draft; None where none does."""
        objections = (gate.objection(draft) for gate in self.gates if gate.stage == stage)
        return next((objection for objection in objections if objection), None)


class _TrainingSubjects(SubjectSource):
    """The training images, isolated when they are looked at."""

    def __init__(self, aga: AGA, records: Sequence[ImageRecord], cache: StageCache) -> None:
        self._aga, self._records, self._cache = aga, records, cache

    def __len__(self) -> int:
        return len(self._records)

    def digest(self) -> str:
        sources = [
            (self._cache.digest(record.path), record.superclass, record.box, _mask_digest(record, self._cache))
            for record in self._records
        ]
        gates = [gate for gate in self._aga.gates if gate.stage == "subject"]
        return fingerprint(sources, self._aga.max_side, self._aga.detector, self._aga.segmenter, gates)

    def __getitem__(self, index: int) -> tuple[Sample, Subject | None]:
        sample, subject = self._aga.subject(self._records[index], self._cache)
        # What a rejected mask leaves behind is the subject itself, and so a wrong label in the background.
        rejected = subject is not None and self._aga.objection("subject", Draft(sample, subject))
        return sample, None if rejected else subject


def _mask_digest(record: ImageRecord, cache: StageCache) -> str | None:
    return None if record.mask_path is None else cache.digest(record.mask_path)


def _cover(background: Image, image: Image) -> Image:
    """Scale and crop a background so that it fills the image."""
    height, width = image.shape[:2]
    if background.shape == image.shape:
        return background
    scale = max(height / background.shape[0], width / background.shape[1])
    size = (max(width, round(background.shape[1] * scale)), max(height, round(background.shape[0] * scale)))
    scaled = cv2.resize(background, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    top, left = (size[1] - height) // 2, (size[0] - width) // 2
    return np.ascontiguousarray(scaled[top : top + height, left : left + width], np.uint8)
