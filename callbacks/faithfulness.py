"""How faithful the attributions of a model are: AIC, SIC, insertion, deletion, energy inside masks, pointing game."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from typing import get_args

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import TensorBoardLogger
from torch import nn

from aga_lightning.callbacks.baseline import load_baseline
from aga_lightning.callbacks.curve_sheet import draw_information_curves, draw_insertion_and_deletion
from aga_lightning.callbacks.evaluation_sample import (
    EvaluationSample,
    Examples,
    Masks,
    class_names,
    evaluation_samples,
    pixels_of,
)
from aga_lightning.callbacks.faithfulness_summary import (
    BASELINE,
    THIS_MODEL,
    Aggregation,
    Summary,
    scalars,
    summarise,
)
from aga_lightning.callbacks.faithfulness_tables import skipped_table, table_of, write_faithfulness, write_per_image
from aga_lightning.callbacks.measuring import (
    MASKED,
    MEASURES,
    EvaluationProtocol,
    Measure,
    Measured,
    Target,
    gathered,
    measure,
    without_curves,
)
from aga_lightning.callbacks.objections import unknown_layer, unusable_baseline
from aga_lightning.callbacks.untouched import untouched
from aga_lightning.explain.attribution import METHODS, Method
from aga_lightning.explain.information import InformationMemory
from aga_lightning.explain.insertion import Order
from aga_lightning.explain.pic import KINDS, PIC_THRESHOLDS
from aga_lightning.explain.prediction import probabilities
from aga_lightning.explain.reconstruction import Triangulation
from aga_lightning.paths import UserPath
from aga_lightning.preflight import Run
from aga_lightning.progress import progress
from aga_lightning.training.run_stage import run_folder, stage_due


class Faithfulness(Callback):
    """Measures how well attributions tell what the model relies on, for some images of each evaluation set.

    It logs `<set>/aic`, `/sic` (Kapishnikov et al. 2019), `/insertion`, `/deletion` (Petsiuk et al. 2018),
    `/energy_inside_mask` (Wang et al. 2020) and `/pointing_game` (Zhang et al. 2016), all 0..1, and as `<set>/aic_used`
    and so on how many images each rests on: AIC and SIC skip images, often most. The curves and the reasons go to
    TensorBoard, all numbers to `explain/<stage>/faithfulness*.csv` in the run's folder. Sets without masks have no
    energy inside a mask and no pointing game; a measure that can use no image of a set is not logged.

    Args:
        images: Images of each evaluation set, at most; spread evenly over its classes.
        every_n_epochs: During a fit, at the validations of each n-th epoch; 0 for never. validate and test always.
        method: How images are attributed.
        layer: For Grad-CAM, the dotted name of a layer ("net.layer3"); null for the last feature map.
        rectify: Whether negative attributions become zero, as Grad-CAM publishes its maps. Many pixels are then equal,
            and their order alone moves insertion and deletion by several hundredths; so it is off. Energy inside the
            mask only counts what is positive anyway.
        measures: Which measures; null for all.
        target: The class that is explained: the true one (label) or the one that the model predicts (predicted).
        min_prediction: AIC and SIC skip images whose original gives that class a lower probability.
        aggregate: How AIC and SIC make one curve of the images' curves before they take its area: median, as
            published, or mean. The other measures are means over the images.
        thresholds: For AIC and SIC, which shares of the pixels are revealed, ascending in 0..1; null for the authors'.
        triangulation: For AIC and SIC, how hidden pixels are filled in: exact, or reduced, which takes less time and
            moves areas by a few thousandths.
        steps: For insertion and deletion, in how many steps, at most.
        order: For insertion and deletion, which of equally important pixels comes first: the first in the image
            (stable), or as NumPy happens to sort them (numpy), which the published code does.
        masks: Whose masks: those the data set ships (dataset), or where it ships none those of the augmenter's
            detector and segmenter (augmenter), which costs their time for each image.
        workers: Threads of each process that reconstruct and encode for AIC and SIC; null for one a core.
        seed: Which images.
        batch_size: Images a forward pass; changes results by rounding alone, which SIC may magnify for an unsure model.
        compare_to: A checkpoint to measure on the same images, with its own attributions. AIC and SIC are then also
            given for the images that both models can use: only these numbers may be compared.
    """

    def __init__(
        self,
        images: int = 32,
        every_n_epochs: int = 0,
        method: Method = "grad_cam",
        layer: str | None = None,
        rectify: bool = False,
        measures: list[Measure] | None = None,
        target: Target = "label",
        min_prediction: float = 0.8,
        aggregate: Aggregation = "median",
        thresholds: list[float] | None = None,
        triangulation: Triangulation = "exact",
        steps: int = 28,
        order: Order = "stable",
        masks: Masks = "dataset",
        workers: int | None = None,
        seed: int = 0,
        batch_size: int = 32,
        compare_to: UserPath | str | None = None,
    ) -> None:
        asked = tuple(MEASURES if measures is None else measures)
        revealed = tuple(PIC_THRESHOLDS if thresholds is None else thresholds)
        _check_counts(images=images, steps=steps, batch_size=batch_size, workers=1 if workers is None else workers)
        if every_n_epochs < 0:
            raise ValueError(f"every_n_epochs is 0 or more, not {every_n_epochs}")
        choices: tuple[tuple[str, object, tuple[object, ...]], ...] = (
            ("method", method, METHODS),
            ("target", target, get_args(Target)),
            ("aggregate", aggregate, get_args(Aggregation)),
            ("triangulation", triangulation, get_args(Triangulation)),
            ("order", order, get_args(Order)),
            ("masks", masks, get_args(Masks)),
            *(("measures", each, MEASURES) for each in asked),
        )
        for name, value, known in choices:
            if value not in known:
                raise ValueError(f"{name} is one of {', '.join(map(str, known))}, not {value!r}")
        if not asked or len(set(asked)) < len(asked):
            raise ValueError(f"measures names each measure once, at least one, not {list(asked)}; leave it out for all")
        if layer is not None and method != "grad_cam":
            raise ValueError(f"layer is for grad_cam; leave it out for {method}")
        if not 0 <= min_prediction <= 1:
            raise ValueError(f"min_prediction is a probability in 0..1, not {min_prediction}")
        if not revealed or list(revealed) != sorted(revealed) or not 0 <= revealed[0] <= revealed[-1] <= 1:
            raise ValueError(f"thresholds ascend in 0..1, at least one, not {list(revealed)}")
        self.images = images
        self.every_n_epochs = every_n_epochs
        self.aggregate: Aggregation = aggregate
        self.masks: Masks = masks
        self.workers = workers
        self.seed = seed
        self.compare_to = None if compare_to is None else UserPath.of(compare_to)
        self.protocol = EvaluationProtocol(
            method,
            layer,
            rectify,
            asked,
            target,
            min_prediction,
            revealed,
            triangulation,
            steps,
            order,
            batch_size,
        )
        self._memory = InformationMemory()

    @property
    def logs_in_fit(self) -> bool:
        """Whether a validation of a fit has metrics of this callback."""
        return self.every_n_epochs > 0

    def objections(self, run: Run) -> Iterator[str]:
        """What stands in the way of a run, a line each."""
        if run.judges and self.protocol.method == "grad_cam":
            yield from unknown_layer(run, self.protocol.layer)
        if run.judges:
            yield from unusable_baseline(run, self.compare_to)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Find out before a long fit, not after it, that the checkpoint to compare with cannot be read.

        Raises:
            CheckpointError: If that is so.
        """
        num_classes = getattr(pl_module, "num_classes", None)
        if self.compare_to is not None and num_classes is not None:
            load_baseline(self.compare_to, num_classes, torch.device("cpu"), getattr(trainer, "datamodule", None))

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Measure, if it is time."""
        self._evaluate(trainer, pl_module)

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Measure."""
        self._evaluate(trainer, pl_module)

    def _evaluate(self, trainer: Trainer, pl_module: LightningModule) -> None:
        stage = stage_due(trainer, self.every_n_epochs)
        if stage is None:
            return
        run = run_folder(trainer)  # all ranks have to ask
        samples = evaluation_samples(trainer, self.images, self.seed)
        some = next((sample for sample in samples if len(sample)), None)
        if some is None:
            return
        summaries: list[Summary] = []
        images: dict[tuple[str, str], Measured] = {}
        shares = [len(sample.ids[trainer.global_rank :: trainer.world_size]) for sample in samples]
        total = sum(shares) * (1 if self.compare_to is None else 2)
        with (
            untouched(pl_module),
            self._executor(trainer) as executor,
            progress(trainer, "Faithfulness", total) as advance,
        ):
            # Asked of one image, so that a rank whose share is empty knows it too.
            num_classes = probabilities(pl_module)(some.examples(some.ids[:1]).images).shape[1]
            models: dict[str, nn.Module] = {THIS_MODEL: pl_module}
            if self.compare_to is not None:
                models[BASELINE] = load_baseline(
                    self.compare_to, num_classes, pl_module.device, getattr(trainer, "datamodule", None)
                )
            for sample in samples:
                found = {
                    name: self._measured(trainer, model, sample, executor, advance) for name, model in models.items()
                }
                summaries += summarise(sample.name, found[THIS_MODEL], found.get(BASELINE), self.aggregate)
                # Of the images' curves, nothing is needed any more.
                images |= {(sample.name, name): without_curves(measured) for name, measured in found.items()}
        # The numbers are those of all ranks already; sync_dist tells Lightning so.
        pl_module.log_dict(scalars(summaries), sync_dist=True)
        if trainer.is_global_zero:
            self._draw(trainer, summaries)
            if trainer.state.fn != "fit":
                pl_module.print(table_of(summaries))
            if run is not None:
                folder = run / "explain" / stage
                write_faithfulness(folder, summaries, self.protocol, self.aggregate)
                write_per_image(folder, images, self.protocol.measures, class_names(trainer, num_classes))
                if trainer.state.fn != "fit":
                    pl_module.print(f"Faithfulness, number by number and image by image: {folder}")

    def _measured(
        self,
        trainer: Trainer,
        model: nn.Module,
        sample: EvaluationSample,
        executor: Executor | None,
        advance: Callable[[int], object],
    ) -> Measured:
        """What one model makes of a set, all ranks' shares together."""
        masks = self.masks if set(self.protocol.measures) & set(MASKED) else None

        def batches() -> Iterator[Examples]:
            for examples in sample.batches(self.protocol.batch_size, masks, trainer.global_rank, trainer.world_size):
                yield examples
                advance(len(examples))

        measured = measure(model, batches(), pixels_of(trainer), self.protocol, executor, self._memory)
        return gathered(measured, self.protocol, trainer.world_size)

    def _draw(self, trainer: Trainer, summaries: Sequence[Summary]) -> None:
        boards = [logger.experiment for logger in trainer.loggers if isinstance(logger, TensorBoardLogger)]
        if not boards:
            return
        figures = {
            "information_curves": draw_information_curves(summaries),
            "insertion_and_deletion": draw_insertion_and_deletion(summaries),
        }
        for name, figure in figures.items():
            if figure is not None:
                for board in boards:
                    board.add_figure(f"faithfulness/{name}", figure, global_step=trainer.global_step, close=False)
                figure.clear()  # its parts hold each other, and would stay until the next collection of garbage
        for board in boards:
            board.add_text("faithfulness/images_used", skipped_table(summaries), global_step=trainer.global_step)

    @contextmanager
    def _executor(self, trainer: Trainer) -> Iterator[Executor | None]:
        """Threads for AIC and SIC, if they are asked for."""
        if not set(self.protocol.measures) & set(KINDS):
            yield None
            return
        with ThreadPoolExecutor(self.workers or max(1, _cores() // max(1, trainer.num_devices))) as executor:
            yield executor


def _cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _check_counts(**counts: int) -> None:
    for name, count in counts.items():
        if count < 1:
            raise ValueError(f"{name} is 1 or more, not {count}")
