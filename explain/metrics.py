"""The measures as metrics: updated batch by batch, on any number of ranks."""

from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Any, Literal

import torch
from torch import Tensor

from aga_lightning.explain.image_metric import ImageMetric, MeanOfImages
from aga_lightning.explain.information import InformationMemory
from aga_lightning.explain.insertion import (
    CausalCurves,
    Order,
    Substrate,
    changed_fractions,
    deletion_curve,
    insertion_curve,
    step_for,
)
from aga_lightning.explain.localisation import energy_inside_mask, pointing_game
from aga_lightning.explain.pic import (
    KINDS,
    PIC_THRESHOLDS,
    ImageCurves,
    InformationCurve,
    Kind,
    Skip,
    aggregate,
    image_curves,
)
from aga_lightning.explain.prediction import Predict
from aga_lightning.explain.reconstruction import Triangulation


class _CausalAUC(MeanOfImages):
    """The area below the curves of insertion or deletion."""

    def __init__(
        self,
        name: str,
        predict: Predict,
        step: int | None,
        substrate: Substrate,
        order: Order,
        batch_size: int,
        **kwargs: Any,  # noqa: ANN401  torchmetrics' own options
    ) -> None:
        rows = {"scores": torch.float32, "explained": torch.int64, "pixels": torch.int64}
        super().__init__(f"{name}_areas", rows, **kwargs)
        # In a tuple, where torch does not look for modules: the model is no part of the metric's state.
        self._predict = (predict,)
        self.step, self.substrate, self.order, self.batch_size = step, substrate, order, batch_size

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
        found = self._curve(images, attributions, targets)
        pixels = torch.full((len(images),), images.shape[2] * images.shape[3])
        rows = {self._value: found.areas, "scores": found.scores, "explained": found.targets, "pixels": pixels}
        self.add(len(images), ids, **rows)

    def curves(self) -> CausalCurves:
        """The curves of all images of all ranks, in the order of `per_image`; all ranks have to call this.

        Raises:
            ValueError: If the images have different sizes.
        """
        with self.all_ranks():
            sizes = sorted(set(self.flat("pixels").tolist()))
            if len(sizes) > 1:
                raise ValueError(f"curves share their steps, but the images have {sizes} pixels: give them one size")
            areas, scores, targets = self.rows_by_id(self._value, "scores", "explained")
        pixels = sizes[0] if sizes else 0
        fractions = changed_fractions(pixels, self.step or step_for(pixels)) if pixels else torch.empty(0)
        return CausalCurves(fractions, scores, areas.flatten(), targets.flatten())

    def _curve(self, images: Tensor, attributions: Tensor, targets: Tensor | None) -> CausalCurves:
        raise NotImplementedError


class InsertionAUC(_CausalAUC):
    """Mean area below the insertion curve: see `insertion_curve`, whose arguments these are."""

    higher_is_better = True

    def __init__(
        self,
        predict: Predict,
        step: int | None = None,
        substrate: Substrate = "blur",
        order: Order = "stable",
        batch_size: int = 64,
        **kwargs: Any,  # noqa: ANN401  torchmetrics' own options
    ) -> None:
        super().__init__("insertion", predict, step, substrate, order, batch_size, **kwargs)

    def _curve(self, images: Tensor, attributions: Tensor, targets: Tensor | None) -> CausalCurves:
        settings = (self.step, self.substrate, self.order, self.batch_size)
        return insertion_curve(images, attributions, self._predict[0], targets, *settings)


class DeletionAUC(_CausalAUC):
    """Mean area below the deletion curve, the smaller the better: see `deletion_curve`, whose arguments these are."""

    higher_is_better = False

    def __init__(
        self,
        predict: Predict,
        step: int | None = None,
        substrate: Substrate = "mean",
        order: Order = "stable",
        batch_size: int = 64,
        **kwargs: Any,  # noqa: ANN401  torchmetrics' own options
    ) -> None:
        super().__init__("deletion", predict, step, substrate, order, batch_size, **kwargs)

    def _curve(self, images: Tensor, attributions: Tensor, targets: Tensor | None) -> CausalCurves:
        settings = (self.step, self.substrate, self.order, self.batch_size)
        return deletion_curve(images, attributions, self._predict[0], targets, *settings)


class EnergyInsideMask(MeanOfImages):
    """Mean share of the positive attribution that lies on the subject: see `energy_inside_mask`."""

    higher_is_better = True

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401  torchmetrics' own options
        super().__init__("energy", **kwargs)

    def update(self, attributions: Tensor, masks: Tensor, ids: Tensor | None = None) -> None:
        """Add a batch of attributions (N, H, W) float, masks (N, H, W) bool and ids (N,) int64."""
        self.add(len(attributions), ids, energy=energy_inside_mask(attributions, masks))


class PointingGame(MeanOfImages):
    """The share of images whose most important pixel is on the subject: see `pointing_game`.

    Args:
        tolerance: How far from the subject the pixel may be, in pixels.
        kwargs: torchmetrics' own options.
    """

    higher_is_better = True

    def __init__(self, tolerance: float = 0, **kwargs: Any) -> None:  # noqa: ANN401  torchmetrics' own options
        super().__init__("hits", **kwargs)
        self.tolerance = tolerance

    def update(self, attributions: Tensor, masks: Tensor, ids: Tensor | None = None) -> None:
        """Add a batch of attributions (N, H, W) float, masks (N, H, W) bool and ids (N,) int64."""
        self.add(len(attributions), ids, hits=pointing_game(attributions, masks, self.tolerance))


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
        rows = {"curves": torch.float32, "areas": torch.float32, "skips": torch.int8}
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
            curve = aggregate(curves, kind, self.aggregation)
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
        return aggregate(self.image_curves(), kind, self.aggregation)

    def __getstate__(self) -> dict[str, Any]:
        return super().__getstate__() | {"_executor": None}  # threads and processes cannot be copied

    def _image_curves(self) -> ImageCurves:
        ids = self.rows_by_id("ids")[0].flatten()

        def by_kind(part: str) -> dict[Kind, Tensor]:
            return {kind: self.rows_by_id(f"{kind}_{part}")[0] for kind in self.kinds}

        return ImageCurves(
            ids,
            # Kept in single precision, half the memory; of no images, no rows of the usual length.
            {kind: rows.double().view(len(ids), self._points + 1) for kind, rows in by_kind("curves").items()},
            {kind: rows.double().flatten() for kind, rows in by_kind("areas").items()},
            {kind: rows.flatten() for kind, rows in by_kind("skips").items()},
        )
