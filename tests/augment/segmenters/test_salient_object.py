"""The network of these tests finds what is red."""

import hashlib
import pickle
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from tiny.file_server import serving
from tiny.onnx_file import save

from aga_lightning.augment.availability import (
    allows_commercial_use,
    fetch_weights,
    licence_for,
    missing_weights,
    wanted_weights,
)
from aga_lightning.augment.base import Detection, ImageRecord
from aga_lightning.augment.fingerprint import fingerprint
from aga_lightning.augment.methods.aga import AGA
from aga_lightning.augment.segmenters import salient_object
from aga_lightning.augment.segmenters.salient_object import NETWORKS, SalientObject
from aga_lightning.downloads import DownloadError, Published
from aga_lightning.images.boxes import mask_overlap
from aga_lightning.images.samples import Sample
from aga_lightning.networks.weights_files import WeightsError


@pytest.fixture
def file(tmp_path):
    return save(tmp_path / "red.onnx")


@pytest.fixture
def downloads(tmp_path, monkeypatch):
    """An empty cache of torch."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "torch"))
    folder = tmp_path / "torch" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


def sample(*discs, size=(400, 300)):
    """Red discs (x, y, radius) on grey; and where they are."""
    image = np.full((size[1], size[0], 3), 120, np.uint8)
    for x, y, radius in discs:
        cv2.circle(image, (x, y), radius, (230, 30, 40), -1)
    image.setflags(write=False)  # as decoded photos may be
    return Sample(image, ImageRecord(Path("x.png"), 0, "a", "a"), "0" * 64)


def red(one):
    return one.image[..., 0] > 200


def publish(monkeypatch, url, data):
    """Let u2netp be these bytes at this address."""
    published = Published(url, f"md5:{hashlib.md5(data).hexdigest()}")
    monkeypatch.setitem(salient_object.NETWORKS, "u2netp", replace(NETWORKS["u2netp"], file=published))


def segment(part, *samples):
    return part.segment(samples, [[] for _ in samples])


@pytest.mark.parametrize("size", [(400, 300), (90, 200), (1000, 640)])
def test_what_stands_out_is_cut_out_at_the_photos_own_size(file, size):
    one = sample((size[0] // 3, size[1] // 2, 30), size=size)
    [subject] = segment(SalientObject(weights=str(file)), one)
    assert subject.mask.shape == one.image.shape[:2] and subject.mask.dtype == bool
    assert mask_overlap(subject.mask, red(one)) > 0.9
    assert subject.detection.box == pytest.approx(
        (size[0] / 3 - 30, size[1] / 2 - 30, size[0] / 3 + 31, size[1] / 2 + 31), abs=4
    )
    assert 0.9 < subject.score <= 1


def test_several_subjects_are_kept_or_the_largest(file):
    one = sample((80, 80, 20), (300, 200, 50))
    [union] = segment(SalientObject(weights=str(file)), one)
    [largest] = segment(SalientObject(weights=str(file), subjects="largest"), one)
    assert union.mask[80, 80] and union.mask[200, 300]
    assert not largest.mask[80, 80] and largest.mask[200, 300]


def test_a_higher_threshold_keeps_less(file):
    one = sample((200, 150, 60))
    blurred = replace(one, image=cv2.GaussianBlur(one.image, (0, 0), 15))
    areas = [
        segment(SalientObject(weights=str(file), threshold=level), blurred)[0].mask.sum() for level in (0.2, 0.5, 0.9)
    ]
    assert areas == sorted(areas, reverse=True) and areas[0] > 1.2 * areas[2]


def test_alpha_is_soft_near_the_outline_alone(file):
    """What the network is unsure of is solid or nothing, away from the outline."""
    one = sample((200, 150, 90))
    image = cv2.GaussianBlur(one.image, (0, 0), 2)
    image[130:170, 180:220] = image[140:160, 20:40] = (170, 85, 85)  # half red: within, and far from the subject
    [subject] = segment(SalientObject(weights=str(file), threshold=0.3, subjects="largest"), replace(one, image=image))
    alpha, mask = subject.alpha, subject.mask
    assert np.array_equal(mask, alpha >= 128) and mask[150, 200] and not mask[150, 30]
    soft = (alpha > 0) & (alpha < 255)
    band = np.abs(np.hypot(*(np.mgrid[:300, :400] - np.array([150, 200])[:, None, None])) - 90)
    assert band[soft].max() < 9 and len(np.unique(alpha[soft])) > 20
    assert set(np.unique(alpha[~soft])) == {0, 255}
    assert np.array_equal(subject.visible, alpha > 0) and subject.visible.sum() > mask.sum()


def test_a_photo_where_nothing_stands_out_has_no_subject(file):
    black = replace(sample(), image=np.zeros((40, 50, 3), np.uint8))
    assert segment(SalientObject(weights=str(file)), sample(), black) == [None, None]
    nowhere = save(file.with_name("nan.onnx"), weights=(float("nan"),) * 3)
    assert segment(SalientObject(weights=str(nowhere)), sample((80, 80, 20))) == [None]


def test_a_mask_depends_on_its_own_photo_alone(file):
    first, second = sample((80, 80, 40)), sample((200, 150, 70), size=(300, 300))
    part = SalientObject(weights=str(file))
    together = segment(part, first, second)
    alone = segment(pickle.loads(pickle.dumps(part)), second) + part.segment([first], [[Detection((0, 0, 9, 9), 0.3)]])
    for one, other in zip(together, reversed(alone), strict=True):
        assert np.array_equal(one.mask, other.mask) and one.score == other.score


def test_the_key_holds_the_files_content(file, tmp_path):
    (tmp_path / "moved").mkdir()
    moved = SalientObject(weights=str(save(tmp_path / "moved" / "red.onnx")))
    other = SalientObject(weights=str(save(tmp_path / "moved" / "other.onnx", weights=(-1.0, 1.0, 1.0))))
    here = SalientObject(weights=str(file))
    assert fingerprint(here) == fingerprint(moved) != fingerprint(other)
    assert fingerprint(here) != fingerprint(SalientObject(weights=str(file), subjects="largest"))


def test_a_name_is_looked_for_among_torchs_downloads(downloads, monkeypatch):
    part = SalientObject()
    with pytest.raises(
        WeightsError, match=r"u2netp \(Apache-2.0, 4.6 MB\) is missing: put https://\S+/u2netp.onnx into "
    ) as told:
        segment(part, sample())
    assert str(downloads) in str(told.value) and "\n" not in str(told.value)
    assert part.identity == "u2netp@main"
    file = save(downloads / "u2netp.onnx")
    with pytest.raises(WeightsError, match=r"is not what https://\S+/u2netp.onnx has \(it has 207 bytes, 4,574,861"):
        segment(SalientObject(), sample())
    publish(monkeypatch, NETWORKS["u2netp"].file.url, file.read_bytes())
    found = SalientObject()
    assert segment(found, sample((80, 80, 40)))[0] is not None
    assert found.identity == SalientObject(weights=str(file)).identity


@pytest.mark.parametrize("name", NETWORKS)
def test_check_knows_the_published_names_and_their_licence(downloads, name):
    aga = AGA(segmenter=SalientObject(weights=name))
    [line], [wanted] = missing_weights(aga), wanted_weights(aga)
    assert line == f"{name} is missing: put {NETWORKS[name].file.url} into {downloads}"
    assert wanted.parts == ("segmenter",) and allows_commercial_use(licence_for(wanted))
    file = save(downloads / NETWORKS[name].file.name)
    assert missing_weights(aga) == []
    assert SalientObject(weights=str(file)).expected == NETWORKS[name], "a file is asked as its name says"


def test_a_known_name_is_downloaded_once_where_the_network_is_allowed(downloads, file, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    part = SalientObject()
    aga = AGA(segmenter=part)
    with serving() as server:
        url = server.publish("u2netp.onnx", file.read_bytes()).url
        publish(monkeypatch, url, file.read_bytes())
        fetch_weights(aga, [])
        assert part.place.kind == "missing" and not server.asked, "HF_HUB_OFFLINE is set"
        monkeypatch.delenv("HF_HUB_OFFLINE")
        fetch_weights(aga, [])
        fetch_weights(aga, [])
        assert len(server.asked) == 1 and (downloads / "u2netp.onnx").read_bytes() == file.read_bytes()
    assert segment(part, sample((80, 80, 40)))[0] is not None
    assert part.identity == SalientObject(weights=str(downloads / "u2netp.onnx")).identity
    (downloads / "u2netp.onnx").unlink()
    publish(monkeypatch, "http://127.0.0.1:9/u2netp.onnx", b"")
    with pytest.raises(DownloadError, match=f"u2netp.onnx cannot be downloaded .*put it at {downloads}"):
        fetch_weights(SalientObject(), [])


def test_a_missing_path_is_told_by_check_too(downloads, tmp_path):
    part = SalientObject(weights=str(tmp_path / "no.onnx"))
    with pytest.raises(WeightsError, match=r"no.onnx is missing: give a"):
        segment(part, sample())
    assert missing_weights(AGA(segmenter=part)) == [
        f"{tmp_path / 'no.onnx'} is missing: give a file or folder that exists"
    ]


def test_files_that_are_no_such_network_are_told_in_one_line(tmp_path):
    (tmp_path / "words.onnx").write_text("not a network")
    (tmp_path / "lfs.onnx").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    (tmp_path / "folder.onnx").mkdir()
    whole = save(tmp_path / "whole.onnx").read_bytes()
    (tmp_path / "half.onnx").write_bytes(whole[: len(whole) // 2])
    save(tmp_path / "maps.onnx", maps=2)
    save(tmp_path / "classes.onnx", last="Flatten")
    save(tmp_path / "class.onnx", last="GlobalAveragePool")
    complaints = {
        "words": "OpenCV cannot read .*words.onnx",
        "half": "OpenCV cannot read .*half.onnx",
        "lfs": "git lfs pull",
        "folder": "is missing",
        "maps": r"gives \(1, 2, 320, 320\) in place of one square map",
        "classes": r"gives \(1, 102400\) in place of",
        "class": r"gives \(1, 1, 1, 1\) in place of",
    }
    for name, complaint in complaints.items():
        with pytest.raises(WeightsError, match=complaint) as told:
            segment(SalientObject(weights=str(tmp_path / f"{name}.onnx")), sample((80, 80, 40)))
        assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    "settings",
    [{"threshold": 0.0}, {"threshold": 1.0}, {"subjects": "each"}, {"weights": "u2"}, {"weights": "a/b.pth"}],
)
def test_settings_out_of_range_are_told(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        SalientObject(**settings)
