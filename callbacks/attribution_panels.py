"""Where the model looks in a few images of each evaluation set, as pictures."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.trainer.states import TrainerFn
from matplotlib.figure import Figure
from torch import Tensor, nn

from aga_lightning.callbacks.attributing import BASELINE, THIS_MODEL, Attributing, Target, likeliest
from aga_lightning.callbacks.comparison import Comparison
from aga_lightning.callbacks.evaluation_sample import EvaluationSample, Examples
from aga_lightning.callbacks.explaining import Occasion
from aga_lightning.callbacks.figures import show_figure, takes_figures
from aga_lightning.callbacks.panel_sheet import Photos, View, draw_panels
from aga_lightning.explain.attribution import Method
from aga_lightning.images.drawing import RIGHT_MARK, WRONG_MARK

_MOST_IMAGES = 64
_METHOD_NAMES: dict[Method, str] = {
    "grad_cam": "Grad-CAM",
    "integrated_gradients": "Integrated gradients",
    "gradient_x_input": "Gradient times input",
    "rise": "RISE",
}
_TARGET_NAMES: dict[Target, str] = {"predicted": "the class that is predicted", "label": "the true class"}


@dataclass(kw_only=True, eq=False)
class AttributionPanels(Attributing):
    """Draws where the model looks in a few images of each evaluation set, the same ones each time.

    The loggers get the sheet `attributions/<set>`, and the run's folder explain/<stage>/attributions-<set>.png, where
    the stage is test, validate or, in a fit, epoch-004. A sheet shows each image with its true class, and over it what
    matters most to the model, with the class that it predicts, its confidence, and whether that is right. By default
    the map is of the predicted class: it shows why the model answers as it does, as Figure 9 of the AGA paper does.

    With `compare_to` a baseline's column stands beside the model's, and as in that figure the images that this model
    alone classifies right get a sheet of their own, `only_this_model_is_right/<set>`, and those that both do another,
    `both_models_are_right/<set>`. Their shares of the images that were looked through are logged under these names as
    `<set>/only_this_model_is_right` and so on, besides `<set>/only_the_baseline_is_right`.

    Args:
        images: Images of each set, 1 to 64, spread evenly over its classes; of a smaller set all.
        every_n_epochs: In a fit, the epochs between drawings, if there is a validation then; 0 for none. `validate`
            and `test` always draw.
        target: Which class's attributions are drawn: the one that each model predicts, or the true one (label).
        layer: For grad_cam: the dotted name of the module whose feature map is used, of both models; null for the last
            one. On small images that has few places (2 x 2 in a ResNet at 64 px): net.layer3 shows more.
        search: With `compare_to`, how many images of each set are looked through for those that this model alone, or
            both models, classify right; 0 for none.
        outline: Whether the subject's outline is drawn, where the data set has masks.
    """

    images: int = 8
    every_n_epochs: int = 1
    target: Target = "predicted"
    layer: str | None = None
    search: int = 256
    outline: bool = True

    least: ClassVar = Attributing.least | {"search": 0}

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.images > _MOST_IMAGES:
            raise ValueError(f"images is {self.images}; a sheet shows 1 to {_MOST_IMAGES}")

    @property
    def logs_in_fit(self) -> bool:
        """Whether a validation of a fit has metrics of this callback."""
        return super().logs_in_fit and self.compare_to is not None

    def explain(self, occasion: Occasion) -> None:
        """Draw the sheets of all sets; log how the two models compare."""
        trainer = occasion.trainer
        searches = self.samples(trainer, 0 if self.compare_to is None else self.search)
        for sample, searched in zip(occasion.samples, searches, strict=True):
            if len(sample) == 0:
                continue
            # The baseline stands left of the model.
            models = dict(reversed(self.models(trainer, occasion.network, sample).items()))
            comparison = self._compare(trainer, models, searched) if len(searched) else None
            if comparison is not None:
                occasion.logged.update(comparison.shares())
            if trainer.is_global_zero and (takes_figures(trainer) or occasion.folder is not None):
                self._draw(occasion, models, sample, comparison)

    def _compare(self, trainer: Trainer, models: dict[str, nn.Module], searched: EvaluationSample) -> Comparison:
        """Which images each of the two models classifies right; each rank asks of its share."""
        names = (THIS_MODEL, BASELINE)
        right = torch.zeros(len(names), len(searched), device=trainer.strategy.root_device)
        ids = torch.tensor(searched.ids)
        for examples in searched.batches(self.batch_size, rank=trainer.global_rank, ranks=trainer.world_size):
            for row, name in zip(right, names, strict=True):
                predicted, confidences = likeliest(models[name], examples.images)
                found = (predicted == examples.labels) & confidences.isfinite()
                row[torch.searchsorted(ids, examples.ids)] = found.to(row)
        this, baseline = (trainer.strategy.reduce(right, reduce_op="sum") > 0).cpu()
        return Comparison(searched, this, baseline)

    def _draw(
        self, occasion: Occasion, models: dict[str, nn.Module], sample: EvaluationSample, comparison: Comparison | None
    ) -> None:
        """Draw the sheets of one set."""
        trainer, name = occasion.trainer, sample.name
        if trainer.state.fn == TrainerFn.FITTING:
            name += f" after epoch {trainer.current_epoch + 1}"
        looks = "both models look" if len(models) > 1 else "the model looks"
        counts = "" if comparison is None else f"{comparison.words_alone()}."
        sheets = [("attributions", f"{name}: where {looks}", counts, sample)]
        if comparison is not None:
            alone = comparison.spread(comparison.only_this, self.images)
            both = comparison.spread(comparison.both, self.images)
            sheets.append(("only_this_model_is_right", f"{name}: {comparison.words_alone()}", "", alone))
            sheets.append(("both_models_are_right", f"{name}: {comparison.words_both()}", "", both))
        for kind, title, remark, shown in sheets:
            file = f"{kind}-{sample.name.replace('/', '-')}.png"
            path = None if occasion.folder is None else occasion.folder / file
            if len(shown) > 0:
                show_figure(trainer, f"{kind}/{sample.name}", self._sheet(trainer, models, shown, title, remark), path)
            elif path is not None:
                path.unlink(missing_ok=True)  # of an earlier run in this folder

    def _sheet(
        self, trainer: Trainer, models: dict[str, nn.Module], sample: EvaluationSample, title: str, remark: str
    ) -> Figure:
        """The sheet of some images; they are loaded and shown to the models a batch at a time."""
        pixels, labels = [], []
        masks: list[Tensor | None] = []
        views: dict[str, list[tuple[Tensor, ...]]] = {heading: [] for heading in models}
        for examples in sample.batches(self.batch_size, "dataset" if self.outline else None):
            pixels.append(sample.pixels.pixels(examples.images))
            labels.append(examples.labels)
            masks += examples.masks
            for heading, model in models.items():
                views[heading].append(self._look(model, examples))
        names = self.names(trainer, 0)  # a class without a name is drawn by its number
        photos = Photos(torch.cat(pixels), torch.cat(labels), masks)
        columns = [View(heading, *map(torch.cat, zip(*parts, strict=True))) for heading, parts in views.items()]
        return draw_panels(title, f"{self._caption(photos, columns)} {remark}".strip(), photos, columns, names)

    def _look(self, model: nn.Module, examples: Examples) -> tuple[Tensor, Tensor, Tensor]:
        """The classes that a model predicts, its confidences, and where it looks."""
        predicted, confidences = likeliest(model, examples.images)
        targets = predicted if self.target == "predicted" else examples.labels
        return predicted, confidences, self.attributions(model, examples.images, targets)

    def _caption(self, photos: Photos, views: list[View]) -> str:
        parts = [
            f"{_METHOD_NAMES[self.method]} for {_TARGET_NAMES[self.target]}. "
            f"{RIGHT_MARK} right, {WRONG_MARK} wrong, with the confidence in per cent."
        ]
        if any(mask is not None for mask in photos.masks):
            parts.append("Outlined: the subject, by the data set's mask.")
        if any((view.attributions.flatten(1).amax(1) <= 0).any() for view in views):
            parts.append("Nowhere positive: no place speaks for the class.")
        if self.compare_to is not None:
            parts.append(f"Baseline: {Path(*Path(self.compare_to).parts[-3:])}.")
        return " ".join(parts)
