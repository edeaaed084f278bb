import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, log_loss, recall_score

from aga_lightning.models.metrics import CrossEntropy, evaluation_metrics

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
    }


def test_the_counts_are_kept_once():
    metrics = evaluation_metrics(CLASSES)
    metrics.update(torch.randn(8, CLASSES), torch.randint(CLASSES, (8,)))
    assert sorted(len(group) for group in metrics.compute_groups.values()) == [1, 4]


def test_half_precision_logits_are_summed_in_single_precision():
    logits, labels = torch.zeros(4000, CLASSES, dtype=torch.bfloat16), torch.zeros(4000, dtype=torch.long)
    assert evaluate(logits, labels)["loss"].item() == pytest.approx(np.log(CLASSES), rel=1e-5)


def test_batches_of_any_size_count_by_image():
    logits, labels = torch.randn(10, CLASSES), torch.randint(CLASSES, (10,))
    metric = CrossEntropy()
    metric.update(logits[:9], labels[:9])
    metric.update(logits[9:], labels[9:])
    assert metric.compute().item() == pytest.approx(torch.nn.functional.cross_entropy(logits, labels).item(), rel=1e-5)
