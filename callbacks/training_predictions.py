"""A model's predictions for the training images early in a fit, as a table: which images are learnt last."""

import shutil
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from aga_lightning.callbacks.answers import Answers, AnswersOfImages
from aga_lightning.callbacks.untouched import untouched
from aga_lightning.explain.prediction import probabilities
from aga_lightning.files import write_csv
from aga_lightning.preflight import Run
from aga_lightning.run_folder import TRAINING_PREDICTIONS, written_before, written_if_possible
from aga_lightning.training.datamodule import AGADataModule
from aga_lightning.training.run_stage import run_folder
from aga_lightning.training.share import HEADER


@dataclass(kw_only=True, eq=False)
class TrainingPredictions(Callback):
    """Writes `training_predictions.csv` to the run's folder, which `data.augment_order` of another fit reads.

    Columns: image (its folder and file name), label, predicted, probability (that the model gives to the label) and
    sha256 (of the file). The training images are judged as evaluation images are, without random transforms and without
    augmentations; the validation and test images take no part. The training is not changed, and takes as much longer as
    a validation on the training images. Trial runs write nothing.

    Args:
        after_epochs: Epochs after which the images are judged, 1 or more; null for the end of the fit. With a number,
            the learning rate is that of the whole fit, so that a baseline can write the table on its way.
    """

    after_epochs: int | None = None

    def __post_init__(self) -> None:
        if self.after_epochs is not None and self.after_epochs < 1:
            raise ValueError(f"after_epochs is 1 or more, or null, not {self.after_epochs}")

    def objections(self, run: Run) -> Iterator[str]:
        """What stands in the way of a run, a line each."""
        if run.verb != "fit":
            return
        if not isinstance(run.datamodule, AGADataModule):
            yield "TrainingPredictions needs the training images of an AGADataModule: leave the callback out"
        last = run.trainer.max_epochs
        if self.after_epochs is not None and last not in (None, -1) and self.after_epochs > last:
            yield f"TrainingPredictions.after_epochs is {self.after_epochs}, but trainer.max_epochs is {last}: lower it"

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take over the table that an earlier start of the run has written, where this one begins after its epoch."""
        folder = run_folder(trainer)  # the first rank tells the others, so all ranks have to ask
        if folder is None or self.after_epochs is None or trainer.current_epoch < self.after_epochs:
            return
        earlier = written_before(folder, TRAINING_PREDICTIONS)
        if earlier is None:
            warnings.warn(
                f"no {TRAINING_PREDICTIONS} is written, since this fit goes on after epoch {self.after_epochs}",
                stacklevel=2,
            )
        elif trainer.is_global_zero and earlier.parent != folder:
            with written_if_possible(folder / TRAINING_PREDICTIONS):
                shutil.copyfile(earlier, folder / TRAINING_PREDICTIONS)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Judge the training images, if this is the epoch."""
        if self.after_epochs == trainer.current_epoch + 1:
            _write(trainer, pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Judge the training images, if no epoch is set."""
        if self.after_epochs is None:
            _write(trainer, pl_module)


def _write(trainer: Trainer, model: LightningModule) -> None:
    folder = run_folder(trainer)  # the first rank tells the others, so all ranks have to ask
    if folder is None:
        return
    data: AGADataModule = trainer.datamodule  # type: ignore[attr-defined] # set by the trainer
    answers = _answers(trainer, model, data)
    if trainer.is_global_zero:
        with written_if_possible(folder / TRAINING_PREDICTIONS):
            write_csv(folder / TRAINING_PREDICTIONS, HEADER, _rows(answers, data))


def _answers(trainer: Trainer, model: LightningModule, data: AGADataModule) -> Answers:
    """What the model says of each training image, on all ranks; the confidences are those of the labels."""
    rank, ranks = trainer.global_rank, trainer.world_size
    metric = AnswersOfImages().to(trainer.strategy.root_device)
    ids = torch.arange(rank, len(data.train_records), ranks)
    done = 0
    with untouched(model):
        batch: Any
        for batch in data.evaluation_loader(data.train_records[rank::ranks]):
            labels = batch[1]
            said = probabilities(model)(batch[0]).cpu()
            sure = said.gather(1, labels[:, None]).squeeze(1)
            metric.update(labels, said.argmax(dim=1), sure, ids[done : done + len(labels)])
            done += len(labels)
    return metric.answers()


def _rows(answers: Answers, data: AGADataModule) -> Iterator[list[object]]:
    for place, label, predicted, probability in zip(*(column.tolist() for column in answers), strict=True):
        path = data.train_records[place].path
        image = f"{path.parent.name}/{path.name}"
        names = data.class_names[label], data.class_names[predicted]
        yield [image, *names, f"{probability:.6g}", data.store.sha256(path)]
