"""Insertion and deletion: how fast a class appears or vanishes as pixels come or go, the most important first.

Petsiuk et al. 2018, "RISE: Randomized Input Sampling for Explanation of Black-box Models", as their code has it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d
from torch import Tensor
from torch.nn.functional import conv2d

from aga_lightning.explain.imputation import NoisyLinearImputation
from aga_lightning.explain.logits import check_images, check_targets
from aga_lightning.explain.prediction import Predict

Empty = Literal["blur", "mean"] | float | Tensor | Callable[[Tensor], Tensor]
"""What images are without their content: RISE's blur of the image, the mean colour (0 in normalised space), one number
or one for each channel (C,) in normalised space, or a function from images (N, C, H, W) to such images, such as their
scenes without the subject."""

Substrate = Empty | NoisyLinearImputation
"""What stands where pixels are missing: the empty image's pixel, or what is imputed from the pixels that are there."""

Order = Literal["stable", "numpy"]
"""Of pixels with equal attributions: "stable", first come those first in raster order; "numpy", as `numpy.argsort`
leaves them, reversed, which RISE's code does. On rectified maps, with many zeros, the choice moves the area by 0.04."""

RISE_STEPS = 28
"""How often RISE's notebook for whole data sets adds pixels: 1792 at a time, of 224 x 224."""

BLUR_SIZE, BLUR_SIGMA = 11, 5.0


@dataclass(frozen=True, slots=True)
class CausalCurves:
    """The probability of a class in K steps of insertion or deletion, on the CPU.

    Args:
        fractions: (K + 1,) float32, the share of the pixels that is revealed, or removed: from 0 to 1.
        scores: (N, K + 1) float32 probabilities in 0..1; NaN for an image whose attributions are not all finite.
        areas: (N,) float32 in 0..1, the area below each row of scores, NaN with it. All steps have the same width, as
            in RISE, also the last, which may be of fewer pixels.
        targets: (N,) int64, the classes whose probabilities these are.
    """

    fractions: Tensor
    scores: Tensor
    areas: Tensor
    targets: Tensor

    @property
    def mean(self) -> Tensor:
        """The mean (K + 1,) over the images that have scores, NaN if none has."""
        return self.scores[~self.areas.isnan()].mean(dim=0)


def insertion_curve(
    images: Tensor,
    attributions: Tensor,
    predict: Predict,
    targets: Tensor | None = None,
    step: int | None = None,
    substrate: Substrate = "blur",
    order: Order = "stable",
    batch_size: int = 64,
) -> CausalCurves:
    """Reveal an image pixel by pixel, the most important first; a faithful map has a large area.

    Args:
        images: Normalised images (N, C, H, W) float.
        attributions: (N, H, W) float. Their ranks alone matter: a constant map reveals in the order of `order`, from
            the top row to the bottom one if that is "stable".
        predict: Normalised images to probabilities. It sees `batch_size` images at most, of several originals, in the
            memory format of `images`.
        targets: (N,) int64 classes; None for the class that the model predicts for each whole image.
        step: Pixels at a time; None for H * W / 28, rounded up: RISE's 28 steps, or a few less of small images.
        substrate: What the image is before it is revealed; RISE's is "blur".
        order: Which of equally important pixels comes first.
        batch_size: Images a forward pass.

    Returns:
        The curves; those of no images are empty.

    Raises:
        ValueError: If sizes or number formats do not fit.
    """
    walk = _Walk(images, predict, targets, step, order, batch_size)
    return walk.curves(attributions, substrate, inserting=True)


def deletion_curve(
    images: Tensor,
    attributions: Tensor,
    predict: Predict,
    targets: Tensor | None = None,
    step: int | None = None,
    substrate: Substrate = "mean",
    order: Order = "stable",
    batch_size: int = 64,
) -> CausalCurves:
    """Remove pixels from an image, the most important first; a faithful map has a small area.

    Args:
        images: Normalised images (N, C, H, W) float.
        attributions: (N, H, W) float; as for insertion.
        predict: Normalised images to probabilities; as for insertion.
        targets: (N,) int64 classes; None for the class that the model predicts for each whole image.
        step: Pixels at a time; as for insertion.
        substrate: What is left where pixels are removed; RISE's is "mean".
        order: Which of equally important pixels goes first.
        batch_size: Images a forward pass.

    Returns:
        The curves; those of no images are empty.

    Raises:
        ValueError: If sizes or number formats do not fit.
    """
    walk = _Walk(images, predict, targets, step, order, batch_size)
    return walk.curves(attributions, substrate, inserting=False)


def rise_blur(images: Tensor) -> Tensor:
    """RISE's blur: a Gaussian of 11 x 11 pixels, sigma 5, with zeros around the (normalised) image.

    Args:
        images: (N, C, H, W) float.
    """
    # RISE filters a point in a frame of 11 x 11 whose borders reflect. That kernel is the outer product of this one
    # with itself, so that two passes of 11 weights do for one of 121.
    point = np.zeros(BLUR_SIZE)
    point[BLUR_SIZE // 2] = 1
    weights = torch.from_numpy(gaussian_filter1d(point, BLUR_SIGMA)).to(images)
    channels = images.shape[1]
    column = weights.view(1, 1, -1, 1).expand(channels, 1, -1, 1)
    row = weights.view(1, 1, 1, -1).expand(channels, 1, 1, -1)
    margin = BLUR_SIZE // 2
    with torch.autocast(images.device.type, enabled=False):  # a mean of many pixels, whatever the model computes in
        blurred = conv2d(images, column, padding=(margin, 0), groups=channels)
        return conv2d(blurred, row, padding=(0, margin), groups=channels)


class _Picture(Protocol):
    """What the images look like on the way."""

    def write(self, place: int, changed: Tensor, target: Tensor) -> None:
        """Write the image at a place, of which the pixels (K, 1, H, W) have changed, to `target` (K, C, H, W)."""


@dataclass(frozen=True, slots=True)
class _Blend:
    """Pixels of one picture, or of the other."""

    start: Tensor
    finish: Tensor

    def write(self, place: int, changed: Tensor, target: Tensor) -> None:
        torch.where(changed, self.finish[place], self.start[place], out=target)


@dataclass(frozen=True, slots=True)
class _Imputed:
    """The image, with what is hidden filled in from what is not."""

    images: Tensor
    imputation: NoisyLinearImputation
    inserting: bool

    def write(self, place: int, changed: Tensor, target: Tensor) -> None:
        hidden = ~changed if self.inserting else changed
        target.copy_(self.imputation.impute(self.images[place].expand_as(target), hidden))


@dataclass(frozen=True, slots=True)
class _Walk:
    """From a picture without content to the original, or back: what insertion and deletion share."""

    images: Tensor
    predict: Predict
    targets: Tensor | None
    step: int | None
    order: Order
    batch_size: int

    @torch.no_grad()
    def curves(self, attributions: Tensor, substrate: Substrate, inserting: bool) -> CausalCurves:
        self._check(attributions)
        count, pixels = len(self.images), self.images.shape[2] * self.images.shape[3]
        step = step_for(pixels) if self.step is None else self.step
        fractions = changed_fractions(pixels, step)
        steps = len(fractions) - 1
        if count == 0:
            return CausalCurves(fractions, torch.empty(0, steps + 1), torch.empty(0), torch.empty(0, dtype=torch.int64))
        targets, whole = self._original()
        places = attributions.flatten(1).isfinite().all(dim=1).nonzero().squeeze(1)
        turn = (ranks(attributions[places].to(self.images.device), self.order) // step).to(torch.int32)
        if isinstance(substrate, NoisyLinearImputation):
            picture: _Picture = _Imputed(self.images, substrate, inserting)
        else:
            empty = _without_content(self.images, substrate)
            picture = _Blend(*((empty, self.images) if inserting else (self.images, empty)))
        # The original is one end of each curve, and its probability is known.
        reached = range(steps) if inserting else range(1, steps + 1)
        places = places.to(self.images.device)
        found = self._scores(turn, places.tolist(), picture, reached, targets[places])
        known = whole[places, None]
        scores = torch.full((count, steps + 1), torch.nan, device=self.images.device)
        scores[places] = torch.cat([found, known] if inserting else [known, found], dim=1)
        areas = (scores.sum(dim=1) - (scores[:, 0] + scores[:, -1]) / 2) / steps
        return CausalCurves(fractions, scores.cpu(), areas.cpu(), targets.cpu())

    def _original(self) -> tuple[Tensor, Tensor]:
        """The targets (N,), and their probabilities (N,) in the whole images."""
        predicted = torch.cat([self.predict(part) for part in torch.split(self.images, self.batch_size)])
        if predicted.ndim != 2 or len(predicted) != len(self.images):
            raise ValueError(
                f"predict makes probabilities (N, num_classes) of N images, not {tuple(predicted.shape)} of "
                f"{len(self.images)}"
            )
        targets = predicted.argmax(dim=1) if self.targets is None else self.targets.to(predicted.device, torch.int64)
        lowest, highest = targets.aminmax()
        if lowest < 0 or highest >= predicted.shape[1]:
            raise ValueError(f"targets are classes of the model, 0..{predicted.shape[1] - 1}, not {lowest}..{highest}")
        device = self.images.device
        return targets.to(device), predicted.gather(1, targets[:, None]).squeeze(1).float().to(device)

    def _scores(self, turn: Tensor, places: list[int], picture: "_Picture", reached: range, targets: Tensor) -> Tensor:
        """The probabilities (len(places), len(reached)) of the targets after each of the steps `reached`."""
        layout = torch.channels_last if _is_channels_last(self.images) else torch.contiguous_format
        after = torch.tensor(list(reached), device=turn.device).view(-1, 1, 1, 1)
        wanted = targets.repeat_interleave(len(reached))
        total, parts = len(wanted), [torch.empty(0, device=turn.device)]
        for begin in range(0, total, self.batch_size):
            end = min(begin + self.batch_size, total)
            shape = (end - begin, *self.images.shape[1:])
            batch = torch.empty(shape, dtype=self.images.dtype, device=turn.device, memory_format=layout)
            # Written from the original itself: nothing is gathered first, and the last batch of one image is filled up
            # with the first steps of the next.
            for row in range(begin // len(reached), -(-end // len(reached))):
                first, last = max(begin, row * len(reached)), min(end, (row + 1) * len(reached))
                changed = turn[row] < after[first - row * len(reached) : last - row * len(reached)]
                picture.write(places[row], changed, batch[first - begin : last - begin])
            predicted = self.predict(batch)
            classes = wanted[begin:end, None].to(predicted.device)
            parts.append(predicted.gather(1, classes).squeeze(1).float().to(turn.device))
        return torch.cat(parts).view(len(places), len(reached))

    def _check(self, attributions: Tensor) -> None:
        images = self.images
        check_images(images)
        if self.targets is not None:
            check_targets(self.targets, len(images))
        if attributions.shape != (len(images), *images.shape[2:]):
            raise ValueError(
                f"attributions are (N, H, W) and images (N, C, H, W) of the same N, H and W, not "
                f"{tuple(attributions.shape)} and {tuple(images.shape)}; enlarge the maps to the images' size"
            )
        if not attributions.is_floating_point():
            raise ValueError(f"attributions are floating point, not {attributions.dtype}")
        if self.order not in get_args(Order):
            raise ValueError(f"there is no order {self.order!r}; choose one of {', '.join(get_args(Order))}")
        if (self.step is not None and self.step < 1) or self.batch_size < 1:
            raise ValueError(f"step and batch_size are 1 or more, not {self.step} and {self.batch_size}")


def step_for(pixels: int, steps: int = RISE_STEPS) -> int:
    """How many of an image's pixels change at a time so that all do in `steps` steps, or a few less."""
    return -(-pixels // steps)


def changed_fractions(pixels: int, step: int) -> Tensor:
    """The share of the pixels that is changed after each step: (K + 1,) float32, from 0 to 1."""
    steps = -(-pixels // step)
    return (torch.arange(steps + 1) * step).clamp(max=pixels) / pixels


def ranks(attributions: Tensor, order: Order) -> Tensor:
    """For each pixel how many come before it, (N, 1, H, W) int64, of finite attributions (N, H, W)."""
    flat = attributions.flatten(1)
    if order == "numpy":
        values = flat.cpu().to(torch.promote_types(flat.dtype, torch.float32)).numpy()  # it knows no bfloat16
        pixel = torch.from_numpy(np.argsort(values, axis=1)[:, ::-1].copy()).to(flat.device)
    else:
        pixel = flat.argsort(dim=1, descending=True, stable=True)
    place = torch.arange(flat.shape[1], device=flat.device).expand_as(pixel)
    return torch.empty_like(pixel).scatter_(1, pixel, place).view(len(flat), 1, *attributions.shape[1:])


def _without_content(images: Tensor, substrate: Empty) -> Tensor:
    """What the images are without their content, (N, C, H, W); of a constant only a view."""
    if isinstance(substrate, str):
        if substrate not in ("blur", "mean"):
            raise ValueError(
                f"there is no substrate {substrate!r}; choose blur, mean, a number, a tensor or a function"
            )
        substrate = rise_blur if substrate == "blur" else 0.0
    if isinstance(substrate, Tensor) and substrate.shape != (images.shape[1],):
        raise ValueError(
            f"a substrate is one number, or one for each of {images.shape[1]} channels, not {tuple(substrate.shape)}"
        )
    if isinstance(substrate, Tensor | float | int):
        return torch.as_tensor(substrate).to(images).view(1, -1, 1, 1).expand_as(images)
    made = substrate(images)
    if made.shape != images.shape:
        raise ValueError(f"a substrate keeps the images' size {tuple(images.shape)}, but made {tuple(made.shape)}")
    return made.to(images)


def _is_channels_last(images: Tensor) -> bool:
    return images.is_contiguous(memory_format=torch.channels_last) and not images.is_contiguous()
