"""The measures as metrics: updated batch by batch, on any number of ranks."""

from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from aga_lightning.explain.image_metric import ImageMetric, MeanOfImages
from aga_lightning.explain.information import InformationMemory
from aga_lightning.explain.information_curve import KINDS, ImageCurves, InformationCurve, Kind, aggregate
from aga_lightning.explain.insertion import (
    RISE_STEPS,
    CausalCurves,
    Order,
    Substrate,
    changed_fractions,
    deletion_curve,
    insertion_curve,
    step_for,
)
from aga_lightning.explain.localisation import energy_inside_mask, pointing_game
from aga_lightning.explain.per_image import Skip
from aga_lightning.explain.pic import PIC_THRESHOLDS, image_curves
from aga_lightning.explain.prediction import Predict
from aga_lightning.explain.reconstruction import Triangulation


class _CausalAUC(MeanOfImages):
    """The area below the curves of insertion or deletion.

    Args:
        predict: As all that follows: see `insertion_curve`.
        step: The same; None for as many as `steps` asks for.
        substrate: The same; None for that of the published method: blur for insertion, mean for deletion.
        order: The same.
        batch_size: The same.
        steps: In how many steps all pixels change, at most, where `step` does not say.
        kwargs: torchmetrics' own options.
    """

    _name: ClassVar[str]
    _default: ClassVar[Literal["blur", "mean"]]

    def __init__(
        self,
        predict: Predict,
        step: int | None = None,
        substrate: Substrate | None = None,
        order: Order = "stable",
        batch_size: int = 64,
        steps: int = RISE_STEPS,
        **kwargs: Any,  # noqa: ANN401  torchmetrics' own options
    ) -> None:
        rows = {"scores": torch.float32, "explained": torch.int64, "pixels": torch.int64}
        super().__init__(f"{self._name}_areas", rows, **kwargs)
        # In a tuple, where torch does not look for modules: the model is no part of the metric's state.
        self._predict = (predict,)
        self.step, self.steps, self.order, self.batch_size = step, steps, order, batch_size
        self.substrate: Substrate = self._default if substrate is None else substrate

    def update(
        self, images: Tensor, attributions: Tensor, targets: Tensor | None = None, ids: Tensor | None = None
    ) -> None:
        """Add a batch.

        Args:
            images: Normalised images (N, C, H, W) float.
            attributions: (N, H, W) float; higher is more important.
            targets: (N,) int64 classes; None for those that the model predicts.
            ids: (N,) int64, which tell images apart.
        """
        curve = insertion_curve if self._name == "insertion" else deletion_curve
        count = images.shape[2] * images.shape[3]
        settings = (self._step(count), self.substrate, self.order, self.batch_size)
        found = curve(images, attributions, self._predict[0], targets, *settings)
        pixels = torch.full((len(images),), count)
        rows = {self._value: found.areas, "scores": found.scores, "explained": found.targets, "pixels": pixels}
        self.add(len(images), ids, **rows)

    def curves(self) -> CausalCurves:
        """The curves of all images of all ranks, in the order of `per_image`; all ranks have to call this.

        Raises:
            ValueError: If the images have different sizes.
        """
        with self.all_ranks():
            sizes = self._sizes()
            if len(sizes) > 1:
                raise ValueError(f"curves share their steps, but the images have {sizes} pixels: give them one size")
            areas, targets = (rows.flatten() for rows in self.rows_by_id(self._value, "explained"))
            return CausalCurves(*self._curves(), areas, targets)

    def _sizes(self) -> list[int]:
        return sorted(set(self.flat("pixels").tolist()))

    def _curves(self) -> tuple[Tensor, Tensor]:
        """Images of different sizes have no common steps, and so no curves here."""
        sizes = self._sizes()
        if len(sizes) != 1:
            return super()._curves()
        return changed_fractions(sizes[0], self._step(sizes[0])), self.rows_by_id("scores")[0]

    def _step(self, pixels: int) -> int:
        return step_for(pixels, self.steps) if self.step is None else self.step


class InsertionAUC(_CausalAUC):
    """Mean area below the insertion curve: see `insertion_curve`, whose arguments these are."""

    higher_is_better = True
    _name, _default = "insertion", "blur"


class DeletionAUC(_CausalAUC):
    """Mean area below the deletion curve, the smaller the better: see `deletion_curve`, whose arguments these are."""

    higher_is_better = False
    _name, _default = "deletion", "mean"


class _OfMasks(MeanOfImages):
    """A number that compares an attribution with the subject's mask; `_missing` is why a sound map may have none."""

    higher_is_better = True
    _missing: ClassVar[Skip]

    def update(self, attributions: Tensor, masks: Tensor | Sequence[Tensor | None], ids: Tensor | None = None) -> None:
        """Add a batch.

        Args:
            attributions: (N, H, W) float; higher is more important.
            masks: (N, H, W) bool, True at the subject; or one (H, W) an image, None where the subject is unknown.
            ids: (N,) int64, which tell images apart.
        """
        nowhere = torch.zeros(attributions.shape[1:], dtype=torch.bool)
        unknown = torch.tensor([mask is None for mask in masks], dtype=torch.bool)
        if not isinstance(masks, Tensor):
            masks = (
                torch.stack([nowhere if mask is None else mask for mask in masks]) if len(masks) else nowhere[None][:0]
            )
        values = self._of(attributions, masks)
        skips = torch.where(values.isnan(), self._missing, Skip.USED)
        skips[~attributions.isfinite().flatten(1).all(dim=1).cpu()] = Skip.NOT_FINITE
        skips[~masks.flatten(1).any(dim=1).cpu()] = Skip.NO_SUBJECT
        skips[unknown] = Skip.NO_MASK
        self.add(len(attributions), ids, **{self._value: values, "skips": skips})

    def _of(self, attributions: Tensor, masks: Tensor) -> Tensor:
        raise NotImplementedError


class EnergyInsideMask(_OfMasks):
    """Mean share of the positive attribution that lies on the subject: see `energy_inside_mask`."""

    _missing = Skip.NO_POSITIVE

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401  torchmetrics' own options
        super().__init__("energy", **kwargs)

    def _of(self, attributions: Tensor, masks: Tensor) -> Tensor:
        return energy_inside_mask(attributions, masks)


class PointingGame(_OfMasks):
    """The share of images whose most important pixel is on the subject: see `pointing_game`.

    Args:
        tolerance: How far from the subject the pixel may be, in pixels.
        kwargs: torchmetrics' own options.
    """

    _missing = Skip.CONSTANT

    def __init__(self, tolerance: float = 0, **kwargs: Any) -> None:  # noqa: ANN401  torchmetrics' own options
        super().__init__("hits", **kwargs)
        self.tolerance = tolerance

    def _of(self, attributions: Tensor, masks: Tensor) -> Tensor:
        return pointing_game(attributions, masks, self.tolerance)


class PerformanceInformationCurve(ImageMetric):
    """Areas below the softmax and the accuracy information curve: see `aga_lightning.explain.pic`.

    Args:
        predict: uint8 pixels (N, C, H, W) to probabilities (N, num_classes).
        thresholds: As all that follows: see `image_curves`.
        min_prediction: The same.
        monotone: The same.
        points: The same.
        triangulation: The same.
        executor: The same. Copies of the metric, also pickled ones, work in the calling thread.
        batch_size: The same.
        memory: The same.
        kinds: Which curves.
        aggregation: The median, or the mean, of the images' curves.
        kwargs: torchmetrics' own options.
    """

    higher_is_better = True

    def __init__(
        self,
        predict: Predict,
        thresholds: Sequence[float] = PIC_THRESHOLDS,
        min_prediction: float = 0.8,
        monotone: bool = True,
        points: int = 1000,
        triangulation: Triangulation = "exact",
        executor: Executor | None = None,
        batch_size: int = 64,
        memory: InformationMemory | None = None,
        kinds: Sequence[Kind] = KINDS,
        aggregation: Literal["median", "mean"] = "median",
        **kwargs: Any,  # noqa: ANN401  torchmetrics' own options
    ) -> None:
        # Curves in single precision take half the memory.
        rows = {"curves": torch.float32, "areas": torch.float64, "skips": torch.int8}
        super().__init__({f"{kind}_{row}": of for kind in kinds for row, of in rows.items()}, **kwargs)
        self._predict = (predict,)
        self._executor = executor
        self.kinds = tuple(kinds)
        self.aggregation = aggregation
        self._points = points
        self._settings: dict[str, Any] = {
            "thresholds": tuple(thresholds),
            "min_prediction": min_prediction,
            "monotone": monotone,
            "points": points,
            "triangulation": triangulation,
            "batch_size": batch_size,
            "memory": memory,
            "kinds": self.kinds,
        }

    def update(
        self,
        images: Tensor,
        attributions: Tensor,
        targets: Tensor,
        ids: Tensor | None = None,
        random_masks: Tensor | None = None,
    ) -> None:
        """Add a batch.

        Args:
            images: uint8 pixels (N, C, H, W).
            attributions: (N, H, W) float; higher is more important.
            targets: (N,) int64 classes.
            ids: (N,) int64, which tell images apart, and draw what is known of each hidden image. Without them the
                place in the batch draws it, and two models cannot be compared on the images that both can use.
            random_masks: (N, H, W) bool, what is known of the hidden images.
        """
        found = image_curves(
            images,
            attributions,
            self._predict[0],
            targets,
            ids,
            random_masks,
            executor=self._executor,
            **self._settings,
        )
        parts = {"curves": found.curves, "areas": found.areas, "skips": found.skips}
        rows = {f"{kind}_{part}": by_kind[kind] for part, by_kind in parts.items() for kind in self.kinds}
        self.add(len(images), ids, **rows)

    def compute(self) -> dict[str, Tensor]:
        """Of each kind its area ("sic", NaN if no image is used), and how many images it used and skipped, and why.

        The counts are "sic_used" and "sic_skipped_" with the reasons of `Skip`: "sic_skipped_low_prediction".
        """
        curves = self._image_curves()
        scores: dict[str, Tensor] = {}
        for kind in self.kinds:
            curve = aggregate(curves.of(kind), self.aggregation)
            scores |= {kind: torch.tensor(curve.area), f"{kind}_used": torch.tensor(curve.used)}
            for skip, images in curve.skipped.items():
                if skip != Skip.NOT_COMMON:  # nothing is compared here
                    scores[f"{kind}_skipped_{skip.name.lower()}"] = torch.tensor(images)
        return {name: score.to(self.device) for name, score in scores.items()}

    def image_curves(self) -> ImageCurves:
        """The curves of all images of all ranks, by rising ids; all ranks have to call this."""
        with self.all_ranks():
            return self._image_curves()

    def information_curve(self, kind: Kind) -> InformationCurve:
        """One curve of all images of all ranks, to be drawn; all ranks have to call this."""
        return aggregate(self.image_curves().of(kind), self.aggregation)

    def __getstate__(self) -> dict[str, Any]:
        return super().__getstate__() | {"_executor": None}  # threads and processes cannot be copied

    def _image_curves(self) -> ImageCurves:
        ids = self.rows_by_id("ids")[0].flatten()

        def by_kind(part: str) -> dict[Kind, Tensor]:
            return {kind: self.rows_by_id(f"{kind}_{part}")[0] for kind in self.kinds}

        return ImageCurves(
            ids,
            # Of no images, no rows of the usual length.
            {kind: rows.view(len(ids), self._points + 1) for kind, rows in by_kind("curves").items()},
            {kind: rows.flatten() for kind, rows in by_kind("areas").items()},
            {kind: rows.flatten() for kind, rows in by_kind("skips").items()},
        )
