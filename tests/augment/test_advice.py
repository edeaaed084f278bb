"""What is advised where many augmentations are rejected."""

import numpy as np
import pytest

from aga_lightning.augment.advice import advice
from aga_lightning.augment.base import Draft, ImageRecord, Subject
from aga_lightning.augment.card import kind_of_reason
from aga_lightning.augment.detectors.embedded import DatasetBoxes, SaliencyBox
from aga_lightning.augment.gates.embedded import BlankBackground, MaskSanity, SaliencyAgreement
from aga_lightning.augment.methods.aga import AGA
from aga_lightning.augment.segmenters.best_mask import BestMask
from aga_lightning.augment.segmenters.embedded import GrabCut
from aga_lightning.augment.segmenters.salient_object import SalientObject
from aga_lightning.images.samples import Sample

GATES = [MaskSanity(max_border=0.3, max_parts=1), SaliencyAgreement(), BlankBackground()]
SMALL = "the subject covers less than 2.0% of the picture"


def aga(**parts):
    return AGA(**{"detector": DatasetBoxes(fallback=None), "segmenter": GrabCut(), "gates": GATES} | parts)


def mask(*places):
    found = np.zeros((100, 100), bool)
    for rows, columns in places:
        found[slice(*rows), slice(*columns)] = True
    return found


@pytest.mark.parametrize(
    ("found", "setting"),
    [
        (mask(((50, 55), (50, 55))), "min_area of the gate MaskSanity in the configuration (now 0.02)"),
        (mask(((5, 95), (5, 95))), "max_area of"),
        (mask(((0, 40), (0, 100))), "max_border of the gate MaskSanity in the configuration (now 0.3)"),
        (mask(((40, 60), (0, 100))), "allow_spanning of"),
        (mask(((20, 40), (20, 80)), ((60, 80), (20, 80))), "max_parts of"),
        (mask(((20, 40), (20, 80))), "min_score of"),
    ],
)
def test_each_reason_of_a_gate_names_the_setting_that_decides_it(found, setting):
    sample = Sample(np.zeros((100, 100, 3), np.uint8), ImageRecord("x.png", 0, "plum", "fruit"), "")
    reason = GATES[0].objection(Draft(sample, Subject(found, None, 0.1)))
    assert advice(aga(), kind_of_reason(reason)).startswith(
        f"where rejected.png shows that they are good, change {setting}"
    )


@pytest.mark.parametrize(
    ("reason", "setting"),
    [
        (
            "the subject and the salient region overlap by 0.10, less than 0.60",
            "min_overlap of the gate SaliencyAgreement",
        ),
        ("the background is nearly blank: contrast 1.0, less than 3.0", "min_contrast of the gate BlankBackground"),
        ("plums are out of season", "rejected.png shows some"),
    ],
)
def test_reasons_of_other_gates(reason, setting):
    assert setting in advice(aga(), kind_of_reason(reason))


def test_where_subjects_were_guessed_boxes_or_a_network_are_advised(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    for parts in ({"detector": SaliencyBox()}, {"detector": None}):
        told = advice(aga(**parts), SMALL)
        assert "--data.dataset.boxes" in told and told.endswith("--data.augmenter.segmenter SalientObject")
    told = advice(aga(segmenter=BestMask()), SMALL)
    assert "missing: put https://" in told and str(tmp_path) in told
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    (folder / "u2netp.onnx").touch()
    for segmenter in (BestMask(), SalientObject()):
        assert "min_area" in advice(aga(detector=None, segmenter=segmenter), SMALL)
    assert "min_area" in advice(aga(), SMALL), "the data set's own boxes"
