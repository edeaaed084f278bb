"""One pass over images that are hidden and revealed again, in which reconstruction, prediction and encoding overlap."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aga_lightning.explain.information import InformationMemory, lossless_bytes
from aga_lightning.explain.information_curve import ImageCurves, Kind, curve_through
from aga_lightning.explain.per_image import Skip
from aga_lightning.explain.prediction import Predict
from aga_lightning.explain.reconstruction import Triangulation, random_mask, reconstruct

T = TypeVar("T")
Image = NDArray[np.uint8]


class CallingThread(Executor):
    """Runs what it is given at once: no pool."""

    def submit(self, function: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:  # noqa: ANN401 # any call
        """The function's result, already there."""
        future: Future[T] = Future()
        future.set_result(function(*args, **kwargs))
        return future


class _Revealed(NamedTuple):
    """An image with all its thresholds predicted, while the encodings that it needs are under way."""

    row: int
    pictures: list[Image]
    predictions: NDArray[np.float64]  # scaled, (thresholds, kinds)
    bytes: dict[int, Future[int]]  # by threshold


@dataclass(eq=False)
class Revealing:
    """The steps of a pass, to be called in their order; each drops the images that no kind can use.

    The arguments are those of `image_curves`, on the CPU, three of them as numpy arrays.

    Args:
        pixels: uint8 (N, H, W, C).
        maps: The attributions, float32 or float64 (N, H, W).
        random_masks: Boolean (N, H, W), or None to draw them by id.
    """

    pixels: Image
    maps: NDArray[np.floating[Any]]
    predict: Predict
    targets: Tensor
    ids: Tensor
    random_masks: NDArray[np.bool_] | None
    thresholds: Sequence[float]
    min_prediction: float
    monotone: bool
    points: int
    triangulation: Triangulation
    executor: Executor
    batch_size: int
    memory: InformationMemory
    kinds: Sequence[Kind]

    def __post_init__(self) -> None:
        shape = len(self.pixels), len(self.kinds)
        self._skips = np.full(shape, Skip.USED, dtype=np.int8)
        self._original, self._hidden = np.full(shape, np.nan), np.full(shape, np.nan)
        self._bytes = np.zeros((len(self.pixels), 2))  # of the original, of the hidden image
        self._curves = np.full((*shape, self.points + 1), np.nan)

    def predict_originals(self) -> None:
        """Step 1: what the model makes of the images as they are."""
        for row in range(len(self.maps)):
            self._skip(row, not np.isfinite(self.maps[row]).all(), Skip.NOT_FINITE)
        for rows in _batches(self._in_use(), self.batch_size):
            predictions = self._predictions(rows, [self.pixels[row] for row in rows])
            for row, prediction in zip(rows, predictions, strict=True):
                self._original[row] = prediction
                self._skip(row, np.isnan(prediction), Skip.NOT_FINITE)
                self._skip(row, prediction < self.min_prediction, Skip.LOW_PREDICTION)

    def hide(self) -> None:
        """Step 2: what it makes of them when they are hidden, and how many bytes both take."""
        for measured in _one_behind(self._hidden_batches()):
            for row, key, original, hidden in measured:
                self.memory.keep(key, original.result(), hidden.result())
                self._bytes[row] = original.result(), hidden.result()
        for row in self._in_use():
            self._skip(row, np.isnan(self._hidden[row]), Skip.NOT_FINITE)
            self._skip(row, self._bytes[row, 1] >= self._bytes[row, 0], Skip.NO_INFORMATION_GAP)
            self._skip(row, self._hidden[row] >= self._original[row], Skip.NO_PREDICTION_GAP)

    def reveal(self) -> None:
        """Step 3: what it makes of them at each threshold, and how many bytes that takes."""
        for batch in _one_behind(self._revealed_batches()):
            for revealed in batch:
                self._draw(revealed)

    def curves(self) -> ImageCurves:
        """What came out."""
        # NumPy has renamed its own between the versions that are supported.
        areas = torch.trapezoid(torch.from_numpy(self._curves), dx=1 / self.points)
        return ImageCurves(
            ids=self.ids,
            curves={kind: torch.from_numpy(self._curves[:, k].copy()) for k, kind in enumerate(self.kinds)},
            areas={kind: areas[:, k].clone() for k, kind in enumerate(self.kinds)},
            skips={kind: torch.from_numpy(self._skips[:, k].copy()) for k, kind in enumerate(self.kinds)},
        )

    def _hidden_batches(self) -> Iterator[list[tuple[int, bytes, Future[int], Future[int]]]]:
        for rows, pictures in self._reconstructed(lambda row: [self._known(row)], 1):
            flat = [picture for (picture,) in pictures]
            self._hidden[rows] = self._predictions(rows, flat)
            unmeasured = []
            for row, picture in zip(rows, flat, strict=True):
                image = self._image(row)
                key = self.memory.key(image, self._known(row), self.triangulation)
                lengths = self.memory.recall(key)
                if lengths is None:
                    original, hidden = (self.executor.submit(lossless_bytes, each) for each in (image, picture))
                    unmeasured.append((row, key, original, hidden))
                else:
                    self._bytes[row] = lengths
            yield unmeasured

    def _revealed_batches(self) -> Iterator[list[_Revealed]]:
        steps = len(self.thresholds)
        for rows, pictures in self._reconstructed(self._known_at_thresholds, steps):
            flat = [picture for each in pictures for picture in each]
            predictions = self._predictions([row for row in rows for _ in range(steps)], flat)
            batch = []
            for row, each, raw in zip(rows, pictures, predictions.reshape(len(rows), steps, -1), strict=True):
                self._skip(row, np.isnan(raw).any(axis=0), Skip.NOT_FINITE)
                gap = self._original[row] - self._hidden[row]
                with np.errstate(divide="ignore", invalid="ignore"):  # of kinds that are skipped
                    scaled = ((raw - self._hidden[row]) / gap).clip(0, 1)
                if self.monotone:
                    scaled = np.maximum.accumulate(scaled, axis=0)
                used = self._skips[row] == Skip.USED
                needed = np.flatnonzero(_beside_rises(scaled[:, used]) if self.monotone else np.full(steps, used.any()))
                encodings = {int(step): self.executor.submit(lossless_bytes, each[step]) for step in needed}
                batch.append(_Revealed(row, each, scaled, encodings))
            yield batch

    def _draw(self, revealed: _Revealed) -> None:
        """Finish an image: wait for its lengths, and draw its curves."""
        if not revealed.bytes:
            return
        original, hidden = self._bytes[revealed.row]

        def shares() -> NDArray[np.float64]:
            lengths = np.array([revealed.bytes[step].result() for step in sorted(revealed.bytes)], dtype=np.float64)
            return ((lengths - hidden) / (original - hidden)).clip(0, 1)  # type: ignore[no-any-return] # numpy's clip

        x = shares()
        if not _grows(x) and len(x) < len(revealed.pictures):
            for step in set(range(len(revealed.pictures))) - set(revealed.bytes):
                revealed.bytes[step] = self.executor.submit(lossless_bytes, revealed.pictures[step])
            x = shares()
        for k in np.flatnonzero(self._skips[revealed.row] == Skip.USED):
            self._curves[revealed.row, k] = curve_through(
                x, revealed.predictions[sorted(revealed.bytes), k], self.points
            )

    def _in_use(self) -> list[int]:
        return np.flatnonzero((self._skips == Skip.USED).any(axis=1)).tolist()

    def _skip(self, row: int, where: NDArray[np.bool_] | np.bool_ | bool, reason: Skip) -> None:
        """Give an image's kinds a reason, unless they have one."""
        self._skips[row, where & (self._skips[row] == Skip.USED)] = reason

    def _image(self, row: int) -> Image:
        return np.ascontiguousarray(self.pixels[row])

    def _known(self, row: int) -> NDArray[np.bool_]:
        """What is known of the fully hidden image."""
        if self.random_masks is not None:
            known: NDArray[np.bool_] = self.random_masks[row]
            return known
        _, height, width = self.maps.shape
        return random_mask(height, width, int(self.ids[row]))

    def _known_at_thresholds(self, row: int) -> Iterator[NDArray[np.bool_]]:
        attributions, known = self.maps[row], self._known(row)
        ordered = np.sort(attributions, axis=None)  # in which numpy finds a quantile sooner
        for threshold in self.thresholds:
            # One by one, as in the reference: of a list of fractions, numpy returns another number format.
            yield (attributions >= np.quantile(ordered, 1 - threshold)) | known

    def _reconstructed(
        self, masks: Callable[[int], Iterable[NDArray[np.bool_]]], each: int
    ) -> Iterator[tuple[list[int], list[list[Image]]]]:
        """Batches of images in use, and of each as many reconstructions as it has masks; the pool works ahead."""
        rows = self._in_use()
        jobs = (
            (image, known, self.triangulation) for row in rows for image in [self._image(row)] for known in masks(row)
        )
        ahead = 1 if isinstance(self.executor, CallingThread) else self.batch_size
        reconstructed = _ahead(self.executor, reconstruct, jobs, ahead)
        for batch in _batches(rows, max(1, self.batch_size // each)):
            yield batch, [list(islice(reconstructed, each)) for _ in batch]

    def _predictions(self, rows: list[int], pictures: list[Image]) -> NDArray[np.float64]:
        """The predictions (B, kinds) for pictures of these rows; NaN where a probability is not finite."""
        pixels = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous()
        parts = [self.predict(part).detach().cpu().double() for part in torch.split(pixels, self.batch_size)]
        targets = self.targets[rows]
        for part in parts:
            if part.ndim != 2 or part.shape[1] <= int(targets.max()):
                raise ValueError(
                    f"The prediction function must return probabilities (B, num_classes) for targets up to "
                    f"{int(targets.max())}, not {tuple(part.shape)}."
                )
        probabilities = torch.cat(parts)
        of_target = probabilities.gather(1, targets[:, None])[:, 0]
        columns = {"sic": of_target, "aic": (probabilities.argmax(dim=1) == targets).double()}
        predictions = torch.stack([columns[kind] for kind in self.kinds], dim=1)
        predictions[~probabilities.isfinite().all(dim=1)] = torch.nan
        return predictions.numpy()


def _beside_rises(predictions: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Thresholds (T,) whose length a monotone curve needs: the ends of each run of equal predictions (T, kinds).

    Their neighbours inside the run are taken too: if even they do not lie within it, all are needed.
    """
    rises: NDArray[np.bool_] = np.any(np.diff(predictions, axis=0, prepend=0, append=1) > 0, axis=1)
    needed: NDArray[np.bool_] = rises[:-1] | rises[1:]
    beside = needed.copy()
    beside[1:] |= needed[:-1]
    beside[:-1] |= needed[1:]
    return beside


def _grows(shares: NDArray[np.float64]) -> bool:
    """Whether each share of the information is larger than the one before; at 1, as large."""
    shares = np.concatenate([[0.0], shares, [1.0]])
    return bool(((np.diff(shares) > 0) | (shares[:-1] == 1)).all() and (np.diff(shares) >= 0).all())


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


def _one_behind(items: Iterable[T]) -> Iterator[T]:
    """The items, each only when the next has been made: what it started meanwhile has had time to finish."""
    waiting: list[T] = []
    for item in items:
        yield from waiting
        waiting = [item]
    yield from waiting


def _ahead(executor: Executor, function: Callable[..., T], jobs: Iterable[tuple[Any, ...]], limit: int) -> Iterator[T]:
    """The results in their order, with up to `limit` jobs under way or done before they are asked for."""
    under_way: deque[Future[T]] = deque()
    try:
        for job in jobs:
            under_way.append(executor.submit(function, *job))
            if len(under_way) >= limit:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    finally:
        for future in under_way:
            future.cancel()
