"""Write what the verb predict says of each image to a table."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import BasePredictionWriter


class PredictionWriter(BasePredictionWriter):
    """Writes `predictions-<rank>.csv` to the run's folder: file, predicted class, its probability.

    Args:
        filename: The table's name, without rank and suffix.
    """

    def __init__(self, filename: str = "predictions") -> None:
        super().__init__("batch")
        self.filename = filename

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
        data: Any = trainer.datamodule  # type: ignore[attr-defined] # set by the trainer where there is one
        folder = Path(trainer.log_dir or ".")
        path = folder / f"{self.filename}-{trainer.global_rank}.csv"
        mode: Literal["w", "a"] = "w" if batch_idx == 0 else "a"
        folder.mkdir(parents=True, exist_ok=True)
        with path.open(mode, newline="", encoding="utf-8", errors="surrogateescape") as file:
            writer = csv.writer(file)
            if mode == "w":
                writer.writerow(["file", "class", "probability"])
            probabilities = prediction.probabilities.max(dim=1).values.tolist()
            for index, label, probability in zip(
                batch_indices or (), prediction.labels.tolist(), probabilities, strict=True
            ):
                writer.writerow([data.predict_records[index].path, data.class_names[label], f"{probability:.4f}"])
