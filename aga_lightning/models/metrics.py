"""What is measured on one evaluation set.

Macro averages run over the classes that have images in the set. torchmetrics' own leave out a class only if it was
never predicted either: a single wrong guess would then count an absent class as a recall of zero.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torchmetrics import Metric, MetricCollection
from torchmetrics.classification import MulticlassStatScores


def evaluation_metrics(num_classes: int) -> MetricCollection:
    """The metrics of one evaluation set, updated with logits (N, num_classes) and labels (N,).

    Args:
        num_classes: How many classes there are, in the set or not.

    Returns:
        `acc` (the share of images whose highest logit is right), `recall` and `f1` (macro averages over the classes of
        the set), `loss` (mean cross-entropy) and `acc_per_class` ((num_classes,), NaN where a class is absent).
    """
    return MetricCollection(
        {
            "acc": Accuracy(num_classes),
            "acc_per_class": AccuracyPerClass(num_classes),
            "recall": MacroRecall(num_classes),
            "f1": MacroF1(num_classes),
            "loss": CrossEntropy(),
        }
    )


class _PerClassCounts(MulticlassStatScores):
    """Counts of each class, from which every score below follows, so that a collection keeps them only once."""

    def __init__(self, num_classes: int, **kwargs: Any) -> None:  # noqa: ANN401  torchmetrics' own options
        super().__init__(num_classes=num_classes, average=None, **kwargs)

    def compute(self) -> Tensor:
        """The score."""
        true_positive, false_positive, _, _, support = super().compute().float().unbind(-1)
        return self.score(true_positive, false_positive, support)

    def score(self, true_positive: Tensor, false_positive: Tensor, support: Tensor) -> Tensor:
        """The score from each class's counts (num_classes,) of right guesses, wrong guesses and images."""
        raise NotImplementedError


class Accuracy(_PerClassCounts):
    """Top-1 accuracy over all images."""

    def score(self, true_positive: Tensor, false_positive: Tensor, support: Tensor) -> Tensor:
        """Right guesses over images."""
        return true_positive.sum() / support.sum()


class AccuracyPerClass(_PerClassCounts):
    """Accuracy over the images of each class; NaN for a class without images."""

    def score(self, true_positive: Tensor, false_positive: Tensor, support: Tensor) -> Tensor:
        """Right guesses over images, class by class."""
        return true_positive / support


class MacroRecall(_PerClassCounts):
    """Mean over the classes of the set of the share of their images that was found."""

    def score(self, true_positive: Tensor, false_positive: Tensor, support: Tensor) -> Tensor:
        """Mean of TP / (TP + FN)."""
        return (true_positive / support)[support > 0].mean()


class MacroF1(_PerClassCounts):
    """Mean over the classes of the set of the harmonic mean of precision and recall."""

    def score(self, true_positive: Tensor, false_positive: Tensor, support: Tensor) -> Tensor:
        """Mean of 2 TP / (2 TP + FP + FN)."""
        return (2 * true_positive / (true_positive + false_positive + support))[support > 0].mean()


class CrossEntropy(Metric):
    """Mean cross-entropy in nats, without class weights or label smoothing, so that runs can be compared."""

    higher_is_better = False
    full_state_update = False
    total: Tensor
    images: Tensor

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401  torchmetrics' own options
        super().__init__(**kwargs)
        self.add_state("total", torch.tensor(0.0), dist_reduce_fx="sum")
        self.add_state("images", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, preds: Tensor, target: Tensor) -> None:
        """Add a batch of logits (N, num_classes) and labels (N,)."""
        self.total += cross_entropy(preds.float(), target, reduction="sum")
        self.images += len(target)

    def compute(self) -> Tensor:
        """The mean over all images so far."""
        return self.total / self.images
