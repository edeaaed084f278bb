"""What is measured on one evaluation set.

Macro averages run over the classes that have images in the set. torchmetrics' own leave out a class only if it was
never predicted either: a single wrong guess would then count an absent class as a recall of zero.

A group is a part of the population that a model may do worse on, such as the photos of one camera; the worst group
tells what the mean hides.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot
from torchmetrics import Metric, MetricCollection
from torchmetrics.classification import MulticlassStatScores

MIN_GROUP_IMAGES = 10
"""Images that a group needs in a set before its accuracy says something: one image is right or wrong, no more."""


def evaluation_metrics(num_classes: int, num_groups: int = 0) -> MetricCollection:
    """The metrics of one evaluation set.

    They are updated with `preds` (N, num_classes), which are logits, `target` (N,), the labels, and where there are
    groups, by these names, also with `groups` (N,).

    Args:
        num_classes: How many classes there are, in the set or not.
        num_groups: How many groups there are, in the set or not; 0 where images belong to none.

    Returns:
        `acc` (the share of images whose highest logit is right), `recall` and `f1` (macro averages over the classes of
        the set), `loss` (mean cross-entropy), `acc_per_class` ((num_classes,), NaN where a class is absent) and
        `images` (how many); where there are groups also `acc_per_group`, as `GroupAccuracy` gives it.
    """
    metrics: dict[str, Metric | MetricCollection] = {
        "acc": Accuracy(num_classes),
        "acc_per_class": AccuracyPerClass(num_classes),
        "recall": MacroRecall(num_classes),
        "f1": MacroF1(num_classes),
        "loss": CrossEntropy(),
        "images": Images(num_classes),
    }
    if num_groups:
        metrics["acc_per_group"] = GroupAccuracy(num_groups)
    return MetricCollection(metrics)


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


class Images(_PerClassCounts):
    """How many images there are."""

    def score(self, true_positive: Tensor, false_positive: Tensor, support: Tensor) -> Tensor:
        """Images."""
        return support.sum()


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


class GroupAccuracy(Metric):
    """Accuracy over the images of each group, and how many images that is.

    Args:
        num_groups: How many groups there are, in the set or not.
    """

    higher_is_better = True
    full_state_update = False
    right: Tensor
    images_per_group: Tensor

    def __init__(self, num_groups: int, **kwargs: Any) -> None:  # noqa: ANN401  torchmetrics' own options
        super().__init__(**kwargs)
        self.num_groups = num_groups
        for state in ("right", "images_per_group"):
            self.add_state(state, torch.zeros(num_groups, dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, preds: Tensor, target: Tensor, groups: Tensor) -> None:
        """Add a batch of logits (N, num_classes), labels (N,) and the numbers of the images' groups (N,) int64."""
        members = one_hot(groups, self.num_groups)
        right = preds.argmax(dim=1) == target
        self.right += (members * right[:, None]).sum(dim=0)
        self.images_per_group += members.sum(dim=0)

    def compute(self) -> Tensor:
        """The groups' accuracies, NaN without images, beside the numbers of their images: (num_groups, 2) float32."""
        # One tensor of at least two numbers: torchmetrics takes the axis off results that hold a single one.
        images = self.images_per_group.float()
        return torch.stack([self.right.float() / images, images], dim=1)


def worst_group_accuracy(accuracies: Tensor, images: Tensor) -> Tensor:
    """The lowest accuracy of a group with at least MIN_GROUP_IMAGES images; of any that has some, where none has many.

    Args:
        accuracies: (num_groups,), NaN for groups without images.
        images: (num_groups,), how many images each group has.

    Returns:
        A scalar; NaN where no group has images.
    """
    measured = images >= MIN_GROUP_IMAGES
    if not measured.any():
        measured = images > 0
    return accuracies[measured].min() if measured.any() else accuracies.new_tensor(torch.nan)


def background_gap(accuracies: Mapping[str, Tensor]) -> Tensor | None:
    """The BG-gap of Xiao et al. (2020): accuracy on `ood/mixed_same` less that on `ood/mixed_rand`.

    In both sets subjects stand in front of foreign backgrounds, those of their own class in the first, of any class in
    the second. So the gap, -1..1, is what a model loses when backgrounds stop revealing the class, and not what cutting
    and pasting costs it; 0 for a model that goes by the subject alone.

    Args:
        accuracies: Accuracy of each evaluation set by its name.

    Returns:
        A scalar; None where one of the two sets is missing.
    """
    same, random = accuracies.get("ood/mixed_same"), accuracies.get("ood/mixed_rand")
    return None if same is None or random is None else same - random
