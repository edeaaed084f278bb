"""Step 1 of AGA: a box around the superclass, and the mask in it, for several images at once and remembered."""

from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np

from aga_lightning.augment.augmenter import Finished, StageCache
from aga_lightning.augment.base import Detection, Detector, Segmenter, Subject, accelerated
from aga_lightning.augment.fingerprint import fingerprint
from aga_lightning.images.codec import decode_mask, encode_mask
from aga_lightning.images.records import ImageRecord
from aga_lightning.images.samples import Sample, load_sample


class Isolation:
    """Detector and segmenter with what they have already found.

    Args:
        detector: Step 1a; its boxes are kept for themselves where it needs an accelerator.
        segmenter: Step 1b.
        max_side: Longer side in pixels to work at; null for the images' own.
    """

    def __init__(self, detector: Detector, segmenter: Segmenter, max_side: int | None) -> None:
        self.detector = detector
        self.segmenter = segmenter
        self.max_side = max_side
        self._detector_key = fingerprint(detector)
        self._segmenter_key = fingerprint(segmenter)

    def sample(self, record: ImageRecord, cache: StageCache) -> Sample:
        """A record's image at the working size.

        Raises:
            ImageReadError: If the image or its mask cannot be read.
        """
        return load_sample(record, cache.digest(record.path), self.max_side)

    def boxes_key(self, record: ImageRecord, cache: StageCache) -> str:
        """Under which key the boxes of a record are kept."""
        return fingerprint(
            "boxes", cache.digest(record.path), self.max_side, record.superclass, record.box, self._detector_key
        )

    def subject_key(self, record: ImageRecord, cache: StageCache) -> str:
        """Under which key the subject of a record is kept."""
        own_mask = mask_digest(record, cache)
        return fingerprint("subject", self.boxes_key(record, cache), own_mask, self._segmenter_key)

    def detect(self, samples: Sequence[Sample], cache: StageCache) -> list[list[Detection]]:
        """Step 1a: the boxes of each sample, best first."""
        if not accelerated(self.detector):
            return self.detector.detect(samples)
        keys = [self.boxes_key(sample.record, cache) for sample in samples]

        def make(missing: list[int]) -> list[Finished]:
            found = self.detector.detect([samples[index] for index in missing])
            return [({"detector": type(self.detector).__name__, "boxes": _rows(boxes)}, None) for boxes in found]

        return [_detections(facts) for facts, _ in cache.recall("boxes", keys, make)]

    def isolate(self, samples: Sequence[Sample], cache: StageCache) -> list[Subject | None]:
        """Step 1: the subject of each sample; None where there is no box, or nothing in it."""
        keys = [self.subject_key(sample.record, cache) for sample in samples]

        def make(missing: list[int]) -> list[Finished]:
            chosen = [samples[index] for index in missing]
            detections = self.detect(chosen, cache)
            seen = [index for index, boxes in enumerate(detections) if boxes]
            found = self.segmenter.segment([chosen[i] for i in seen], [detections[i] for i in seen]) if seen else []
            subjects = dict(zip(seen, found, strict=True))
            return [self._finished(subjects.get(index)) for index in range(len(chosen))]

        return [_subject(*finished) for finished in cache.recall("subjects", keys, make)]

    def kept(self, record: ImageRecord, cache: StageCache) -> Subject | None:
        """The subject of a record, if it is kept already; nothing is made."""
        found = cache.load("subjects", self.subject_key(record, cache))
        return None if found is None else _subject(*found)

    def instances(self, record: ImageRecord, cache: StageCache) -> int | None:
        """How many things of a record are pasted in turn; 0 where no subject is kept, None where nobody has looked."""
        facts = cache.facts("subjects", self.subject_key(record, cache))
        if facts is None:
            return None
        rows = cast("list[object]", facts.get("subjects", []))
        return max(1, len(rows) - 1) if rows else 0

    def _finished(self, subject: Subject | None) -> Finished:
        facts: dict[str, object] = {
            "detector": type(self.detector).__name__,
            "segmenter": type(self.segmenter).__name__,
        }
        if subject is None:
            return facts, None
        parts: list[Subject] = [subject, *subject.instances]
        facts["subjects"] = [[*_rows([part.detection])[0], round(part.score, 4)] for part in parts]
        # One picture holds all masks, one below the other: the whole subject, then its instances.
        return facts, encode_mask(np.concatenate([part.mask for part in parts]))


def unreadable(message: str) -> Finished:
    """What is kept of an image that cannot be read, so that it is not tried again: bytes do not change."""
    return {"unreadable": message}, None


def mask_digest(record: ImageRecord, cache: StageCache) -> str | None:
    """Digest of the mask that the data set ships for a record; None where it ships none."""
    if record.mask_path is None:
        return None
    return f"{cache.digest(record.mask_path)}>{record.mask_above}"


def _rows(detections: Sequence[Detection]) -> list[list[float]]:
    return [[*(round(edge, 2) for edge in found.box), round(found.score, 4)] for found in detections]


def _detections(facts: Mapping[str, object]) -> list[Detection]:
    rows = cast("list[list[float]]", facts.get("boxes", []))
    return [Detection((left, top, right, bottom), score) for left, top, right, bottom, score in rows]


def _subject(facts: Mapping[str, object], data: bytes | None) -> Subject | None:
    if data is None:
        return None
    rows = cast("list[list[float]]", facts["subjects"])
    masks = np.split(decode_mask(data), len(rows))
    parts = [
        Subject(mask, Detection((left, top, right, bottom), detection_score), score)
        for mask, (left, top, right, bottom, detection_score, score) in zip(masks, rows, strict=True)
    ]
    whole = parts[0]
    return Subject(whole.mask, whole.detection, whole.score, tuple(parts[1:]))
