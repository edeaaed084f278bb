"""How faithful the attributions of a model are: AIC, SIC, insertion, deletion, energy inside masks, pointing game."""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

import torch
from lightning.pytorch import Trainer
from torch import nn

from aga_lightning.callbacks.attributing import BASELINE, THIS_MODEL
from aga_lightning.callbacks.curve_sheet import draw_information_curves, draw_insertion_and_deletion
from aga_lightning.callbacks.evaluation_sample import EvaluationSample, Examples, Masks
from aga_lightning.callbacks.explaining import Occasion
from aga_lightning.callbacks.faithfulness_summary import Aggregation, Summary, scalars, summarise
from aga_lightning.callbacks.faithfulness_tables import (
    image_rows,
    skipped_table,
    table_of,
    write_faithfulness,
    write_per_image,
)
from aga_lightning.callbacks.figures import show_figure, show_table, takes_figures
from aga_lightning.callbacks.measuring import MASKED, Measured, Measuring
from aga_lightning.explain.information import InformationMemory
from aga_lightning.explain.information_curve import KINDS
from aga_lightning.explain.prediction import probabilities
from aga_lightning.paths import UserPath
from aga_lightning.progress import progress
from aga_lightning.workers import cores


@dataclass(kw_only=True, eq=False)
class Faithfulness(Measuring):
    """Measures how well attributions tell what the model relies on, for some images of each evaluation set.

    It logs `<set>/aic`, `/sic` (Kapishnikov et al. 2019), `/insertion`, `/deletion` (Petsiuk et al. 2018),
    `/energy_inside_mask` (Wang et al. 2020) and `/pointing_game` (Zhang et al. 2016), all 0..1, and as `<set>/aic_used`
    and so on how many images each rests on: AIC and SIC skip images, often most. All numbers go to
    `explain/<stage>/faithfulness*.csv` in the run's folder, the curves beside them and to the loggers, which also get
    the reasons. Sets without masks have no energy inside a mask and no pointing game; a measure that can use no image
    of a set is not logged.

    Args:
        aggregate: How AIC and SIC make one curve of the images' curves before they take its area: median, as
            published, or mean. The other measures are means over the images.
        masks: Whose masks: those the data set ships (dataset), or where it ships none those of the augmenter's
            detector and segmenter (augmenter), which costs their time for each image.
        workers: Threads of each process that reconstruct and encode for AIC and SIC; null for one a core.
        compare_to: A checkpoint to measure on the same images, with its own attributions. AIC and SIC are then also
            given for the images that both models can use: only these numbers may be compared.
    """

    aggregate: Aggregation = "median"
    masks: Masks = "dataset"
    workers: int | None = None
    compare_to: UserPath | str | None = None

    least: ClassVar = Measuring.least | {"workers": 1}

    def __post_init__(self) -> None:
        super().__post_init__()
        self._memory = InformationMemory()

    def explain(self, occasion: Occasion) -> None:
        """Measure all sets; draw, print and write what was measured."""
        trainer, samples = occasion.trainer, occasion.samples
        some = next((sample for sample in samples if len(sample)), None)
        if some is None:
            return
        summaries: list[Summary] = []
        rows: list[list[object]] = []
        models = self.models(trainer, occasion.network, some)
        # Asked of one image, so that a rank whose share is empty knows it too.
        num_classes = probabilities(occasion.network)(some.examples(some.ids[:1]).images).shape[1]
        classes = self.names(trainer, num_classes)
        shares = sum(len(sample.ids[trainer.global_rank :: trainer.world_size]) for sample in samples)
        with (
            self._executor(trainer) as executor,
            progress(trainer, "Faithfulness", shares * len(models)) as advance,
        ):
            for sample in samples:
                found = {
                    name: self._measured(trainer, model, sample, executor, advance) for name, model in models.items()
                }
                summaries += summarise(sample.name, found[THIS_MODEL], found.get(BASELINE), self.aggregate)
                for name, measured in found.items():
                    rows += image_rows(sample, name, measured, classes)
        occasion.logged.update(scalars(summaries))
        if trainer.is_global_zero:
            self._draw(occasion, summaries)
            judged = trainer.state.fn != "fit"
            if judged:
                occasion.model.print(table_of(summaries))
            if occasion.folder is not None:
                write_faithfulness(occasion.folder, summaries, self, self.aggregate)
                write_per_image(occasion.folder, self.asked, rows)
                if judged:
                    occasion.model.print(f"Faithfulness, number by number and image by image: {occasion.folder}")

    def _measured(
        self,
        trainer: Trainer,
        model: nn.Module,
        sample: EvaluationSample,
        executor: Executor | None,
        advance: Callable[[int], object],
    ) -> Measured:
        """What one model makes of a set, all ranks' shares together."""
        masks = self.masks if set(self.asked) & set(MASKED) else None

        def batches() -> Iterator[Examples]:
            for examples in sample.batches(self.batch_size, masks, trainer.global_rank, trainer.world_size):
                yield examples
                advance(len(examples))

        # Ranks gather what lies on their own devices.
        device = trainer.strategy.root_device if trainer.world_size > 1 else torch.device("cpu")
        return self.measure(model, batches(), sample.pixels, executor, self._memory, device)

    def _draw(self, occasion: Occasion, summaries: list[Summary]) -> None:
        trainer, folder = occasion.trainer, occasion.folder
        if folder is None and not takes_figures(trainer):
            return
        figures = {
            "information_curves": draw_information_curves(summaries),
            "insertion_and_deletion": draw_insertion_and_deletion(summaries),
        }
        for name, figure in figures.items():
            if figure is not None:
                path = None if folder is None else folder / f"{name}.png"
                show_figure(trainer, f"faithfulness/{name}", figure, path)
        show_table(trainer, "faithfulness/images_used", *skipped_table(summaries))

    @contextmanager
    def _executor(self, trainer: Trainer) -> Iterator[Executor | None]:
        """Threads for AIC and SIC, if they are asked for."""
        if not set(self.asked) & set(KINDS):
            yield None
            return
        with ThreadPoolExecutor(self.workers or max(1, cores() // max(1, trainer.num_devices))) as executor:
            yield executor
