from pathlib import Path

import numpy as np
import pytest

from aga_lightning.augment.base import Detection, Detector, Draft, ImageRecord, accelerated
from aga_lightning.augment.fingerprint import describe
from aga_lightning.augment.gates.subject_leak import SubjectLeak
from aga_lightning.images.samples import Sample

RECORD = ImageRecord(Path("x.png"), 3, "water ouzel", "bird", (1, 2, 3, 4), Path("x_mask.png"))


class Redness(Detector):
    """Boxes given by hand where the picture is red; notes what it was shown."""

    def __init__(self, *detections):
        self.detections = list(detections)
        self._seen = []

    def detect(self, samples):
        self._seen.append(samples)
        return [self.detections if sample.image[0, 0, 0] > 200 else [] for sample in samples]


def draft(red, painted=True):
    background = np.zeros((50, 200, 3), np.uint8)
    background[..., 0] = 255 * red
    sample = Sample(np.zeros((20, 20, 3), np.uint8), RECORD, "0" * 64, RECORD.box, np.ones((20, 20), bool))
    return Draft(sample, background=background if painted else None)


def test_a_second_subject_is_named_with_its_score_and_size():
    gate = SubjectLeak(detector=Redness(Detection((0, 0, 20, 50), 0.5), Detection((0, 0, 100, 50), 0.62)))
    assert gate.stage == "background"
    assert gate.objection(draft(True)) == (
        'the background itself shows a subject: "bird" with score 0.62 (at least 0.35) on 50.0% of the picture'
    )
    assert gate.objection(draft(False)) is None
    assert gate.objection(draft(True, painted=False)) is None


@pytest.mark.parametrize(
    ("box", "score", "refused"),
    [
        ((0, 0, 100, 50), 0.35, True),  # the threshold itself counts
        ((0, 0, 100, 50), 0.349, False),
        ((0, 0, 10, 5), 0.9, True),  # 50 of 10,000 pixels: the smallest area itself counts
        ((0, 0, 10, 4.9), 0.9, False),
        ((195, 40, 900, 900), 0.9, True),  # only what lies inside counts: 5 x 10
        ((196, 40, 900, 900), 0.9, False),
        ((300, 60, 400, 90), 0.9, False),
        ((float("nan"), 0, 100, 50), 0.9, False),
        ((0, 0, 100, 50), float("nan"), False),
    ],
)
def test_boxes_that_are_doubtful_small_or_broken_do_not_count(box, score, refused):
    assert (SubjectLeak(detector=Redness(Detection(box, score))).objection(draft(True)) is not None) == refused


def test_the_detector_is_shown_the_backgrounds_in_one_call_and_none_of_the_records_boxes():
    detector = Redness(Detection((0, 0, 100, 50), 0.9))
    reasons = SubjectLeak(detector=detector).objections(
        [draft(True), draft(True, painted=False), draft(False), draft(True)]
    )
    assert [reason is not None for reason in reasons] == [True, False, False, True]
    (samples,) = detector._seen
    assert [sample.image.shape for sample in samples] == [(50, 200, 3)] * 3
    for sample in samples:
        assert sample.box is None and sample.mask is None
        assert sample.record.box is None and sample.record.mask_path is None
        assert sample.record.superclass == "bird"


def test_it_needs_an_accelerator_where_its_detector_does_and_its_detector_is_in_its_key():
    class Accelerated(Redness):
        needs_accelerator = True

    assert accelerated(SubjectLeak(detector=Accelerated())) and not accelerated(SubjectLeak(detector=Redness()))
    description = describe(SubjectLeak(detector=Redness(), threshold=0.5))
    assert description["detector"]["part"].endswith("Redness") and description["threshold"] == 0.5


@pytest.mark.parametrize("settings", [{"threshold": 1.1}, {"threshold": -0.1}, {"min_area": 2}])
def test_limits_out_of_range_are_refused(settings):
    with pytest.raises(ValueError, match=r"give a number in 0\.\.1"):
        SubjectLeak(detector=Redness(), **settings)
