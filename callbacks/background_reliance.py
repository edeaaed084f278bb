"""How much a model relies on the background: its answers to subjects alone and to backgrounds alone."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.utilities import rank_zero_warn
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn

from aga_lightning.callbacks.evaluation_sample import EvaluationSample, Examples, Masks
from aga_lightning.callbacks.explaining import Explaining, Occasion
from aga_lightning.callbacks.figures import show_figure, show_table, takes_figures
from aga_lightning.explain.background import BackgroundScores, background_only, dilated, subject_only
from aga_lightning.explain.prediction import Pixels, Predict, probabilities
from aga_lightning.images.drawing import RIGHT_COLOUR, RIGHT_MARK, WRONG_COLOUR, WRONG_MARK, blank_figure, wrapped
from aga_lightning.run_folder import RELIANCE

VERSIONS = ("whole", "subject only", "background only")

_FILL = 0.0  # of what the network sees: the mean colour, which tells neither snow from grass nor leaves its range
_MARGIN = 0.03  # of the shorter side: how far the filled patch reaches beyond the subject, to blunt its outline
_SHOWN = 4  # images on a figure
_LOGGED = ("acc_subject_only", "acc_background_only", "background_reliance")


@dataclass(kw_only=True, eq=False)
class BackgroundReliance(Explaining):
    """Shows the model images whole, their subjects alone and their backgrounds alone, where there are masks.

    The rest of an image is filled with the mean colour by which the network's images are normalised, with black where
    they are not. The masks are the data set's, or those of batches {"image": ..., "label": ..., "mask": ...}. For each
    evaluation set it logs `<set>/acc_subject_only` and `<set>/acc_background_only` (0..1; Only-FG and No-FG of "Noise
    or Signal", Xiao et al. 2020) and `<set>/background_reliance` (0..1): where the subject alone and the background
    alone get different answers, how often the whole image gets the answer of the background. That last number needs no
    labels and is not logged where the answers never differ. A few images of each set go to the loggers and
    and the numbers to `explain/<stage>/background_reliance.csv` in the run's folder. Sets without masks are left out.

    Args:
        images: Images of each evaluation set to show, at most; spread evenly over its classes. Images without a mask,
            and images in which nothing of the subject or nothing of the background can be seen, are left out.
        masks: Whose masks: those the data set ships (dataset), or where it ships none those of the augmenter's
            detector and segmenter (augmenter), which costs their time for each image.
        batch_size: Images at a time, each in three versions.
    """

    images: int = 128
    masks: Masks = "dataset"
    batch_size: int = 64

    def __post_init__(self) -> None:
        super().__post_init__()
        self._warned = False

    def explain(self, occasion: Occasion) -> None:
        """Ask the model about all sets; draw a few images of each, and write the table."""
        trainer = occasion.trainer
        table: dict[str, dict[str, float]] = {}
        for sample in occasion.samples:
            if not self._may_have_masks(sample):
                continue
            scores = self._scores(trainer, occasion.network, sample)
            if scores["images"] == 0:
                continue
            table[sample.name] = scores
            found = {f"{sample.name}/{name}": scores[name] for name in _LOGGED if not math.isnan(scores[name])}
            occasion.logged.update(found)
            if trainer.is_global_zero and (takes_figures(trainer) or occasion.folder is not None):
                figure = self._figure(trainer, occasion.network, sample, scores)
                if figure is not None:
                    file = f"background_reliance-{sample.name.replace('/', '-')}.png"
                    path = None if occasion.folder is None else occasion.folder / file
                    show_figure(trainer, f"background_reliance/{sample.name}", figure, path)
        if not table:
            self._warn(trainer)
        elif trainer.is_global_zero:
            header = ["set", *next(iter(table.values()))]
            rows = [[name, *(f"{score:.6g}" for score in scores.values())] for name, scores in table.items()]
            path = None if occasion.folder is None else occasion.folder / RELIANCE
            show_table(trainer, "background_reliance/scores", header, rows, path)

    def _may_have_masks(self, sample: EvaluationSample) -> bool:
        augmented = self.masks == "augmenter" and getattr(sample.datamodule, "augmenter", None) is not None
        return len(sample) > 0 and (augmented or sample.has_masks)

    def _scores(self, trainer: Trainer, network: nn.Module, sample: EvaluationSample) -> dict[str, float]:
        """The scores of a set, of all ranks' shares together."""
        predict = probabilities(network)
        metric = BackgroundScores().to(trainer.strategy.root_device)
        for loaded in sample.batches(self.batch_size, self.masks, trainer.global_rank, trainer.world_size):
            examples, masks = _usable(loaded)
            shown = versions(examples.images, masks)
            whole, subject, background = (predict(version).argmax(dim=1) for version in shown)
            metric.update(whole, subject, background, examples.labels.to(whole.device))
        if metric.update_count == 0:  # an empty share is no mistake
            nothing = torch.zeros(0, dtype=torch.int64, device=trainer.strategy.root_device)
            metric.update(nothing, nothing, nothing, nothing)
        return {name: float(score) for name, score in metric.compute().items()}

    def _figure(
        self, trainer: Trainer, network: nn.Module, sample: EvaluationSample, scores: Mapping[str, float]
    ) -> Figure | None:
        """A few of the images, spread over the sample; None where none of those can be used."""
        places = np.linspace(0, len(sample) - 1, _SHOWN).round().astype(int)
        examples, masks = _usable(sample.examples([sample.ids[place] for place in sorted({*places})], self.masks))
        if not len(examples):
            return None
        predict = probabilities(network)
        names = self.names(trainer, predict(examples.images[:1]).shape[1])
        title = (
            f"{sample.name}: right on {scores['acc']:.0%} of {scores['images']:.0f} images whole, "
            f"{scores['acc_subject_only']:.0%} subject only, {scores['acc_background_only']:.0%} background only; "
            f"background reliance {scores['background_reliance']:.2f}"
        )
        return draw_versions(examples, masks, predict, sample.pixels, names, title)

    def _warn(self, trainer: Trainer) -> None:
        if self._warned:
            return
        self._warned = True
        if not hasattr(getattr(trainer, "datamodule", None), "augmenter"):
            remedy = 'give batches {"image": ..., "label": ..., "mask": ...}'
        elif self.masks == "dataset":
            remedy = "set masks: augmenter, use a data set that ships masks"
        else:
            remedy = (
                "masks: augmenter needs an augmenter with a detector and a segmenter, use a data set that ships masks"
            )
        rank_zero_warn(
            "BackgroundReliance found no evaluation image with a mask of its subject and measures nothing: "
            f"{remedy}, or leave the callback out"
        )


def versions(images: Tensor, masks: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Images whole, with the subject only, and with the background only; what is removed gets the mean colour.

    Args:
        images: (N, C, H, W) float32, as the network sees them.
        masks: (N, H, W) bool, True at the subject.

    Returns:
        Three times (N, C, H, W) float32.
    """
    return images, subject_only(images, masks, _FILL), background_only(images, masks, _FILL, _margin(masks))


def draw_versions(
    examples: Examples, masks: Tensor, predict: Predict, pixels: Pixels, names: Sequence[str], title: str
) -> Figure:
    """A figure with a column for each image: whole, subject only, background only, and what the model says of each.

    Args:
        examples: The images, one at least.
        masks: (N, H, W) bool, True at the subject.
        predict: Normalised images to probabilities.
        pixels: How the images were normalised.
        names: What the classes are called.
        title: Stands above.
    """
    labels = examples.labels.tolist()
    across = max(3, len(labels))  # what a title of a few lines needs
    words = wrapped(title, 15 * across, 6)
    top = 0.21 * (1 + words.count("\n"))  # inches that the title takes
    figure = blank_figure(1.6 * across + 0.3, 7.6 + top)
    axes = figure.subplots(len(VERSIONS), len(labels), squeeze=False)
    for row, version, images in zip(axes, VERSIONS, versions(examples.images, masks), strict=True):
        confidences, classes = (values.tolist() for values in predict(images).cpu().max(dim=1))
        pictures = pixels.pixels(images.cpu()).permute(0, 2, 3, 1).expand(-1, -1, -1, 3).numpy()
        row[0].set_ylabel(version, fontsize=12)
        for axis, picture, label, said, confidence in zip(row, pictures, labels, classes, confidences, strict=True):
            axis.imshow(picture, interpolation="nearest")
            heading = wrapped(f"true: {names[label]}", 15, 2) if version == "whole" else ""
            _caption(axis, heading, names[said], confidence, said == label)
    figure.suptitle(words, x=0.01, y=1 - 0.08 / figure.get_figheight(), ha="left", fontsize=12, parse_math=False)
    figure.tight_layout(pad=0.5, rect=(0, 0, 1, 1 - top / figure.get_figheight()))
    return figure


def _caption(axis: Axes, heading: str, name: str, confidence: float, right: bool) -> None:
    """What the model says, in words and, by mark and colour, whether it is right; above it a heading."""
    colour, mark = (RIGHT_COLOUR, RIGHT_MARK) if right else (WRONG_COLOUR, WRONG_MARK)
    words = f"{mark} {confidence:.0%}\n{wrapped(name, 15, 2)}"
    axis.set_title(words, fontsize=11, color=colour, parse_math=False)
    above = 7 + 13.5 * (1 + words.count("\n"))  # points
    axis.annotate(heading, (0.5, 1), (0, above), "axes fraction", "offset points", ha="center", va="bottom",
                  fontsize=11, fontweight="bold", parse_math=False)  # fmt: skip
    axis.set_xticks([])
    axis.set_yticks([])
    for spine in axis.spines.values():
        spine.set(color=colour, linewidth=2)


def _usable(examples: Examples) -> tuple[Examples, Tensor]:
    """Those of the images whose subject and background are both to be seen, and their masks (N, H, W) bool."""
    height, width = examples.images.shape[2:]
    nothing = torch.zeros(height, width, dtype=torch.bool)
    masks = torch.stack([nothing if mask is None else mask for mask in examples.masks])
    # All that is hidden would make the two versions the image itself, or one colour: they would tell nothing.
    usable = masks.flatten(1).any(dim=1) & ~dilated(masks, _margin(masks)).flatten(1).all(dim=1)
    places = usable.nonzero()[:, 0].tolist()
    chosen = Examples(
        examples.ids[usable],
        examples.images[usable],
        examples.labels[usable],
        tuple(examples.masks[place] for place in places),
    )
    return chosen, masks[usable]


def _margin(masks: Tensor) -> int:
    return max(1, round(_MARGIN * min(masks.shape[1:])))
