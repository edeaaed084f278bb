"""A model's predictions for each image of each evaluation set, as a table in the run's folder."""

import itertools
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities.types import STEP_OUTPUT
from torch import Tensor
from torch.utils.data import BatchSampler, DistributedSampler, SequentialSampler

from aga_lightning.callbacks.answers import Answers, AnswersOfImages
from aga_lightning.callbacks.data_facts import class_names
from aga_lightning.callbacks.evaluation_loaders import evaluation_loaders
from aga_lightning.files import write_csv
from aga_lightning.run_folder import PREDICTIONS, written_if_possible
from aga_lightning.training.run_stage import keeps_files, run_folder

_HEADER = ["set", "image", "label", "predicted", "confidence"]


class PredictionsTable(Callback):
    """Writes `predictions.csv` to the run's folder: a line for each image of each set that validate or test judges.

    Columns: set, image (its path below the folder that holds all images of the set; its place in the set where the data
    does not say), label, predicted, confidence (the probability of the predicted class). Lines stand in the order of
    the set, whatever the number of ranks, and an image that several ranks were given stands there once. Nothing is
    computed again: the model's step has to return the logits (N, num_classes) of a batch of images and labels, as
    `ImageClassifier` does; of other models, and in trial runs, nothing is written. Validations within a fit are not
    listed. 28 bytes an image are kept until the end of the evaluation.
    """

    def __init__(self) -> None:
        self._batches: dict[int, list[tuple[Tensor, Tensor, Tensor]]] = {}

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin a new table."""
        self._batches = {}

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: STEP_OUTPUT,
        batch: Any,  # noqa: ANN401 Lightning's type
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Keep the answers to a batch."""
        self._keep(trainer, outputs, batch, dataloader_idx)

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the table."""
        self._write(trainer)

    on_test_epoch_start = on_validation_epoch_start
    on_test_batch_end = on_validation_batch_end
    on_test_epoch_end = on_validation_epoch_end

    def _keep(self, trainer: Trainer, logits: object, batch: object, loader: int) -> None:
        if not _listed(trainer) or not isinstance(logits, Tensor) or logits.ndim != 2:
            return
        labels = batch[1] if isinstance(batch, list | tuple) and len(batch) > 1 else None
        if not isinstance(labels, Tensor) or labels.shape != logits.shape[:1]:
            return
        # As the metrics count: by the highest logit, the first of equal ones. What is kept stays on its device, so that
        # no batch waits for it.
        predicted = logits.argmax(dim=1)
        confidences = logits.detach().float().softmax(dim=1).gather(1, predicted[:, None]).squeeze(1)
        self._batches.setdefault(loader, []).append((labels, predicted, confidences))

    def _write(self, trainer: Trainer) -> None:
        if not _listed(trainer):
            return
        folder = run_folder(trainer)  # the first rank tells the others, so all ranks have to ask
        sets = evaluation_loaders(trainer)
        found = {}
        for number, (name, loader) in enumerate(sets):
            metric = AnswersOfImages().to(trainer.strategy.root_device)
            places = iter(_places(loader, trainer.global_rank, trainer.world_size))
            for batch in self._batches.pop(number, []):
                # Where only some batches are judged, they end before the places do.
                known = torch.tensor(list(itertools.islice(places, len(batch[0]))), dtype=torch.int64)
                labels, predicted, confidences = (column[: len(known)] for column in batch)
                metric.update(labels, predicted, confidences, known)
            found[name] = metric.answers()
        if trainer.is_global_zero and folder is not None and any(len(answers.ids) for answers in found.values()):
            names = {name: _names(loader) for name, loader in sets}
            with written_if_possible(folder / PREDICTIONS):
                write_csv(folder / PREDICTIONS, _HEADER, _rows(trainer, found, names))


def _listed(trainer: Trainer) -> bool:
    return trainer.state.fn != TrainerFn.FITTING and keeps_files(trainer)


def _order(loader: Any) -> Any | None:  # noqa: ANN401 any loader
    """What draws a loader's images in an order that it repeats and that draws no random number; None for others."""
    batches = getattr(loader, "batch_sampler", None)
    if type(batches) is not BatchSampler:  # another class may hand out anything
        return None
    sampler = batches.sampler
    if isinstance(sampler, DistributedSampler):
        wrapped = getattr(sampler.dataset, "_sampler", None)  # Lightning deals out what this one draws
        repeats = not sampler.shuffle and (wrapped is None or type(wrapped) is SequentialSampler)
    else:
        repeats = type(sampler) is SequentialSampler
    return sampler if repeats else None


def _places(loader: Any, rank: int, ranks: int) -> Iterable[int]:  # noqa: ANN401 any loader
    """The places in their set of the images that a rank was given; where the loader does not tell, in turn by rank."""
    order = _order(loader)
    if order is not None:
        return order  # type: ignore[no-any-return]
    if ranks == 1:
        return itertools.count()
    # Several ranks are given more images than there are, until all have as many.
    return range(rank, len(loader.dataset), ranks)


def _names(loader: Any) -> Mapping[int, str] | None:  # noqa: ANN401 any loader
    """By place, the path of each image below the folder that holds all of the set; None where the data does not say."""
    records = getattr(getattr(loader, "dataset", None), "records", None)
    if not records or _order(loader) is None:
        return None
    paths = [os.path.abspath(record.path) for record in records]
    top = os.path.commonpath({os.path.dirname(path) for path in paths})
    return {place: Path(path).relative_to(top).as_posix() for place, path in enumerate(paths)}


def _rows(
    trainer: Trainer, found: Mapping[str, Answers], names: Mapping[str, Mapping[int, str] | None]
) -> Iterator[list[object]]:
    largest = max(int(column.max()) for answers in found.values() for column in answers[1:3] if len(column))
    classes = class_names(trainer, largest + 1)
    for name, answers in found.items():
        known = names[name]
        for place, label, predicted, confidence in zip(*(column.tolist() for column in answers), strict=True):
            image = place if known is None else known[place]
            yield [name, image, classes[label], classes[predicted], f"{confidence:.6g}"]
