"""What each measure of faithfulness says of each image of a set, for one model."""

from abc import ABC
from collections.abc import Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import torch
from torch import nn

from aga_lightning.callbacks.answers import Answers, AnswersOfImages
from aga_lightning.callbacks.attributing import Attributing
from aga_lightning.callbacks.evaluation_sample import Examples
from aga_lightning.callbacks.explaining import check_choice
from aga_lightning.explain.image_metric import MeanOfImages
from aga_lightning.explain.information import InformationMemory
from aga_lightning.explain.information_curve import KINDS
from aga_lightning.explain.insertion import Order
from aga_lightning.explain.metrics import (
    DeletionAUC,
    EnergyInsideMask,
    InsertionAUC,
    PerformanceInformationCurve,
    PointingGame,
)
from aga_lightning.explain.per_image import PerImage
from aga_lightning.explain.pic import PIC_THRESHOLDS
from aga_lightning.explain.prediction import Pixels, probabilities
from aga_lightning.explain.reconstruction import Triangulation

Measure = Literal["aic", "sic", "insertion", "deletion", "energy_inside_mask", "pointing_game"]
MEASURES: tuple[Measure, ...] = get_args(Measure)
MASKED: tuple[Measure, ...] = ("energy_inside_mask", "pointing_game")
"""The measures that need to know where the subject is."""

_CAUSAL: dict[Measure, type[InsertionAUC | DeletionAUC]] = {"insertion": InsertionAUC, "deletion": DeletionAUC}
_OF_MASKS: dict[Measure, type[EnergyInsideMask | PointingGame]] = {
    "energy_inside_mask": EnergyInsideMask,
    "pointing_game": PointingGame,
}


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What is known of the images of a set, by rising ids.

    Args:
        answers: The classes that the model predicts, and the probabilities of the classes that are explained.
        scores: What each measure says of each image.
    """

    answers: Answers
    scores: dict[Measure, PerImage]


@dataclass(kw_only=True, eq=False)
class Measuring(Attributing, ABC):
    """An attributing callback that measures: the settings of the measures, and the metrics that take them.

    Args:
        rectify: Whether negative attributions become zero, as Grad-CAM publishes its maps. Many pixels are then equal,
            and their order alone moves insertion and deletion by several hundredths; so it is off. Energy inside the
            mask only counts what is positive anyway.
        measures: Which measures; null for all.
        min_prediction: AIC and SIC skip images whose original gives the explained class a lower probability.
        thresholds: For AIC and SIC, which shares of the pixels are revealed, ascending in 0..1; null for the authors'.
        triangulation: For AIC and SIC, how hidden pixels are filled in: exact, or reduced, which takes less time and
            moves areas by a few thousandths.
        steps: For insertion and deletion, in how many steps, at most.
        order: For insertion and deletion, which of equally important pixels comes first: the first in the image
            (stable), or as NumPy happens to sort them (numpy), which the published code does.
        batch_size: Images a forward pass; changes results by rounding alone, which SIC may magnify for an unsure model.
    """

    rectify: bool = False
    measures: list[Measure] | None = None
    min_prediction: float = 0.8
    thresholds: list[float] | None = None
    triangulation: Triangulation = "exact"
    steps: int = 28
    order: Order = "stable"
    batch_size: int = 32

    least: ClassVar = Attributing.least | {"steps": 1}

    def __post_init__(self) -> None:
        super().__post_init__()
        self.asked = tuple(MEASURES if self.measures is None else self.measures)
        self.revealed = tuple(PIC_THRESHOLDS if self.thresholds is None else self.thresholds)
        for measure in self.asked:
            check_choice("measures", measure, MEASURES)
        if not self.asked or len(set(self.asked)) < len(self.asked):
            raise ValueError(
                f"measures names each measure once, at least one, not {list(self.asked)}; leave it out for all"
            )
        if not 0 <= self.min_prediction <= 1:
            raise ValueError(f"min_prediction is a probability in 0..1, not {self.min_prediction}")
        ascending = list(self.revealed) == sorted(self.revealed)
        if not self.revealed or not ascending or not 0 <= self.revealed[0] <= self.revealed[-1] <= 1:
            raise ValueError(f"thresholds ascend in 0..1, at least one, not {list(self.revealed)}")

    def measure(
        self,
        model: nn.Module,
        batches: Iterable[Examples],
        pixels: Pixels,
        executor: Executor | None = None,
        memory: InformationMemory | None = None,
        device: torch.device | str = "cpu",
    ) -> Measured:
        """Ask all measures about some images; all ranks have to call this, each with its share.

        Args:
            model: Normalised images to logits, in evaluation mode.
            batches: The images, which are attributed and measured a batch at a time.
            pixels: How the images were normalised.
            executor: Runs the reconstructions and encodings of AIC and SIC.
            memory: Keeps what AIC and SIC need to know of the images themselves.
            device: Where the numbers are kept until all ranks' are gathered.

        Returns:
            What the measures say of the images of all ranks.

        Raises:
            ValueError: If the settings ask for what the model or the images have not, such as an unknown layer.
        """
        kinds = [kind for kind in KINDS if kind in self.asked]
        information = PerformanceInformationCurve(
            probabilities(model, pixels),
            thresholds=self.revealed,
            min_prediction=self.min_prediction,
            triangulation=self.triangulation,
            executor=executor,
            batch_size=self.batch_size,
            memory=memory,
            kinds=kinds,
        )
        causal = {
            name: metric(probabilities(model), order=self.order, batch_size=self.batch_size, steps=self.steps)
            for name, metric in _CAUSAL.items()
            if name in self.asked
        }
        of_masks = {name: metric() for name, metric in _OF_MASKS.items() if name in self.asked}
        means: dict[Measure, MeanOfImages] = {**causal, **of_masks}
        answers = AnswersOfImages()
        for metric in (information, answers, *means.values()):
            metric.to(device)
        for examples in batches:
            parameter = next(model.parameters(), None)
            images = examples.images if parameter is None else examples.images.to(parameter.device)
            said = probabilities(model)(images).cpu()
            predicted = said.argmax(dim=1)
            targets = examples.labels if self.target == "label" else predicted
            answers.update(examples.labels, predicted, said.gather(1, targets[:, None]).squeeze(1), examples.ids)
            # Grad-CAM rectifies before it enlarges the map, as published.
            maps = self.attributions(model, images, targets, relu=self.rectify)
            maps = maps.clamp(min=0) if self.rectify else maps
            if kinds:
                information.update(pixels.pixels(images), maps, targets, examples.ids)
            for of_map in causal.values():
                of_map.update(images, maps, targets, examples.ids)
            for of_mask in of_masks.values():
                of_mask.update(maps, examples.masks, examples.ids)
        curves = information.image_curves()
        scores: dict[Measure, PerImage] = {kind: curves.of(kind) for kind in kinds}
        scores |= {name: mean.per_image() for name, mean in means.items()}
        return Measured(answers.answers(), {name: scores[name] for name in self.asked})
