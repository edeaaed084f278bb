"""Reject images about which a classifier of the originals is already sure, right or wrong: ALIA's confidence filter."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from lightning.pytorch.utilities import rank_zero_info
from torchvision.transforms.v2 import functional

from aga_lightning.augment.base import Draft, SubjectSource
from aga_lightning.augment.gates.classifier_file import read_classifier
from aga_lightning.augment.gates.picture_gate import PictureGate
from aga_lightning.augment.pretrained import Pretrained, PretrainedError, explained
from aga_lightning.checkpoints.facts import Facts
from aga_lightning.files import shown
from aga_lightning.images.pixels import Image
from aga_lightning.networks.torchvision_nets import TorchvisionNet

Probabilities = npt.NDArray[np.float64]


def confident_thresholds(probabilities: Probabilities, labels: npt.NDArray[np.int64]) -> Probabilities:
    """Mean confidence of a classifier in each class, over the images with its label (Northcutt et al. 2021).

    Args:
        probabilities: (N, K), one row for each image.
        labels: (N,) classes in 0..K-1.

    Returns:
        (K,) the mean probability of class k over the images labelled k; infinity if there are none.
    """
    thresholds = np.full(probabilities.shape[1], np.inf)
    for label in np.unique(labels):
        thresholds[label] = probabilities[labels == label, label].mean()
    return thresholds


@dataclass(kw_only=True, eq=False)
class ConfidenceRule(Pretrained, PictureGate):
    """Rejects images that a classifier of the original images is sure about (ALIA, Dunlap et al. 2023).

    The classifier is sure if its likeliest class is at least as probable as that class is on average for the training
    images with its label (confident learning, Northcutt et al. 2021). If it is the image's own class, the image is too
    easy to add anything; if it is another class, the subject was changed. All other images are kept.

    Args:
        weights: A file of a torchvision classifier that was trained on the original images alone, with the classes in
            the order of this data set: a checkpoint of this project (.ckpt), or a state dict (.pth, .safetensors). The
            number of classes, and the width and stem of a ResNet, are read from it.
        backbone: Which of torchvision's classifiers it is.
        size: Height and width of its input in pixels.
        resize: Shorter side in pixels of the image from which the input is cut in the middle; null squashes the whole
            image to the input's size. Give both as the classifier was evaluated.
        mean: Per-channel mean that is subtracted from values in 0..1; ImageNet's by default.
        std: Per-channel standard deviation to divide by. Means of 0 and deviations of 1 leave the values as they are.
        drop_easy: Whether to reject images that are too easy.
        drop_mislabelled: Whether to reject images that look like another class.
        batch_size: Images at once. It changes probabilities by rounding only (1e-7 in float32).

    Raises:
        ValueError: If there is no such backbone, or `size`, `resize` or `std` is out of range.
    """

    stage = "image"
    learns = True

    revision: str | None = field(default=None, init=False)  # a file has none
    backbone: str = "resnet50"
    size: int = 224
    resize: int | None = 256
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    drop_easy: bool = True
    drop_mislabelled: bool = True
    batch_size: int = 64

    def __post_init__(self) -> None:
        TorchvisionNet(self.backbone)  # which refuses a name that is none
        if self.size < 1 or (self.resize is not None and self.resize < self.size):
            raise ValueError(
                f"size is {self.size} and resize {self.resize}; give pixels, and resize at least size (or null)"
            )
        if min(self.std) <= 0:
            raise ValueError(f"std is {tuple(self.std)}; give three numbers above 0")
        self._trained_on = Facts()
        self._thresholds: Probabilities | None = None
        self._names: dict[int, str] = {}
        self._learnt = ""

    def load(self) -> Any:  # noqa: ANN401 as `Pretrained.load`
        """The classifier.

        Raises:
            PretrainedError: If the file is missing, damaged, of another classifier, or of one that was trained with
                another normalisation.
        """
        with explained(f"a file of weights of a {self.backbone} of torchvision", self.weights):
            net, self._trained_on = read_classifier(self.backbone, self.weights)
        self._check_input(self._trained_on)
        return net.to(self.torch_device, self.torch_dtype).eval()

    def learn(self, training: SubjectSource) -> None:
        """Measure the classifier's confidence in the training images, unless it has seen the same images before.

        Raises:
            PretrainedError: If the classifier has fewer classes than the data set, or other classes.
        """
        if self._learnt == (digest := training.digest()):
            return
        rows: list[Probabilities] = []
        labels: list[int] = []
        names: dict[int, str] = {}
        for start in range(0, len(training), self.batch_size):
            places = range(start, min(start + self.batch_size, len(training)))
            samples = [training[place][0] for place in places]
            rows.append(self.probabilities([sample.image for sample in samples]))
            for sample in samples:
                self._check_class(sample.record.label, sample.record.class_name)
            labels += [sample.record.label for sample in samples]
            names |= {sample.record.label: sample.record.class_name for sample in samples}
        if not rows:
            raise ValueError("ConfidenceRule was given no training images to learn from")
        classes = rows[0].shape[1]
        if max(labels) >= classes:
            raise PretrainedError(
                f"{self.weights} tells {classes} classes apart, but the data set has a class of number {max(labels)}: "
                "give a classifier that was trained on this data set"
            )
        self._thresholds = confident_thresholds(np.concatenate(rows), np.array(labels))
        self._names, self._learnt = names, digest

    def judge(self, drafts: Sequence[Draft], pictures: Sequence[Image]) -> list[str | None]:
        """The class of which the classifier is sure; None if it is not sure.

        Raises:
            RuntimeError: If `learn` was not called.
        """
        if self._thresholds is None:
            raise RuntimeError("ConfidenceRule needs to see the training images first: call `learn`")
        rows = zip(self.probabilities(pictures), drafts, strict=True)
        return [self._complaint(row, draft.sample.record.label, self._thresholds) for row, draft in rows]

    def probabilities(self, images: Sequence[Image]) -> Probabilities:
        """The classifier's probabilities: (N, K), rows add up to 1."""
        return np.stack(self.batched(images, self._classify))

    def _check_input(self, trained: Facts) -> None:
        """Refuse a classifier that was trained with another normalisation; warn if it was with another image size."""
        if trained.normalisation not in (None, (tuple(self.mean), tuple(self.std))):
            mean, std = trained.normalisation or ((), ())
            raise PretrainedError(
                f"{self.weights} was trained on images with mean {mean} and std {std}: set mean and std of the "
                "ConfidenceRule to these"
            )
        if trained.image_size not in (None, self.size):
            rank_zero_info(f"Warning: {self.weights} was trained with image_size {trained.image_size}, not {self.size}")

    def _check_class(self, label: int, name: str) -> None:
        """Refuse a classifier for which a label's number is another class."""
        known = self._trained_on.classes
        if known is not None and known[label : label + 1] != (name,):
            was = shown(known[label]) if label < len(known) else "none"
            raise PretrainedError(
                f"{self.weights} was trained with other classes: number {label} was {was}, and is {shown(name)} in "
                "this data set; give a classifier that was trained on these classes, in this order"
            )

    def _complaint(self, row: Probabilities, label: int, thresholds: Probabilities) -> str | None:
        if not np.isfinite(row).all():
            return "the classifier's probabilities are not numbers"
        likeliest = int(row.argmax())
        sure = f"{row[likeliest]:.3f}, at least the mean of its training images ({thresholds[likeliest]:.3f})"
        if row[likeliest] < thresholds[likeliest]:
            return None
        name = self._names.get(likeliest, f"class {likeliest}")
        if likeliest == label:
            return (
                f'the image is too easy: the classifier\'s probability of "{name}" is {sure}'
                if self.drop_easy
                else None
            )
        return (
            f'the image looks like another class: the probability of "{name}" is {sure}'
            if self.drop_mislabelled
            else None
        )

    def _classify(self, images: Sequence[Image]) -> list[Probabilities]:
        inputs = torch.stack([self._input(image) for image in images])
        with torch.inference_mode():
            logits = self.model(inputs.to(self.torch_device, self.torch_dtype))
            return list(logits.double().softmax(1).cpu().numpy())

    def _input(self, image: Image) -> torch.Tensor:
        """The classifier's input for a picture: (3, size, size)."""
        pixels = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)
        whole = [self.size, self.size] if self.resize is None else [self.resize]
        pixels = functional.center_crop(functional.resize(pixels, whole, antialias=True), [self.size, self.size])
        result: torch.Tensor = functional.normalize(
            functional.to_dtype(pixels, torch.float32, True), self.mean, self.std
        )
        return result
