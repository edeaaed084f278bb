import pickle
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from tiny.segment_anything import WIDTH, build, plugged_in, save

from aga_lightning.augment.base import Detection, ImageRecord
from aga_lightning.augment.fingerprint import fingerprint
from aga_lightning.augment.pretrained import PretrainedError
from aga_lightning.augment.segmenters.segment_anything_checkpoint import SIZES, SegmentAnything
from aga_lightning.images.samples import Sample


def drawn(seed, height, width, colour=(200, 70, 50)):
    image = np.random.default_rng(seed).integers(60, 160, (height, width, 3), dtype=np.uint8)
    cv2.circle(image, (width // 2, height // 2), min(height, width) // 3, colour, -1)
    image.setflags(write=False)  # as decoded photos may be
    return Sample(image, ImageRecord(Path("x.png"), 0, "a", "a"), "0" * 64)


SAMPLES = [drawn(0, 60, 90), drawn(1, 120, 50), drawn(2, 64, 64), drawn(3, 64, 64, (0, 0, 0))]
BOXES = [
    [Detection((10, 10, 50, 40), 0.9), Detection((30, 5, 80, 50), 0.8)],
    [Detection((5, 20, 40, 100), 0.9)],
    [Detection((10, 10, 54, 54), 0.7), Detection((0, 0, 20, 20), 0.5), Detection((30, 5, 60, 30), 0.4)],
    [Detection((10, 10, 54, 54), 0.7)],
]


@pytest.fixture(scope="session")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("segment_anything") / "sam_vit_tiny.pth"
    save(path)
    return path


@pytest.fixture(autouse=True)
def registered():
    with plugged_in():
        yield


@pytest.fixture
def part(file):
    return SegmentAnything(weights=str(file), batch_size=3)


def same(first, second):
    return first.mask.tobytes() == second.mask.tobytes() and first.score == second.score


def test_masks_have_the_shape_of_their_image_and_depend_on_image_and_box(part):
    subjects = part.segment(SAMPLES, BOXES)
    for sample, boxes, subject in zip(SAMPLES, BOXES, subjects, strict=True):
        assert subject.mask.dtype == bool and subject.mask.shape == sample.image.shape[:2]
        assert subject.mask.any() and 0 <= subject.score <= 1 and subject.detection is boxes[0]
    [best, other_image] = part.segment(SAMPLES[2:], [BOXES[3], BOXES[3]])
    [other_box] = part.segment(SAMPLES[2:3], [BOXES[2][1:2]])
    assert not np.array_equal(best.mask, other_image.mask)
    assert not np.array_equal(best.mask, other_box.mask)


def test_a_subject_depends_neither_on_its_companions_nor_on_the_size_of_the_batch(part, file):
    together = part.segment(SAMPLES, BOXES)
    reverse = part.segment(SAMPLES[::-1], BOXES[::-1])[::-1]
    single = SegmentAnything(weights=str(file), batch_size=1)
    for index, subject in enumerate(together):
        [alone] = part.segment(SAMPLES[index : index + 1], BOXES[index : index + 1])
        assert same(subject, alone) and same(subject, reverse[index])
        [small] = single.segment(SAMPLES[index : index + 1], BOXES[index : index + 1])
        assert np.array_equal(subject.mask, small.mask)
        assert subject.score == pytest.approx(small.score, abs=1e-6)


def test_the_authors_predictor_gives_the_same_masks_at_1024_px(tmp_path, monkeypatch):
    from segment_anything import SamPredictor, sam_model_registry
    from segment_anything.build_sam import _build_sam

    monkeypatch.setitem(sam_model_registry, "vit_tiny", lambda: _build_sam(WIDTH, 1, 2, []))
    torch.manual_seed(0)
    model = sam_model_registry["vit_tiny"]()
    assert model.image_encoder.img_size == 1024
    torch.save(model.state_dict(), tmp_path / "sam.pth")
    predictor = SamPredictor(model)
    predictor.set_image(SAMPLES[0].image)
    expected = []
    for found in BOXES[0]:
        masks, quality, _ = predictor.predict(box=np.array(found.box), multimask_output=True)
        expected.append((masks[quality.argmax()], quality.max()))
    [subject] = SegmentAnything(weights=str(tmp_path / "sam.pth"), batch_size=1).segment(SAMPLES[:1], BOXES[:1])
    assert np.array_equal(subject.mask, expected[0][0] | expected[1][0])
    assert subject.score == pytest.approx((0.9 * np.clip(expected[0][1], 0, 1)) ** 0.5, abs=1e-6)


def test_an_image_is_encoded_once_and_its_boxes_are_decoded_at_once(part):
    encoded, decoded = [], []
    part.model.image_encoder.register_forward_hook(lambda module, inputs, output: encoded.append(len(output)))
    part.model.mask_decoder.register_forward_hook(lambda module, inputs, output: decoded.append(len(output[0])))
    part.segment(SAMPLES, [BOXES[0], [], BOXES[2], BOXES[3]])
    assert encoded == [3] and decoded == [2, 3, 1]


def test_without_boxes_there_is_no_subject_and_no_model():
    part = SegmentAnything(weights="nowhere.pth")
    assert part.segment(SAMPLES[:2], [[], [Detection((float("nan"),) * 4, 0.5)]]) == [None, None]
    assert part.segment([], []) == []


def test_black_subject_pixels_belong_to_the_mask(part):
    black = Sample(np.zeros((48, 64, 3), np.uint8), SAMPLES[0].record, "0" * 64)
    [subject] = part.segment([black], [[Detection((5, 5, 50, 40), 1.0)]])
    assert subject.mask.any()


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_encodes_and_decodes_in_float32(file, dtype):
    [full] = SegmentAnything(weights=str(file), batch_size=1).segment(SAMPLES[:1], BOXES[:1])
    part = SegmentAnything(weights=str(file), dtype=dtype, batch_size=1)
    [half] = part.segment(SAMPLES[:1], BOXES[:1])
    assert (half.mask != full.mask).mean() < 0.1
    assert half.score != full.score and half.score == pytest.approx(full.score, abs=0.05)


def test_the_instances_of_each_box_are_kept(file):
    [subject] = SegmentAnything(weights=str(file), instances="each", batch_size=1).segment(SAMPLES[2:3], BOXES[2:3])
    assert len(subject.instances) > 1
    assert np.array_equal(subject.mask, np.logical_or.reduce([one.mask for one in subject.instances]))


def test_safetensors_hold_the_same_model(part, tmp_path):
    save_file(build().state_dict() | part.model.state_dict(), tmp_path / "sam.safetensors")
    again = SegmentAnything(weights=str(tmp_path / "sam.safetensors"), batch_size=3)
    assert same(again.segment(SAMPLES[:1], BOXES[:1])[0], part.segment(SAMPLES[:1], BOXES[:1])[0])


def test_the_size_is_read_from_the_file(tmp_path, monkeypatch):
    from segment_anything import sam_model_registry

    asked = []
    for name in ("vit_b", "vit_l", "vit_h"):
        monkeypatch.setitem(sam_model_registry, name, lambda name=name: asked.append(name) or build())
    for width in (768, 1024, 1280):
        torch.save({"image_encoder.pos_embed": torch.zeros(1, 1, 1, width)}, tmp_path / "sam.pth")
        with pytest.raises(PretrainedError, match=f"as a {SIZES[width]} checkpoint.*complete"):
            SegmentAnything(weights=str(tmp_path / "sam.pth")).load()
    assert asked == ["vit_b", "vit_l", "vit_h"]


def test_another_width_is_refused(tmp_path):
    torch.save({"image_encoder.pos_embed": torch.zeros(1, 64, 64, 99)}, tmp_path / "sam.pth")
    with pytest.raises(PretrainedError, match=r"width 99.*768 \(vit_b\), 1024 \(vit_l\), 1280 \(vit_h\)"):
        SegmentAnything(weights=str(tmp_path / "sam.pth")).load()


def test_a_missing_file_is_explained(tmp_path):
    for weights in (tmp_path, tmp_path / "no.pth"):
        with pytest.raises(PretrainedError, match=r"is not a file.*sam_vit_h_4b8939.pth"):
            SegmentAnything(weights=str(weights)).segment(SAMPLES[:1], BOXES[:1])


@pytest.mark.parametrize("name", ["sam.pth", "sam.safetensors"])
def test_a_damaged_file_is_explained(tmp_path, file, name):
    (tmp_path / name).write_bytes(file.read_bytes()[:5000])
    with pytest.raises(PretrainedError, match=r"cannot be read.*complete"):
        SegmentAnything(weights=str(tmp_path / name)).load()


@pytest.mark.parametrize("content", [{"model": {}}, {"image_encoder.pos_embed": 3}, [1, 2]])
def test_another_kind_of_checkpoint_is_explained(tmp_path, content):
    torch.save(content, tmp_path / "sam.pth")
    with pytest.raises(PretrainedError, match=r"no image_encoder.pos_embed.*folder to SAM"):
        SegmentAnything(weights=str(tmp_path / "sam.pth")).load()


def test_a_file_with_code_is_not_run(tmp_path):
    torch.save({"image_encoder.pos_embed": torch.zeros(1), "code": Path("x")}, tmp_path / "sam.pth")
    with pytest.raises(PretrainedError, match="cannot be read"):
        SegmentAnything(weights=str(tmp_path / "sam.pth")).load()


def test_another_mode_is_refused():
    with pytest.raises(ValueError, match="choose one of best, union, each"):
        SegmentAnything(instances="all")


def test_the_key_depends_on_weights_and_mode_and_not_on_place_or_batch(file, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    moved = shutil.copy(file, tmp_path / "elsewhere")
    part = SegmentAnything(weights=str(file))
    assert fingerprint(part) == fingerprint(SegmentAnything(weights=str(moved), batch_size=1, device="cpu"))
    assert fingerprint(part) != fingerprint(SegmentAnything(weights=str(file), instances="best"))
    torch.save(build().state_dict(), moved)
    assert fingerprint(part) != fingerprint(SegmentAnything(weights=str(moved)))


def test_pickling_drops_the_model(part):
    [before] = part.segment(SAMPLES[:1], BOXES[:1])
    copy = pickle.loads(pickle.dumps(part))
    assert copy._model is None and part._model is not None
    assert same(copy.segment(SAMPLES[:1], BOXES[:1])[0], before)
