"""The subject alone, the background alone, and the scores of what a model says of them."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import binary_dilation

from aga_lightning.explain.background import BackgroundScores, background_only, dilated, subject_only


@pytest.fixture
def masks():
    torch.manual_seed(0)
    return torch.rand(3, 9, 7) > 0.8


@pytest.fixture
def images():
    torch.manual_seed(1)
    return torch.randn(3, 2, 9, 7) + 5


def test_one_version_shows_the_subject_the_other_all_else(images, masks):
    inside = masks[:, None].expand_as(images)
    subject, background = subject_only(images, masks), background_only(images, masks)
    assert subject[inside].equal(images[inside]) and not subject[~inside].any()
    assert background[~inside].equal(images[~inside]) and not background[inside].any()
    assert (subject + background).equal(images)


def test_the_fill_is_a_number_or_a_colour(images, masks):
    assert set(subject_only(images, masks, -2.0)[~masks[:, None].expand_as(images)].tolist()) == {-2.0}
    filled = background_only(images, masks, (1.0, 9.0))
    assert all(set(filled[:, channel][masks].tolist()) == {value} for channel, value in enumerate((1.0, 9.0)))


def test_pixels_stay_pixels(masks):
    pixels = torch.full((3, 1, 9, 7), 200, dtype=torch.uint8)
    background = background_only(pixels, masks, 128)
    assert background.dtype == torch.uint8
    assert background[:, 0].equal(torch.where(masks, 128, 200).to(torch.uint8))


@pytest.mark.parametrize("margin", [0, 1, 3, 20])
def test_a_margin_dilates_the_mask_and_reaches_over_no_border(images, masks, margin):
    expected = np.stack([binary_dilation(mask, np.ones((2 * margin + 1,) * 2)) for mask in masks.numpy()])
    assert dilated(masks, margin).numpy().tolist() == expected.tolist()
    hidden = (background_only(images, masks, -99, margin) == -99).all(dim=1)
    assert hidden.numpy().tolist() == expected.tolist()


def test_no_images_are_no_mistake(masks):
    empty = torch.zeros(0, 3, 9, 7)
    assert background_only(empty, masks[:0], margin=2).shape == subject_only(empty, masks[:0]).shape == empty.shape


@pytest.mark.parametrize("version", [subject_only, background_only])
def test_what_does_not_fit_is_told(version, images, masks):
    with pytest.raises(ValueError, match=r"same N, H and W, not \(3, 2, 9, 7\) and \(3, 8, 7\)"):
        version(images, masks[:, 1:])
    with pytest.raises(ValueError, match=r"not \(3, 2, 9, 7\) and \(2, 9, 7\)"):
        version(images, masks[1:])
    with pytest.raises(ValueError, match=r"not torch\.float32"):
        version(images, masks.float())
    with pytest.raises(ValueError, match="3 numbers, but the images 2 channels"):
        version(images, masks, (0.0, 0.0, 0.0))


def test_a_negative_margin_is_refused(images, masks):
    with pytest.raises(ValueError, match="not -1"):
        background_only(images, masks, margin=-1)


def scores(whole, subject, background, targets):
    metric = BackgroundScores()
    metric.update(*(torch.tensor(labels, dtype=torch.int64) for labels in (whole, subject, background, targets)))
    return {name: score.item() for name, score in metric.compute().items()}


def same(found, expected):
    return found == pytest.approx(expected, nan_ok=True)


@given(st.lists(st.tuples(*[st.integers(0, 3)] * 4), min_size=1, max_size=30))
def test_the_scores_are_those_of_the_definitions(answers):
    whole, subject, background, targets = np.array(answers).T
    sides = ["background" if w == b else "subject" for w, s, b, _ in answers if s != b and w in (s, b)]
    found = scores(whole, subject, background, targets)
    assert (found["images"], found["decided"]) == (len(answers), len(sides))
    for name, said in (("acc", whole), ("acc_subject_only", subject), ("acc_background_only", background)):
        assert same(found[name], (said == targets).mean())
    assert same(found["background_reliance"], sides.count("background") / len(sides) if sides else math.nan)


@pytest.mark.parametrize(
    ("whole", "expected"),
    [([0, 1, 2, 0], 0.0), ([1, 2, 0, 0], 1.0), ([0, 2, 3, 0], 0.5), ([3, 3, 3, 0], math.nan)],
    ids=["the subject decides", "the background decides", "one each", "neither"],
)
def test_reliance_is_the_side_that_the_model_takes_whatever_is_true(whole, expected):
    for targets in ([0, 1, 2, 0], [2, 2, 2, 2]):
        found = scores(whole, subject=[0, 1, 2, 0], background=[1, 2, 0, 0], targets=targets)
        assert same(found["background_reliance"], expected)


def test_without_images_nothing_is_known():
    found = scores([], [], [], [])
    assert found.pop("images") == found.pop("decided") == 0
    assert all(math.isnan(score) for score in found.values())


@pytest.mark.skipif(not hasattr(BackgroundScores, "merge_state"), reason="torchmetrics as old as 1.4 merges no states")
def test_batches_and_ranks_add_up():
    torch.manual_seed(0)
    answers = torch.randint(0, 3, (4, 20))
    whole, *ranks = (BackgroundScores() for _ in range(4))
    whole.update(*answers)
    for rank, share in zip(ranks, (answers[:, :13], answers[:, 13:], answers[:, :0]), strict=True):
        for batch in share.split(4, dim=1):
            rank.update(*batch)
    ranks[0].merge_state(ranks[1])
    ranks[0].merge_state(ranks[2])
    assert ranks[0].compute() == whole.compute()
    assert whole.compute()["images"] == 20
