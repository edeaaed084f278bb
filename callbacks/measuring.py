"""What each measure of faithfulness says of each image of a set, for one model."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from aga_lightning.callbacks.evaluation_sample import Examples
from aga_lightning.explain.attribution import Method, attribute
from aga_lightning.explain.information import InformationMemory
from aga_lightning.explain.insertion import Order, deletion_curve, insertion_curve
from aga_lightning.explain.localisation import energy_inside_mask, pointing_game
from aga_lightning.explain.pic import KINDS, PIC_THRESHOLDS, Skip, image_curves
from aga_lightning.explain.prediction import Pixels, probabilities
from aga_lightning.explain.reconstruction import Triangulation

Measure = Literal["aic", "sic", "insertion", "deletion", "energy_inside_mask", "pointing_game"]
MEASURES: tuple[Measure, ...] = get_args(Measure)
MASKED: tuple[Measure, ...] = ("energy_inside_mask", "pointing_game")
"""The measures that need to know where the subject is."""

Target = Literal["label", "predicted"]
"""The class that is explained: the true one, or the one that the model predicts."""

NO_MASK = "nobody knows where the subject is"
NO_SUBJECT = "the mask is empty"
NO_POSITIVE = "no attribution is positive"
CONSTANT = "all attributions are equal"


@dataclass(frozen=True, slots=True)
class EvaluationProtocol:
    """How attributions are made, and what they are asked.

    Args:
        method: The attribution method.
        layer: For Grad-CAM, the dotted name of a layer of the model; None for the last feature map.
        rectify: Whether negative attributions become zero before they are ranked.
        measures: Which measures.
        target: Which class is explained, and whose probability the curves show.
        min_prediction: For AIC and SIC, the least probability of that class on the original image, in 0..1.
        thresholds: For AIC and SIC, the shares of the pixels that are revealed.
        triangulation: For AIC and SIC, how hidden pixels are filled in.
        steps: For insertion and deletion, in how many steps.
        order: For insertion and deletion, which of equally important pixels comes first.
        batch_size: Images a forward pass.
    """

    method: Method = "grad_cam"
    layer: str | None = None
    rectify: bool = False
    measures: tuple[Measure, ...] = MEASURES
    target: Target = "label"
    min_prediction: float = 0.8
    thresholds: tuple[float, ...] = PIC_THRESHOLDS
    triangulation: Triangulation = "exact"
    steps: int = 28
    order: Order = "stable"
    batch_size: int = 32


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """What one measure says of each image.

    Args:
        values: float64 (N,); NaN where the measure cannot use the image.
        reasons: For each image why it is not used; "" where it is.
        x: (K,), where the curves are known; (0,) for a measure without curves.
        curves: float32 (N, K): rows of NaN where not used.
    """

    values: Tensor
    reasons: tuple[str, ...]
    x: Tensor
    curves: Tensor

    @property
    def used(self) -> Tensor:
        """Which images have a value: boolean (N,)."""
        return ~self.values.isnan()


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What is known of the images of a set, by rising ids.

    Args:
        ids: int64 (N,), the images' places in the set.
        names: Their files' names.
        labels: int64 (N,), the true classes.
        predicted: int64 (N,), the classes that the model predicts.
        probabilities: float32 (N,), of the classes that are explained.
        scores: By measure.
    """

    ids: Tensor
    names: tuple[str, ...]
    labels: Tensor
    predicted: Tensor
    probabilities: Tensor
    scores: dict[Measure, Scores]


def measure(
    model: nn.Module,
    batches: Iterable[Examples],
    pixels: Pixels,
    protocol: EvaluationProtocol,
    executor: Executor | None = None,
    memory: InformationMemory | None = None,
) -> Measured:
    """Ask all measures about some images.

    Args:
        model: Normalised images to logits, in evaluation mode.
        batches: The images, which are attributed and measured a batch at a time.
        pixels: How the images were normalised.
        protocol: What is asked.
        executor: Runs the reconstructions and encodings of AIC and SIC.
        memory: Keeps what AIC and SIC need to know of the images themselves.

    Raises:
        ValueError: If the protocol asks for what the model or the images have not, such as an unknown layer.
    """
    return joined([_measure_batch(model, batch, pixels, protocol, executor, memory) for batch in batches], protocol)


def joined(parts: Sequence[Measured], protocol: EvaluationProtocol) -> Measured:
    """The images of several parts of a set, by rising ids.

    Args:
        parts: Of one protocol; some may have no images, or all.
        protocol: What they were asked.
    """
    parts = [part for part in parts if len(part.ids)]
    if not parts:
        none = torch.empty(0, dtype=torch.int64)
        nothing = Scores(torch.empty(0, dtype=torch.float64), (), torch.empty(0), torch.empty(0, 0))
        return Measured(none, (), none, none, torch.empty(0), dict.fromkeys(protocol.measures, nothing))
    order = torch.cat([part.ids for part in parts]).argsort()
    return Measured(
        _tensors([part.ids for part in parts], order),
        _words([part.names for part in parts], order),
        _tensors([part.labels for part in parts], order),
        _tensors([part.predicted for part in parts], order),
        _tensors([part.probabilities for part in parts], order),
        {name: _joined_scores([part.scores[name] for part in parts], order) for name in protocol.measures},
    )


def _joined_scores(parts: Sequence[Scores], order: Tensor) -> Scores:
    return Scores(
        _tensors([part.values for part in parts], order),
        _words([part.reasons for part in parts], order),
        parts[0].x,
        _tensors([part.curves for part in parts], order),
    )


def _tensors(parts: Sequence[Tensor], order: Tensor) -> Tensor:
    return torch.cat(list(parts))[order]


def _words(parts: Sequence[tuple[str, ...]], order: Tensor) -> tuple[str, ...]:
    words = [word for part in parts for word in part]
    return tuple(words[place] for place in order.tolist())


def gathered(measured: Measured, protocol: EvaluationProtocol, ranks: int) -> Measured:
    """The images of all ranks, on each of them.

    Args:
        measured: This rank's share, which may be empty.
        protocol: What was asked.
        ranks: How many ranks there are; all of them have to call this.
    """
    if ranks == 1:
        return measured
    parts: list[Any] = [None] * ranks
    torch.distributed.all_gather_object(parts, measured)
    return joined(parts, protocol)


def without_curves(measured: Measured) -> Measured:
    """The same but for the curves, which hold most of the memory.

    Args:
        measured: Any images.
    """
    scores = {
        name: Scores(of.values, of.reasons, of.x[:0], of.curves[:, :0].clone()) for name, of in measured.scores.items()
    }
    return replace(measured, scores=scores)


def _measure_batch(
    model: nn.Module,
    examples: Examples,
    pixels: Pixels,
    protocol: EvaluationProtocol,
    executor: Executor | None,
    memory: InformationMemory | None,
) -> Measured:
    parameter = next(model.parameters(), None)
    images = examples.images if parameter is None else examples.images.to(parameter.device)
    answers = probabilities(model)(images).cpu()
    predicted = answers.argmax(dim=1)
    targets = examples.labels if protocol.target == "label" else predicted
    maps = _attributions(model, images, targets, protocol)
    scores: dict[Measure, Scores] = {}
    kinds = [kind for kind in KINDS if kind in protocol.measures]
    if kinds:
        found = image_curves(
            pixels.pixels(images),
            maps,
            probabilities(model, pixels),
            targets,
            ids=examples.ids,
            thresholds=protocol.thresholds,
            min_prediction=protocol.min_prediction,
            triangulation=protocol.triangulation,
            executor=executor,
            batch_size=protocol.batch_size,
            memory=memory,
            kinds=kinds,
        )
        for kind in kinds:
            skips = [Skip(skip) for skip in found.skips[kind].tolist()]
            reasons = tuple("" if skip == Skip.USED else skip.reason for skip in skips)
            curves = found.curves[kind].float()  # half the memory of all that is kept
            x = torch.linspace(0, 1, curves.shape[1], dtype=torch.float64)
            scores[kind] = Scores(found.areas[kind], reasons, x, curves)
    scores |= _causal(model, images, maps, targets, protocol)
    scores |= _inside(examples, maps, protocol)
    return Measured(
        examples.ids,
        examples.names,
        examples.labels,
        predicted,
        answers.gather(1, targets[:, None]).squeeze(1),
        {name: scores[name] for name in protocol.measures},
    )


def _attributions(model: nn.Module, images: Tensor, targets: Tensor, protocol: EvaluationProtocol) -> Tensor:
    settings: dict[str, Any] = {}
    if protocol.method == "grad_cam":
        # It rectifies before it enlarges the map, as published.
        settings = {"layer": protocol.layer, "relu": protocol.rectify}
    maps = attribute(model, images, targets, protocol.method, protocol.batch_size, **settings)
    return maps.clamp(min=0) if protocol.rectify else maps


def _causal(
    model: nn.Module, images: Tensor, maps: Tensor, targets: Tensor, protocol: EvaluationProtocol
) -> dict[Measure, Scores]:
    """Insertion and deletion."""
    scores: dict[Measure, Scores] = {}
    step = -(-maps[0].numel() // protocol.steps)
    asked: tuple[tuple[Measure, Callable[..., Any]], ...] = (
        ("insertion", insertion_curve),
        ("deletion", deletion_curve),
    )
    for name, curve in asked:
        if name in protocol.measures:
            found = curve(
                images,
                maps,
                probabilities(model),
                targets,
                step=step,
                order=protocol.order,
                batch_size=protocol.batch_size,
            )
            reasons = tuple(Skip.NOT_FINITE.reason if missing else "" for missing in found.areas.isnan().tolist())
            scores[name] = Scores(found.areas.double(), reasons, found.fractions, found.scores)
    return scores


def _inside(examples: Examples, maps: Tensor, protocol: EvaluationProtocol) -> dict[Measure, Scores]:
    """Energy inside the mask and the pointing game."""
    scores: dict[Measure, Scores] = {}
    nowhere = torch.zeros(maps.shape[1:], dtype=torch.bool)
    masks = torch.stack([nowhere if mask is None else mask for mask in examples.masks])
    asked: tuple[tuple[Measure, Callable[..., Tensor], str], ...] = (
        ("energy_inside_mask", energy_inside_mask, NO_POSITIVE),
        ("pointing_game", pointing_game, CONSTANT),
    )
    for name, inside, says_nothing in asked:
        if name in protocol.measures:
            values = inside(maps, masks).double()
            reasons = ["" if known else says_nothing for known in (~values.isnan()).tolist()]
            for place, reason in enumerate(reasons):
                if examples.masks[place] is None:
                    reasons[place] = NO_MASK
                elif not masks[place].any():
                    reasons[place] = NO_SUBJECT
                elif reason and not maps[place].isfinite().all():
                    reasons[place] = Skip.NOT_FINITE.reason
            scores[name] = Scores(values, tuple(reasons), torch.empty(0), torch.empty(len(values), 0))
    return scores
