import pickle
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny.sam import SAVERS

from aga_lightning.augment.base import Detection, ImageRecord
from aga_lightning.augment.fingerprint import fingerprint
from aga_lightning.augment.pretrained import PretrainedError
from aga_lightning.augment.segmenters.sam import SAM
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


def same(first, second):
    return first.mask.tobytes() == second.mask.tobytes() and first.score == second.score


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("sam")
    for name, save in SAVERS.items():
        save(root / name)
    return root


@pytest.fixture(scope="session")
def tiny(folders):
    return SAM(weights=str(folders / "sam"))


@pytest.mark.parametrize("name", SAVERS)
class TestEveryModel:
    def test_masks_have_the_shape_of_their_image_and_depend_on_image_and_box(self, folders, name):
        subjects = SAM(weights=str(folders / name)).segment(SAMPLES, BOXES)
        for sample, boxes, subject in zip(SAMPLES, BOXES, subjects, strict=True):
            assert subject.mask.dtype == bool and subject.mask.shape == sample.image.shape[:2]
            assert subject.mask.any() and 0 <= subject.score <= 1 and subject.detection is boxes[0]
        [best, other_image] = SAM(weights=str(folders / name), instances="best").segment(
            SAMPLES[2:], [BOXES[3], BOXES[3]]
        )
        [other_box] = SAM(weights=str(folders / name)).segment(SAMPLES[2:3], [BOXES[2][1:2]])
        assert not np.array_equal(best.mask, other_image.mask)
        assert not np.array_equal(best.mask, other_box.mask)

    def test_a_subject_depends_neither_on_its_companions_nor_on_the_size_of_the_batch(self, folders, name):
        part = SAM(weights=str(folders / name), batch_size=3)
        together = part.segment(SAMPLES, BOXES)
        reverse = part.segment(SAMPLES[::-1], BOXES[::-1])[::-1]
        single = SAM(weights=str(folders / name), batch_size=1)
        for index, subject in enumerate(together):
            [alone] = part.segment(SAMPLES[index : index + 1], BOXES[index : index + 1])
            assert same(subject, alone) and same(subject, reverse[index])
            [small] = single.segment(SAMPLES[index : index + 1], BOXES[index : index + 1])
            assert np.array_equal(subject.mask, small.mask)
            assert subject.score == pytest.approx(small.score, abs=1e-6)

    def test_the_library_gives_the_same_masks_in_one_pass(self, folders, name):
        part = SAM(weights=str(folders / name), instances="each", batch_size=1)
        model, processor = part.model
        boxes = [[[float(side) for side in found.box] for found in BOXES[0]]]
        inputs = processor(images=[SAMPLES[0].image.copy()], input_boxes=boxes, return_tensors="pt")
        sizes = [inputs.pop(key) for key in ("original_sizes", "reshaped_input_sizes") if key in inputs]
        inputs["input_boxes"] = inputs["input_boxes"].float()
        with torch.inference_mode():
            output = model(**inputs, multimask_output=True)
        masks = processor.post_process_masks(output.pred_masks, *sizes)[0]
        best = output.iou_scores[0].argmax(-1)
        [subject] = part.segment(SAMPLES[:1], BOXES[:1])
        expected = [masks[row, column].numpy() for row, column in enumerate(best)]
        assert np.array_equal(subject.mask, expected[0] | expected[1])
        assert all(np.array_equal(one.mask, want) for one, want in zip(subject.instances, expected, strict=True))
        quality = output.iou_scores[0, 0, best[0]].clamp(0, 1).item()
        assert subject.score == pytest.approx((0.9 * quality) ** 0.5, abs=1e-6)


@pytest.mark.parametrize("name", ["sam", "sam2"])
def test_an_image_is_encoded_once_whatever_the_number_of_boxes(folders, name):
    part = SAM(weights=str(folders / name), batch_size=2)
    encoded = []

    def count(module, args, kwargs):
        encoded.append(len(args[0] if args else kwargs["pixel_values"]))

    part.model[0].vision_encoder.register_forward_pre_hook(count, with_kwargs=True)
    part.segment(SAMPLES[:3], [BOXES[0], [], BOXES[2]])
    assert encoded == [2]


def test_without_boxes_there_is_no_subject_and_no_model():
    part = SAM(weights="nowhere/at-all")
    assert part.segment(SAMPLES[:2], [[], [Detection((float("nan"),) * 4, 0.5)]]) == [None, None]
    assert part.segment([], []) == []


def test_black_subject_pixels_belong_to_the_mask(tiny):
    black = Sample(np.zeros((48, 64, 3), np.uint8), SAMPLES[0].record, "0" * 64)
    [subject] = tiny.segment([black], [[Detection((5, 5, 50, 40), 1.0)]])
    assert subject.mask.any()


@pytest.mark.parametrize("shape", [(1, 30), (3, 40), (40, 3)])
def test_rows_and_columns_of_pixels_are_not_taken_for_channels(tiny, shape):
    [subject] = tiny.segment([drawn(0, *shape)], [[Detection((0, 0, shape[1], shape[0]), 0.9)]])
    assert subject is None or subject.mask.shape == shape


@pytest.mark.parametrize("name", ["sam", "sam2"])
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_encodes_and_decodes_in_float32(folders, name, dtype):
    [full] = SAM(weights=str(folders / name), batch_size=1).segment(SAMPLES[:1], BOXES[:1])
    part = SAM(weights=str(folders / name), dtype=dtype, batch_size=1)
    [half] = part.segment(SAMPLES[:1], BOXES[:1])
    assert {weight.dtype for weight in part.model[0].parameters()} == {torch.float32}
    assert (half.mask != full.mask).mean() < 0.1
    assert half.score != full.score and half.score == pytest.approx(full.score, abs=0.05)


def test_a_missing_repository_or_folder_is_explained(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)  # the environment is read at import
    for weights in ("nowhere/at-all", str(tmp_path / "nowhere")):
        with pytest.raises(PretrainedError, match=f"give a folder that exists.*hf download {weights}"):
            SAM(weights=weights).segment(SAMPLES[:1], BOXES[:1])


def test_another_model_is_refused(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "vit"}')
    with pytest.raises(PretrainedError, match="is it a SAM"):
        SAM(weights=str(tmp_path)).segment(SAMPLES[:1], BOXES[:1])


def test_weights_that_lack_a_layer_are_refused(folders, tmp_path):
    shutil.copytree(folders / "sam", tmp_path / "cut")
    file = tmp_path / "cut" / "model.safetensors"
    state = load_file(file)
    del state["vision_encoder.neck.conv1.weight"]
    save_file(state, file, metadata={"format": "pt"})
    with pytest.raises(PretrainedError, match=r"it lacks vision_encoder.neck.conv1.weight.*complete"):
        SAM(weights=str(tmp_path / "cut")).segment(SAMPLES[:1], BOXES[:1])


def test_another_mode_is_refused():
    with pytest.raises(ValueError, match="choose one of best, union, each"):
        SAM(instances="all")


def test_the_key_depends_on_weights_and_mode_and_not_on_place_or_batch(folders, tmp_path):
    moved = shutil.copytree(folders / "sam", tmp_path / "elsewhere")
    part = SAM(weights=str(folders / "sam"))
    assert fingerprint(part) == fingerprint(SAM(weights=str(moved), batch_size=1, device="cpu"))
    assert fingerprint(part) != fingerprint(SAM(weights=str(folders / "sam2")))
    assert fingerprint(part) != fingerprint(SAM(weights=str(folders / "sam"), instances="best"))


def test_pickling_drops_the_model(tiny):
    [before] = tiny.segment(SAMPLES[:1], BOXES[:1])
    copy = pickle.loads(pickle.dumps(tiny))
    assert copy._model is None and tiny._model is not None
    assert same(copy.segment(SAMPLES[:1], BOXES[:1])[0], before)
