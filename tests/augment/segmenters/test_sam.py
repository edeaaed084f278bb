import pickle
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from tiny.sam import SAVERS
from tiny.segment_anything import plugged_in
from tiny.segment_anything import save as save_checkpoint

from aga_lightning.augment.base import Detection, ImageRecord
from aga_lightning.augment.segmenters.sam import SAM
from aga_lightning.augment.segmenters.segment_anything_checkpoint import SegmentAnything
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
    save_checkpoint(root / "sam_vit_tiny.pth")
    return root


@pytest.fixture(params=[*SAVERS, "sam_vit_tiny.pth"])
def make(folders, request):
    """Makes the segmenters of transformers, and that of the authors' own checkpoints, which keeps the same rules."""
    kind = SegmentAnything if request.param.endswith("pth") else SAM
    with plugged_in():
        yield partial(kind, weights=str(folders / request.param))


def test_masks_have_the_shape_of_their_image_and_depend_on_image_and_box(make):
    part = make()
    subjects = part.segment(SAMPLES, BOXES)
    for sample, boxes, subject in zip(SAMPLES, BOXES, subjects, strict=True):
        assert subject.mask.dtype == bool and subject.mask.shape == sample.image.shape[:2]
        assert subject.mask.any() and 0 <= subject.score <= 1 and subject.detection is boxes[0]
    [best, other_image] = part.segment(SAMPLES[2:], [BOXES[3], BOXES[3]])
    [other_box] = part.segment(SAMPLES[2:3], [BOXES[2][1:2]])
    assert not np.array_equal(best.mask, other_image.mask)
    assert not np.array_equal(best.mask, other_box.mask)


def test_a_subject_depends_neither_on_its_companions_nor_on_the_size_of_the_batch(make):
    part, single = make(batch_size=3), make(batch_size=1)
    together = part.segment(SAMPLES, BOXES)
    reverse = part.segment(SAMPLES[::-1], BOXES[::-1])[::-1]
    for index, subject in enumerate(together):
        [alone] = part.segment(SAMPLES[index : index + 1], BOXES[index : index + 1])
        assert same(subject, alone) and same(subject, reverse[index])
        [small] = single.segment(SAMPLES[index : index + 1], BOXES[index : index + 1])
        assert np.array_equal(subject.mask, small.mask)
        assert subject.score == pytest.approx(small.score, abs=1e-6)


def test_the_instances_of_each_box_are_kept_where_that_is_asked(make):
    [subject] = make(instances="each").segment(SAMPLES[2:3], BOXES[2:3])
    assert len(subject.instances) > 1
    assert np.array_equal(subject.mask, np.logical_or.reduce([one.mask for one in subject.instances]))
    with pytest.raises(ValueError, match="choose one of best, union, each"):
        make(instances="all")


def test_an_image_is_encoded_once_whatever_the_number_of_boxes(make):
    part, encoded = make(batch_size=2), []
    model = part.model if isinstance(part, SegmentAnything) else part.model[0]
    encoder = next(module for name, module in model.named_children() if name in ("vision_encoder", "image_encoder"))
    encoder.register_forward_pre_hook(
        lambda module, args, kwargs: encoded.append(len(args[0] if args else kwargs["pixel_values"])), with_kwargs=True
    )
    part.segment(SAMPLES[:3], [BOXES[0], [], BOXES[2]])
    assert encoded == [2]


@pytest.mark.parametrize("kind", [SAM, SegmentAnything])
def test_without_boxes_there_is_no_subject_and_no_model(kind):
    part = kind(weights="nowhere/at-all")
    assert part.segment(SAMPLES[:2], [[], [Detection((float("nan"),) * 4, 0.5)]]) == [None, None]
    assert part.segment([], []) == []


@pytest.mark.parametrize("make", ["sam", "sam_vit_tiny.pth"], indirect=True)
def test_black_pixels_and_rows_and_columns_of_pixels_are_pictures_like_others(make):
    part = make()
    black = Sample(np.zeros((48, 64, 3), np.uint8), SAMPLES[0].record, "0" * 64)
    [subject] = part.segment([black], [[Detection((5, 5, 50, 40), 1.0)]])
    assert subject.mask.any()
    for shape in ((1, 30), (3, 40), (40, 3)):
        [subject] = part.segment([drawn(0, *shape)], [[Detection((0, 0, shape[1], shape[0]), 0.9)]])
        assert subject is None or subject.mask.shape == shape


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_encodes_and_decodes_in_float32(make, dtype):
    [full], [half] = (make(batch_size=1, dtype=one).segment(SAMPLES[:1], BOXES[:1]) for one in ("auto", dtype))
    assert (half.mask != full.mask).mean() < 0.1
    assert half.score != full.score and half.score == pytest.approx(full.score, abs=0.05)


def test_a_copy_for_another_process_loads_the_model_itself(make):
    part = make()
    [before] = part.segment(SAMPLES[:1], BOXES[:1])
    sent = pickle.dumps(part)
    assert len(sent) < 2000 and same(pickle.loads(sent).segment(SAMPLES[:1], BOXES[:1])[0], before)


@pytest.mark.parametrize("name", SAVERS)
def test_the_library_gives_the_same_masks_in_one_pass(folders, name):
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
