"""The predictions of the verb predict, as a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import BasePredictionWriter

from aga_lightning.files import csv_bytes, shown
from aga_lightning.training.run_stage import run_folder

_HEADER = ["file", "class", "probability"]


@dataclass(kw_only=True, eq=False)
class PredictionWriter(BasePredictionWriter):
    """Writes `predictions-<rank>.csv` to the run's folder: file, predicted class, its probability.

    Trial runs, which have no folder, write nothing.

    Args:
        filename: The table's name, without rank and suffix.
    """

    filename: str = "predictions"

    def __post_init__(self) -> None:
        super().__init__("batch")
        self._path: Path | None = None

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin the table."""
        folder = run_folder(trainer)  # the first rank tells the others, so all ranks have to ask
        self._path = None if folder is None else folder / f"{self.filename}-{trainer.global_rank}.csv"
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.write_bytes(csv_bytes([_HEADER]))

    def write_on_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        prediction: Any,  # noqa: ANN401 Lightning's type
        batch_indices: Sequence[int] | None,
        batch: Any,  # noqa: ANN401 Lightning's type
        batch_idx: int,
        dataloader_idx: int,
    ) -> None:
        """Append the rows of a batch."""
        if self._path is None:
            return
        data: Any = trainer.datamodule  # type: ignore[attr-defined] # set by the trainer where there is one
        probabilities = prediction.probabilities.max(dim=1).values.tolist()
        said = zip(batch_indices or (), prediction.labels.tolist(), probabilities, strict=True)
        rows = [(data.predict_records[index].path, data.class_names[label], f"{p:.4f}") for index, label, p in said]
        with self._path.open("ab") as file:
            file.write(csv_bytes(rows))

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print where the table is."""
        if self._path is not None and trainer.is_global_zero:
            several = f", and beside it that of each of {trainer.world_size} ranks" if trainer.world_size > 1 else ""
            print(f"Predictions: {shown(self._path)}{several}")
