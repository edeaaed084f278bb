from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from tiny.segment_anything import WIDTH, build, plugged_in, save

from aga_lightning.augment.base import Detection, ImageRecord
from aga_lightning.augment.pretrained import PretrainedError
from aga_lightning.augment.segmenters.segment_anything_checkpoint import SIZES, SegmentAnything
from aga_lightning.images.samples import Sample
from aga_lightning.networks.weights_files import WeightsError


def drawn(seed, height, width, colour=(200, 70, 50)):
    image = np.random.default_rng(seed).integers(60, 160, (height, width, 3), dtype=np.uint8)
    cv2.circle(image, (width // 2, height // 2), min(height, width) // 3, colour, -1)
    image.setflags(write=False)  # as decoded photos may be
    return Sample(image, ImageRecord(Path("x.png"), 0, "a", "a"), "0" * 64)


SAMPLE = drawn(0, 60, 90)
BOXES = [Detection((10, 10, 50, 40), 0.9), Detection((30, 5, 80, 50), 0.8)]


@pytest.fixture(scope="session")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("segment_anything") / "sam_vit_tiny.pth"
    save(path)
    return path


@pytest.fixture(autouse=True)
def registered():
    with plugged_in():
        yield


def test_the_authors_predictor_gives_the_same_masks_at_1024_px(tmp_path, monkeypatch):
    from segment_anything import SamPredictor, sam_model_registry
    from segment_anything.build_sam import _build_sam

    monkeypatch.setitem(sam_model_registry, "vit_tiny", lambda: _build_sam(WIDTH, 1, 2, []))
    torch.manual_seed(0)
    model = sam_model_registry["vit_tiny"]()
    assert model.image_encoder.img_size == 1024
    torch.save(model.state_dict(), tmp_path / "sam.pth")
    predictor = SamPredictor(model)
    predictor.set_image(SAMPLE.image)
    expected = []
    for found in BOXES:
        masks, quality, _ = predictor.predict(box=np.array(found.box), multimask_output=True)
        expected.append((masks[quality.argmax()], quality.max()))
    [subject] = SegmentAnything(weights=str(tmp_path / "sam.pth"), batch_size=1).segment([SAMPLE], [BOXES])
    assert np.array_equal(subject.mask, expected[0][0] | expected[1][0])
    assert subject.score == pytest.approx((0.9 * np.clip(expected[0][1], 0, 1)) ** 0.5, abs=1e-6)


def test_safetensors_hold_the_same_model_and_each_image_is_decoded_at_once(file, tmp_path):
    part, decoded = SegmentAnything(weights=str(file), batch_size=1), []
    part.model.mask_decoder.register_forward_hook(lambda module, inputs, output: decoded.append(len(output[0])))
    save_file(build().state_dict() | part.model.state_dict(), tmp_path / "sam.safetensors")
    again = SegmentAnything(weights=str(tmp_path / "sam.safetensors"), batch_size=1)
    [one], [other] = (each.segment([SAMPLE], [BOXES]) for each in (part, again))
    assert np.array_equal(one.mask, other.mask) and one.score == other.score
    assert decoded == [2]


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
    with pytest.raises(WeightsError, match=r"width 99.*768 \(vit_b\), 1024 \(vit_l\), 1280 \(vit_h\)"):
        SegmentAnything(weights=str(tmp_path / "sam.pth")).load()


def test_a_missing_file_is_explained(tmp_path):
    for weights in (tmp_path, tmp_path / "no.pth"):
        with pytest.raises(WeightsError, match=r"is not a file.*sam_vit_h_4b8939.pth"):
            SegmentAnything(weights=str(weights)).segment([SAMPLE], [BOXES])


@pytest.mark.parametrize("name", ["sam.pth", "sam.safetensors"])
def test_a_damaged_file_is_explained(tmp_path, file, name):
    (tmp_path / name).write_bytes(file.read_bytes()[:5000])
    with pytest.raises(WeightsError, match=r"copy it again|download"):
        SegmentAnything(weights=str(tmp_path / name)).load()


@pytest.mark.parametrize("content", [{"model": {}}, {"image_encoder.pos_embed": 3}, [1, 2]])
def test_another_kind_of_checkpoint_is_explained(tmp_path, content):
    torch.save(content, tmp_path / "sam.pth")
    with pytest.raises(WeightsError, match=r"(no image_encoder.pos_embed.*folder to SAM)|holds no state dict"):
        SegmentAnything(weights=str(tmp_path / "sam.pth")).load()


def test_a_file_with_code_is_not_run(tmp_path):
    torch.save({"image_encoder.pos_embed": torch.zeros(1), "code": Path("x")}, tmp_path / "sam.pth")
    with pytest.raises(WeightsError, match="holds more than tensors"):
        SegmentAnything(weights=str(tmp_path / "sam.pth")).load()
