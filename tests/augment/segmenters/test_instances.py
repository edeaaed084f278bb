from pathlib import Path

import numpy as np
import pytest
import torch

from aga_lightning.augment.base import Detection, ImageRecord
from aga_lightning.augment.segmenters.instances import (
    BoxMasks,
    BoxSegmenter,
    assemble,
    most_confident,
)
from aga_lightning.images.samples import Sample


def sample(height=20, width=30):
    image = np.zeros((height, width, 3), np.uint8)
    return Sample(image, ImageRecord(Path("x.png"), 0, "a", "a"), "0" * 64)


def mask(left, right, shape=(20, 30)):
    filled = np.zeros(shape, bool)
    filled[5:15, left:right] = True
    return filled


def detections(*scores):
    return [Detection((0.0, 0.0, 10.0, 10.0), score) for score in scores]


def answer(*masks, quality=None):
    return BoxMasks(np.stack(masks), np.array(quality if quality is not None else [0.5] * len(masks)))


def test_best_keeps_the_mask_of_the_best_box():
    subject = assemble(detections(0.9, 0.8), answer(mask(0, 5), mask(20, 25)), "best")
    assert np.array_equal(subject.mask, mask(0, 5))
    assert subject.instances == ()


def test_union_joins_the_masks_of_all_boxes():
    subject = assemble(detections(0.9, 0.8, 0.7), answer(mask(0, 5), mask(20, 25), mask(22, 29)), "union")
    assert np.array_equal(subject.mask, mask(0, 5) | mask(20, 29))
    assert subject.instances == ()


def test_each_keeps_the_instances_one_by_one_best_first():
    found = detections(0.9, 0.4)
    subject = assemble(found, answer(mask(0, 5), mask(20, 25), quality=[0.4, 0.9]), "each")
    assert np.array_equal(subject.mask, mask(0, 5) | mask(20, 25))
    first, second = subject.instances
    assert np.array_equal(first.mask, mask(0, 5)) and np.array_equal(second.mask, mask(20, 25))
    assert [first.detection, second.detection] == found
    assert first.score == pytest.approx(0.6) and second.score == pytest.approx(0.6)
    assert np.array_equal(subject.for_variant(1).mask, second.mask)


def test_each_drops_what_was_found_twice():
    twice = mask(0, 20), mask(0, 19), mask(0, 15)  # overlaps with the first: 0.95, 0.75
    subject = assemble(detections(0.9, 0.8, 0.7), answer(*twice), "each")
    assert [int(one.mask.sum()) for one in subject.instances] == [200, 150]


@pytest.mark.parametrize("instances", ["best", "union", "each"])
@pytest.mark.parametrize("empty", [False, True])
def test_a_single_mask_is_the_same_subject_in_all_modes(instances, empty):
    masks, scores = ([mask(3, 9), mask(0, 0)], (0.9, 0.8)) if empty else ([mask(3, 9)], (0.9,))
    subject = assemble(detections(*scores), answer(*masks), instances)
    assert np.array_equal(subject.mask, mask(3, 9)) and subject.instances == ()


@pytest.mark.parametrize("instances", ["best", "union", "each"])
def test_empty_masks_are_dropped_and_the_next_box_is_the_best(instances):
    found = detections(0.9, 0.64)
    subject = assemble(found, answer(mask(0, 0), mask(4, 8), quality=[1.0, 0.25]), instances)
    assert subject.detection is found[1] and subject.score == pytest.approx(0.4)
    assert assemble(found, answer(mask(0, 0), mask(0, 0)), instances) is None


@pytest.mark.parametrize(("quality", "score"), [(0.25, 0.4), (1.3, 0.8), (-0.2, 0.0)])
def test_the_score_is_a_geometric_mean_within_bounds(quality, score):
    subject = assemble(detections(0.64), answer(mask(0, 5), quality=[quality]), "union")
    assert subject.score == pytest.approx(score)


def test_of_the_offered_masks_the_most_confident_is_kept():
    logits = torch.arange(2 * 3 * 4, dtype=torch.float32).reshape(2, 3, 2, 2)
    kept, quality = most_confident(logits, torch.tensor([[0.1, 0.9, 0.3], [float("nan"), 0.2, 0.1]]))
    assert torch.equal(kept, torch.stack([logits[0, 1], logits[1, 1]])[:, None])
    assert quality.tolist() == pytest.approx([0.9, 0.2])
    assert not most_confident(logits, torch.full((2, 3), float("nan")))[1].any()


class Fake(BoxSegmenter):
    """Cuts the same mask for every box, and notes the prompts."""

    def __post_init__(self):
        super().__post_init__()
        self.seen = []

    def load(self):
        raise NotImplementedError

    def cut(self, prompts):
        self.seen += prompts
        return [answer(*[mask(1, 4)] * len(prompt.boxes)) for prompt in prompts]


def test_the_model_sees_boxes_within_the_image_and_only_samples_that_have_some():
    nan = float("nan")
    boxes = [
        [Detection((-5, -5, 10, 99), 0.9), Detection((nan, 0, 9, 9), 0.8), Detection((40, 0, 50, 9), 0.7)],
        [],
        [Detection((nan, nan, nan, nan), 0.9)],
        [Detection((1, 1, 9, 9), 0.6), Detection((2, 2, 8, 8), 0.5)],
    ]
    segmenter = Fake(weights="fake", batch_size=1)
    first, none, bad, last = segmenter.segment([sample()] * 4, boxes)
    assert [prompt.boxes for prompt in segmenter.seen] == [((0, 0, 10, 20),), ((1, 1, 9, 9), (2, 2, 8, 8))]
    assert first.detection is boxes[0][0] and last.detection is boxes[3][0]
    assert none is None and bad is None


def test_the_model_is_not_called_for_nothing():
    segmenter = Fake(weights="fake")
    assert segmenter.segment([sample()] * 2, [[], []]) == [None, None] and not segmenter.seen


def test_other_modes_are_refused():
    with pytest.raises(ValueError, match="choose one of best, union, each"):
        Fake(weights="fake", instances="all")
