"""Each photo's subject by the best way there is; the network of these tests finds what is red."""

import hashlib
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from tiny.onnx_file import save

from aga_lightning.augment.base import Detection, Draft, Request, Subject
from aga_lightning.augment.detectors.embedded import SaliencyBox
from aga_lightning.augment.engine.store import Store
from aga_lightning.augment.fingerprint import fingerprint
from aga_lightning.augment.gates.embedded import SaliencyAgreement
from aga_lightning.augment.methods.aga import AGA
from aga_lightning.augment.segmenters import salient_object
from aga_lightning.augment.segmenters.best_mask import BestMask
from aga_lightning.augment.segmenters.embedded import GrabCut
from aga_lightning.augment.segmenters.salient_object import NETWORKS, SalientObject
from aga_lightning.downloads import Published
from aga_lightning.images.records import ImageRecord
from aga_lightning.images.samples import Sample
from aga_lightning.networks.weights_files import WeightsError

BOX = (40.0, 40.0, 120.0, 120.0)


@pytest.fixture
def network(tmp_path, monkeypatch):
    """The path under which u2netp is looked for; it is not there yet, and will be the network that finds red."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    folder = tmp_path / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    data = save(tmp_path / "red.onnx").read_bytes()
    published = Published(NETWORKS["u2netp"].file.url, f"md5:{hashlib.md5(data).hexdigest()}")
    monkeypatch.setitem(salient_object.NETWORKS, "u2netp", replace(NETWORKS["u2netp"], file=published))
    return folder / "u2netp.onnx"


def sample(mask=False):
    """A red disc on grey."""
    image = np.full((160, 200, 3), 120, np.uint8)
    cv2.circle(image, (80, 80), 36, (230, 30, 40), -1)
    shipped = image[..., 1] < 60 if mask else None
    return Sample(image, ImageRecord(Path("x.png"), 0, "a", "a"), "0" * 64, mask=shipped)


def found(part, one, *boxes):
    return part.segment([one], [list(boxes)])[0]


def test_the_way_is_the_best_that_the_photo_allows(network):
    box, whole, plain = Detection(BOX, 1.0), sample(mask=True), sample()
    shipped = found(BestMask(), whole, box)
    assert shipped.by == "the data set's mask" and np.array_equal(shipped.mask, whole.mask)
    cut, other = found(BestMask(), plain, box), found(GrabCut(), plain, box)
    assert cut.by == "box and GrabCut" and np.array_equal(cut.mask, other.mask) and cut.score == other.score
    guessed = found(BestMask(), plain)
    [boxes] = SaliencyBox().detect([plain])
    assert guessed.by == "saliency and GrabCut"
    assert np.array_equal(guessed.mask, found(GrabCut(), plain, *boxes).mask)
    save(network)
    seen = found(BestMask(), plain)
    assert seen.by == "network u2netp" and np.array_equal(seen.mask, found(SalientObject(), plain).mask)
    assert found(BestMask(), plain, Detection((0.0, 0.0, 160.0, 150.0), 1.0)).by == "box and GrabCut", "it fills it not"
    strange = replace(plain, box=(300.0, 40.0, 400.0, 120.0))
    assert found(BestMask(), strange).by == "network u2netp, the box is outside of the photo"
    filling = found(BestMask(), plain, replace(box, box=(44.0, 44.0, 117.0, 110.0)))
    assert filling.by == "box and network u2netp" and filling.detection.box == (44.0, 44.0, 117.0, 110.0)
    assert filling.mask.any() and not filling.mask[110:].any() and not filling.alpha[110:].any()
    assert np.array_equal(filling.mask[:110], seen.mask[:110])


def test_the_key_tells_whether_the_network_is_there(network):
    without = fingerprint(BestMask())
    save(network)
    assert fingerprint(BestMask()) != without


def test_a_path_that_does_not_exist_is_an_error_and_no_reason_to_guess(tmp_path):
    with pytest.raises(WeightsError, match=r"no\.onnx is missing"):
        found(BestMask(weights=str(tmp_path / "no.onnx")), sample())


def test_who_has_neither_mask_nor_box_is_told_of_the_missing_network_in_a_line(network, recwarn):
    record = ImageRecord(Path("x.png"), 0, "a", "a")
    BestMask().fetch([replace(record, mask_path=Path("m.png"))])
    BestMask().fetch([replace(record, superclass="")])
    assert not recwarn.list
    with pytest.warns(UserWarning, match=r"u2netp \(Apache-2\.0, 4\.6 MB\) cannot be had \(HF_HUB_OFFLINE") as told:
        BestMask().fetch([record])
    with pytest.warns(UserWarning, match=r"u2netp .*, so GrabCut alone cuts the subjects out of their boxes"):
        BestMask().fetch([replace(record, box=BOX)])
    message = str(told[0].message)
    assert "\n" not in message and "put https" in message and str(network.parent) in message
    save(network)
    recwarn.clear()
    BestMask().fetch([record])
    assert not recwarn.list


def test_the_choice_is_kept_with_each_subject_and_told_of_each_image(tmp_path, disc_records):
    aga, store = AGA(), Store(tmp_path / "cache")
    requests = [Request(disc_records[0], 0)]
    for _ in range(2):  # made, then recalled
        [made] = aga.augment(requests, store)
        assert made.facts["isolated_by"] == "saliency and GrabCut"


def test_saliency_agreement_judges_guesses_alone_where_it_is_told_to():
    one = sample()
    wrong = np.zeros(one.image.shape[:2], bool)
    wrong[:40, :40] = True
    subject = Subject(wrong, Detection(BOX, 1.0), 1.0)
    gate = SaliencyAgreement(guesses_only=True)
    assert gate.objection(Draft(one, replace(subject, by="box and GrabCut"))) is None
    assert gate.objection(Draft(one, subject)) is None
    assert "overlap" in gate.objection(Draft(one, replace(subject, by="saliency and GrabCut")))
    assert "overlap" in SaliencyAgreement().objection(Draft(one, subject))
