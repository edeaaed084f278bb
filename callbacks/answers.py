"""What a model answers for each image of a set, from all ranks, each image once."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from aga_lightning.explain.image_metric import ImageMetric


class Answers(NamedTuple):
    """A model's answers for some images, on the CPU, by rising ids.

    Args:
        ids: (N,) int64, the images' places in their set.
        labels: (N,) int64, the true classes.
        predicted: (N,) int64, the likeliest classes.
        confidences: (N,) float32, the probabilities of these, or of the classes that are explained.
    """

    ids: Tensor
    labels: Tensor
    predicted: Tensor
    confidences: Tensor


class AnswersOfImages(ImageMetric):
    """Keeps a model's answer for each image; its value is the share of right answers."""

    higher_is_better = True

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401  torchmetrics' own options
        rows = {"labels": torch.int64, "predicted": torch.int64, "confidences": torch.float32}
        super().__init__(rows, **kwargs)

    def update(self, labels: Tensor, predicted: Tensor, confidences: Tensor, ids: Tensor) -> None:
        """Add a batch; see `Answers`."""
        self.add(len(labels), ids, labels=labels, predicted=predicted, confidences=confidences)

    def compute(self) -> Tensor:
        """The share of right answers; NaN without images."""
        labels, predicted = self.rows_by_id("labels", "predicted")
        return (labels == predicted).float().mean()

    def answers(self) -> Answers:
        """The answers of all ranks; all ranks have to call this."""
        with self.all_ranks():
            return Answers(*(rows.flatten() for rows in self.rows_by_id(*Answers._fields)))
