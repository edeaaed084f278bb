from collections import defaultdict

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, log_loss, recall_score

from aga_lightning.training.models.metrics import (
    MIN_GROUP_IMAGES,
    CrossEntropy,
    GroupAccuracy,
    background_gap,
    evaluation_metrics,
    worst_group_accuracy,
)

CLASSES = 5


def evaluate(logits, labels, batches=3):
    metrics = evaluation_metrics(CLASSES)
    for some_logits, some_labels in zip(logits.chunk(batches), labels.chunk(batches), strict=True):
        metrics.update(some_logits, some_labels)
    return metrics.compute()


@given(seed=st.integers(0, 2**16), absent=st.sets(st.integers(0, CLASSES - 1), max_size=CLASSES - 1))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_agrees_with_scikit_learn_where_classes_are_absent(seed, absent):
    generator = torch.Generator().manual_seed(seed)
    present = sorted(set(range(CLASSES)) - absent)
    labels = torch.tensor(present)[torch.randint(len(present), (30,), generator=generator)]
    logits = torch.randn(30, CLASSES, generator=generator)  # absent classes are predicted all the same
    guesses = logits.argmax(1).numpy()
    scores = evaluate(logits, labels)
    seen = np.unique(labels)
    expected = {
        "acc": accuracy_score(labels, guesses),
        "recall": recall_score(labels, guesses, labels=seen, average="macro"),
        "f1": f1_score(labels, guesses, labels=seen, average="macro"),
        "loss": log_loss(labels, logits.double().softmax(1), labels=range(CLASSES)),
    }
    for name, value in expected.items():
        assert scores[name].item() == pytest.approx(value, abs=1e-5), name
    per_class = recall_score(labels, guesses, labels=range(CLASSES), average=None, zero_division=np.nan)
    np.testing.assert_allclose(scores["acc_per_class"], per_class, atol=1e-6)


def test_one_wrong_guess_does_not_bring_an_absent_class_into_the_mean():
    labels = torch.tensor([0, 0, 1, 1])
    guesses = torch.tensor([0, 4, 1, 1])
    scores = evaluate(torch.nn.functional.one_hot(guesses, CLASSES).float(), labels, batches=1)
    assert scores["recall"].item() == pytest.approx((0.5 + 1) / 2)
    assert scores["f1"].item() == pytest.approx((2 / 3 + 1) / 2)


def test_names_are_stable():
    assert set(evaluate(torch.zeros(3, CLASSES), torch.zeros(3, dtype=torch.long))) == {
        "acc",
        "acc_per_class",
        "recall",
        "f1",
        "loss",
        "images",
    }


def test_the_counts_are_kept_once():
    metrics = evaluation_metrics(CLASSES)
    metrics.update(torch.randn(8, CLASSES), torch.randint(CLASSES, (8,)))
    assert sorted(len(group) for group in metrics.compute_groups.values()) == [1, 5]


def test_half_precision_logits_are_summed_in_single_precision():
    logits, labels = torch.zeros(4000, CLASSES, dtype=torch.bfloat16), torch.zeros(4000, dtype=torch.long)
    assert evaluate(logits, labels)["loss"].item() == pytest.approx(np.log(CLASSES), rel=1e-5)


def test_batches_of_any_size_count_by_image():
    logits, labels = torch.randn(10, CLASSES), torch.randint(CLASSES, (10,))
    metric = CrossEntropy()
    metric.update(logits[:9], labels[:9])
    metric.update(logits[9:], labels[9:])
    assert metric.compute().item() == pytest.approx(torch.nn.functional.cross_entropy(logits, labels).item(), rel=1e-5)


GROUPS = 4
many = st.lists(st.tuples(st.integers(0, GROUPS - 1), st.integers(0, 2), st.integers(0, 2)), max_size=80)
"""Images of four groups: the group, the guess and the label of each."""


def one_by_one(images):
    """For each group that has images, whether each of them was guessed."""
    hits = defaultdict(list)
    for group, guess, label in images:
        hits[group].append(guess == label)
    return hits


def counted(metric, images, batch=7):
    """The metric after so many batches, the last of them smaller."""
    for start in range(0, len(images), batch):
        groups, guesses, labels = torch.tensor(images[start : start + batch]).unbind(1)
        metric.update(torch.nn.functional.one_hot(guesses, 3).float(), labels, groups)
    return metric


@given(images=many, batch=st.integers(1, 80))
@settings(max_examples=60, deadline=None, derandomize=True)
@pytest.mark.filterwarnings("ignore:The ``compute`` method of metric GroupAccuracy was called before")
def test_groups_agree_with_counting_image_by_image(images, batch):
    accuracies, counts = counted(GroupAccuracy(GROUPS), images, batch).compute().unbind(1)
    hits = one_by_one(images)
    expected = [np.mean(hits[group]) if hits[group] else np.nan for group in range(GROUPS)]
    np.testing.assert_allclose(accuracies, expected, atol=1e-6)
    assert counts.tolist() == [len(hits[group]) for group in range(GROUPS)]
    usable = [group for group in range(GROUPS) if len(hits[group]) >= 10] or [g for g in range(GROUPS) if hits[g]]
    worst = min((expected[group] for group in usable), default=np.nan)
    np.testing.assert_allclose(worst_group_accuracy(accuracies, counts), worst, atol=1e-6)


@pytest.mark.parametrize(
    ("images", "worst"),
    [
        ([1, MIN_GROUP_IMAGES, 500], 0.5),  # one image is no measurement
        ([1, MIN_GROUP_IMAGES - 1, 500], 0.75),
        ([1, MIN_GROUP_IMAGES - 1, 2], 0.0),  # nor are these, but there is nothing better
        ([0, MIN_GROUP_IMAGES - 1, 2], 0.5),
        ([0, 0, 0], np.nan),
    ],
)
def test_the_worst_group_is_one_that_was_measured(images, worst):
    images = torch.tensor(images)
    accuracies = torch.tensor([0.0, 0.5, 0.75]).where(images > 0, torch.nan)
    np.testing.assert_equal(worst_group_accuracy(accuracies, images).item(), worst)


def test_a_single_group_has_the_accuracy_of_the_set():
    metrics = evaluation_metrics(3, num_groups=1)
    logits, labels = torch.randn(20, 3), torch.randint(3, (20,))
    metrics.update(preds=logits, target=labels, groups=torch.zeros(20, dtype=torch.long))
    scores = metrics.compute()
    assert scores["acc_per_group"].tolist() == [[scores["acc"].item(), 20.0]]


def test_groups_change_no_other_score():
    logits, labels = torch.randn(20, CLASSES), torch.randint(CLASSES, (20,))
    metrics = evaluation_metrics(CLASSES, GROUPS)
    for part in range(0, 20, 8):
        rows = slice(part, part + 8)
        metrics.update(preds=logits[rows], target=labels[rows], groups=torch.arange(20)[rows] % GROUPS)
    assert sorted(len(group) for group in metrics.compute_groups.values()) == [1, 1, 5]
    scores, plain = metrics.compute(), evaluate(logits, labels)
    assert set(scores) - set(plain) == {"acc_per_group"}
    for name, score in plain.items():
        torch.testing.assert_close(scores[name], score, equal_nan=True)


@pytest.mark.parametrize("group", [-1, GROUPS])
def test_a_group_that_does_not_exist_is_not_counted_as_another(group):
    with pytest.raises(RuntimeError, match="Class values"):
        GroupAccuracy(GROUPS).update(torch.zeros(2, 3), torch.zeros(2, dtype=torch.long), torch.tensor([0, group]))


def test_half_precision_counts_every_image():
    images = [(0, 0, 0)] * 3000 + [(0, 1, 0)] * 1001
    metric = GroupAccuracy(GROUPS).bfloat16()
    accuracies, counts = counted(metric, images, batch=500).compute().unbind(1)
    assert counts[0] == 4001
    assert accuracies[0].item() == pytest.approx(3000 / 4001)


@pytest.mark.skipif(not hasattr(GroupAccuracy, "merge_state"), reason="torchmetrics as old as 1.4 merges no states")
def test_ranks_add_up():
    shares = [[(0, 1, 1), (0, 2, 1), (2, 0, 0), (2, 0, 0), (2, 1, 0)], [], [(0, 0, 0), (3, 2, 1)]]
    whole = counted(GroupAccuracy(GROUPS), [image for share in shares for image in share])
    first, *others = (counted(GroupAccuracy(GROUPS), share) for share in shares)
    for other in others:
        first.merge_state(other)
    torch.testing.assert_close(first.compute(), whole.compute(), equal_nan=True, rtol=0, atol=0)
    assert whole.compute()[:, 1].tolist() == [3, 0, 3, 1]


def test_the_background_gap_is_that_of_two_sets_or_none():
    accuracies = {"test": 1.0, "ood/mixed_same": 0.75, "ood/mixed_rand": 0.5, "ood/mixed_next": 0.25}
    found = {name: torch.tensor(value) for name, value in accuracies.items()}
    assert background_gap(found) == 0.25
    for name in ("ood/mixed_same", "ood/mixed_rand"):
        assert background_gap({other: value for other, value in found.items() if other != name}) is None
