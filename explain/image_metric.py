"""Metrics that keep something of each image, so that all ranks together say what one alone would."""

from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

from aga_lightning.explain.per_image import PerImage, Skip

UNNAMED = -1
"""The id of an image that was given none."""


class ImageMetric(Metric):
    """Keeps a row an image in each of its states, and gathers the rows of all ranks.

    An image whose id comes twice counts once: samplers that deal out an evaluation set fill up its last round with
    images that were dealt before.

    Args:
        rows: For each state its name and number format. Metrics of different classes need different names: of two
            whose states agree in the first batch, a MetricCollection updates only one.
        kwargs: torchmetrics' own options.
    """

    is_differentiable = False
    full_state_update = False

    def __init__(self, rows: dict[str, torch.dtype], **kwargs: Any) -> None:  # noqa: ANN401  torchmetrics' own options
        super().__init__(**kwargs)
        self._formats = {"ids": torch.int64, **rows}
        for name in self._formats:
            self.add_state(name, [], dist_reduce_fx="cat")

    @property
    def update_called(self) -> bool:
        """Always: a set, or a rank, without images is no mistake to warn of. What is said of it is NaN."""
        return True

    def sync(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  handed on
        """Gather the states of all ranks, as torchmetrics does, also where a rank has no images."""
        for name, number_format in self._formats.items():
            # Ranks have to gather in one number format, and torchmetrics takes all empty lists for float32.
            if not len(getattr(self, name)):
                setattr(self, name, [torch.empty(0, dtype=number_format, device=self.device)])
        super().sync(*args, **kwargs)

    def all_ranks(self) -> AbstractContextManager[None]:
        """A block in which the states are those of all ranks, all of which have to enter it."""
        return self.sync_context(dist_sync_fn=self.dist_sync_fn, should_sync=self.sync_on_compute)

    def add(self, count: int, ids: Tensor | None, **rows: Tensor) -> None:
        """Add the rows of some images.

        Args:
            count: How many images.
            ids: (count,) int64, 0 or more, which tell images apart; None if nothing does.
            rows: For each state (count, ...).

        Raises:
            ValueError: If the ids do not fit.
        """
        if ids is None:
            ids = torch.full((count,), UNNAMED)
        elif ids.shape != (count,) or ids.dtype != torch.int64 or (ids < 0).any():
            raise ValueError(
                f"ids are int64 ({count},), 0 or more, one an image, not {ids.dtype} {tuple(ids.shape)}"
                + (f" from {ids.min()} on" if ids.numel() else "")
            )
        for name, values in {"ids": ids, **rows}.items():
            kept_as = self._formats[name]
            if kept_as == torch.float64 and self.device.type == "mps":
                kept_as = torch.float32  # Apple's devices know no double precision
            # Flat, since a rank without images does not know how long a row is, and gathers all the same.
            getattr(self, name).append(values.to(self.device, kept_as).flatten())

    def flat(self, name: str) -> Tensor:
        """A state as it was added, in one line, on the CPU."""
        state = getattr(self, name)
        parts = [state] if isinstance(state, Tensor) else state
        return torch.cat([torch.empty(0, dtype=self._formats[name]), *(part.cpu() for part in parts)])

    def rows_by_id(self, *names: str) -> list[Tensor]:
        """Of each state (N, length of a row) on the CPU, by rising ids, each image once."""
        ids = self.flat("ids")
        order = ids.argsort(stable=True)
        once = torch.ones(len(ids), dtype=torch.bool)
        once[1:] = (ids[order].diff() != 0) | (ids[order][1:] == UNNAMED)
        flat = [self.flat(name) for name in names]
        return [values.view(len(ids), len(values) // max(1, len(ids)))[order[once]] for values in flat]


class MeanOfImages(ImageMetric):
    """The mean of one number an image, over the images that have it.

    Args:
        value: The state with the numbers: float32, NaN where there is none. The state `skips` holds why.
        rows: Other states, as in `ImageMetric`.
        kwargs: torchmetrics' own options.
    """

    def __init__(self, value: str, rows: dict[str, torch.dtype] | None = None, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__({value: torch.float32, "skips": torch.int8, **(rows or {})}, **kwargs)
        self._value = value

    def add(self, count: int, ids: Tensor | None, **rows: Tensor) -> None:
        """Add the rows of some images; without `skips`, a number is missing because something is not finite."""
        rows.setdefault("skips", torch.where(rows[self._value].isnan(), Skip.NOT_FINITE, Skip.USED))
        super().add(count, ids, **rows)

    def compute(self) -> Tensor:
        """The mean over the images that could be used, NaN if none could."""
        values = self.rows_by_id(self._value)[0]
        return values[~values.isnan()].double().mean().float().to(self.device)

    def per_image(self) -> PerImage:
        """What the metric says of each image of all ranks, by rising ids; all ranks have to call this."""
        with self.all_ranks():
            ids, values, skips = (rows.flatten() for rows in self.rows_by_id("ids", self._value, "skips"))
            return PerImage(ids, values, skips, *self._curves())

    def _curves(self) -> tuple[Tensor, Tensor]:
        """Where the curves are known (K,), and the curves (N, K), by rising ids; this metric has none."""
        return torch.empty(0), self.rows_by_id("ids")[0][:, :0].float()
