"""Where the model looks in a few images of each evaluation set, as pictures."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.trainer.states import TrainerFn
from matplotlib.figure import Figure
from torch import Tensor, nn

from aga_lightning.callbacks.baseline import load_baseline
from aga_lightning.callbacks.comparison import Comparison
from aga_lightning.callbacks.evaluation_sample import (
    EvaluationSample,
    Examples,
    class_names,
    evaluation_samples,
    pixels_of,
)
from aga_lightning.callbacks.measuring import Target
from aga_lightning.callbacks.objections import unknown_layer, unusable_baseline
from aga_lightning.callbacks.panel_sheet import Photos, View, draw_panels
from aga_lightning.callbacks.untouched import untouched
from aga_lightning.explain.attribution import METHODS, Method, attribute
from aga_lightning.explain.prediction import probabilities
from aga_lightning.files import written_aside
from aga_lightning.images.drawing import RIGHT_MARK, WRONG_MARK
from aga_lightning.paths import UserPath
from aga_lightning.preflight import Run
from aga_lightning.training.run_stage import run_folder, stage_due

_MOST_IMAGES = 64
_THIS, _BASELINE = "this model", "baseline"
_METHOD_NAMES: dict[Method, str] = {
    "grad_cam": "Grad-CAM",
    "integrated_gradients": "Integrated gradients",
    "gradient_x_input": "Gradient times input",
    "rise": "RISE",
}
_TARGET_NAMES: dict[Target, str] = {"predicted": "the class that is predicted", "label": "the true class"}


@dataclass(kw_only=True, eq=False)
class AttributionPanels(Callback):
    """Draws where the model looks in a few images of each evaluation set, the same ones each time.

    TensorBoard gets the sheet `attributions/<set>`, and the run's folder explain/<stage>/attributions-<set>.png, where
    the stage is test, validate or, in a fit, epoch-004. A sheet shows each image with its true class, and over it what
    matters most to the model, with the class that it predicts, its confidence, and whether that is right. The map is
    of the class that is predicted: it shows why the model says what it says, as Figure 9 of the AGA paper does.

    With `compare_to` a baseline's column stands beside the model's, and as in that figure the images that this model
    alone classifies right get a sheet of their own, `only_this_model_is_right/<set>`, and those that both do another,
    `both_models_are_right/<set>`. Their shares of the images that were looked through are logged under these names as
    `<set>/only_this_model_is_right` and so on, besides `<set>/only_the_baseline_is_right`.

    Args:
        images: Images of each set, 1 to 64, spread evenly over its classes; of a smaller set all.
        every_n_epochs: In a fit, the epochs between drawings, if there is a validation then; 0 for none. `validate`
            and `test` always draw.
        method: How attributions are made.
        seed: Which images.
        compare_to: A checkpoint of a finished fit on the same classes, the baseline; null for none.
        search: With `compare_to`, how many images of each set are looked through for those that this model alone, or
            both models, classify right; 0 for none.
        batch_size: Images that a model sees at once.
        target: Which class's attributions are drawn: the one that each model predicts, or the true one (label).
        layer: For grad_cam: the dotted name of the module whose feature map is used, of both models; null for the last
            one. On small images that has few places (2 x 2 in a ResNet at 64 px): net.layer3 shows more.
        outline: Whether the subject's outline is drawn, where the data set has masks.
    """

    images: int = 8
    every_n_epochs: int = 1
    method: Method = "grad_cam"
    seed: int = 0
    compare_to: UserPath | str | None = None
    search: int = 256
    batch_size: int = 32
    target: Target = "predicted"
    layer: str | None = None
    outline: bool = True

    def __post_init__(self) -> None:
        if not 1 <= self.images <= _MOST_IMAGES:
            raise ValueError(f"images is {self.images}; a sheet shows 1 to {_MOST_IMAGES}")
        if self.every_n_epochs < 0:
            raise ValueError(f"every_n_epochs is {self.every_n_epochs}; give a number of epochs, or 0 for none")
        if self.method not in METHODS:
            raise ValueError(f"method is {self.method!r}; choose one of {', '.join(METHODS)}")
        if self.target not in _TARGET_NAMES:
            raise ValueError(f"target is {self.target!r}; choose one of {', '.join(_TARGET_NAMES)}")
        if self.search < 0:
            raise ValueError(f"search is {self.search}; give a number of images, or 0 for none")
        if self.batch_size < 1:
            raise ValueError(f"batch_size is {self.batch_size}; it has to be at least 1")
        if self.layer is not None and self.method != "grad_cam":
            raise ValueError(
                f"layer is {self.layer!r}, but {self.method} uses no layer; leave it out, or set method to grad_cam"
            )
        self.compare_to = None if self.compare_to is None else UserPath.of(self.compare_to)
        self._baseline: nn.Module | None = None

    @property
    def logs_in_fit(self) -> bool:
        """Whether a validation of a fit has metrics of this callback."""
        return self.every_n_epochs > 0 and self.compare_to is not None

    def objections(self, run: Run) -> Iterator[str]:
        """What stands in the way of a run, a line each."""
        if run.judges and self.method == "grad_cam":
            yield from unknown_layer(run, self.layer)
        if run.judges:
            yield from unusable_baseline(run, self.compare_to)

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw, if it is time."""
        self._draw_all(trainer, pl_module)

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw."""
        self._draw_all(trainer, pl_module)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Load the baseline, so that one that cannot be used is told of before hours of work.

        Raises:
            CheckpointError: If it cannot be used.
        """
        num_classes = getattr(pl_module, "num_classes", None)
        used = stage in ("validate", "test") or (stage == "fit" and self.every_n_epochs > 0)
        if self.compare_to is not None and used and num_classes is not None:
            self._baseline = load_baseline(
                self.compare_to, num_classes, trainer.strategy.root_device, getattr(trainer, "datamodule", None)
            )

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Let go of the baseline."""
        self._baseline = None

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Let go of the baseline; after an exception nothing is torn down."""
        self._baseline = None

    def _draw_all(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw the sheets of all sets, and log how the two models compare."""
        stage = stage_due(trainer, self.every_n_epochs)
        if stage is None:
            return
        folder = run_folder(trainer)  # asked for on all ranks, which tell each other
        searches = evaluation_samples(trainer, 0 if self.compare_to is None else self.search, self.seed)
        for sample, searched in zip(evaluation_samples(trainer, self.images, self.seed), searches, strict=True):
            if len(sample) == 0:
                continue
            with untouched(pl_module):
                models = self._models(pl_module, sample)
                comparison = self._compare(trainer, models, searched) if len(searched) else None
                if trainer.is_global_zero:
                    folder_of_stage = None if folder is None else folder / "explain" / stage
                    self._draw(trainer, models, sample, comparison, folder_of_stage)
            if comparison is not None:
                # The shares are those of all ranks already; sync_dist tells Lightning so.
                pl_module.log_dict(comparison.shares(), sync_dist=True)

    def _models(self, pl_module: LightningModule, sample: EvaluationSample) -> dict[str, nn.Module]:
        """The models by the headings of their columns, from left to right."""
        if self.compare_to is None:
            return {_THIS: pl_module}
        if self._baseline is None:  # a model that does not tell its classes before it is asked
            num_classes = probabilities(pl_module)(sample.examples(sample.ids[:1]).images).shape[1]
            self._baseline = load_baseline(
                self.compare_to, num_classes, pl_module.device, getattr(pl_module.trainer, "datamodule", None)
            )
        return {_BASELINE: self._baseline, _THIS: pl_module}

    def _compare(self, trainer: Trainer, models: dict[str, nn.Module], searched: EvaluationSample) -> Comparison:
        """Which images each of the two models classifies right; each rank asks of its share."""
        right = torch.zeros(2, len(searched), device=trainer.strategy.root_device)
        ids = torch.tensor(searched.ids)
        for examples in searched.batches(self.batch_size, rank=trainer.global_rank, ranks=trainer.world_size):
            for row, model in zip(right, models.values(), strict=True):
                predicted, confidences = _likeliest(model, examples.images)
                found = (predicted == examples.labels) & confidences.isfinite()
                row[torch.searchsorted(ids, examples.ids)] = found.to(row)
        baseline, this = (trainer.strategy.reduce(right, reduce_op="sum") > 0).cpu()
        return Comparison(searched, this, baseline)

    def _draw(
        self,
        trainer: Trainer,
        models: dict[str, nn.Module],
        sample: EvaluationSample,
        comparison: Comparison | None,
        folder: Path | None,
    ) -> None:
        """Draw the sheets of one set, if there is a place for them."""
        boards = [logger for logger in trainer.loggers if isinstance(logger, TensorBoardLogger)]
        if not boards and folder is None:
            return
        name = sample.name
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
            path = None if folder is None else folder / f"{kind}-{sample.name.replace('/', '-')}.png"
            if len(shown) > 0:
                figure = self._sheet(trainer, models, shown, title, remark)
                for logger in boards:
                    tag = f"{kind}/{sample.name}"
                    logger.experiment.add_figure(tag, figure, global_step=trainer.global_step, close=False)
                if path is not None:
                    with written_aside(path) as aside:
                        figure.savefig(aside, format="png")
                figure.clear()  # its parts hold each other
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
            pixels.append(pixels_of(trainer).pixels(examples.images))
            labels.append(examples.labels)
            masks += examples.masks
            for heading, model in models.items():
                views[heading].append(self._look(model, examples))
        names = class_names(trainer, 0)  # a class without a name is drawn by its number
        photos = Photos(torch.cat(pixels), torch.cat(labels), masks)
        columns = [View(heading, *map(torch.cat, zip(*parts, strict=True))) for heading, parts in views.items()]
        return draw_panels(title, f"{self._caption(photos, columns)} {remark}".strip(), photos, columns, names)

    def _look(self, model: nn.Module, examples: Examples) -> tuple[Tensor, Tensor, Tensor]:
        """What a model says of images, how sure it is, and where it looks."""
        predicted, confidences = _likeliest(model, examples.images)
        targets = predicted if self.target == "predicted" else examples.labels
        settings = {} if self.layer is None else {"layer": self.layer}
        maps = attribute(model, examples.images, targets, self.method, self.batch_size, **settings)
        return predicted, confidences, maps

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


def _likeliest(model: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    """The likeliest classes (N,) int64 and their probabilities (N,) float32, on the CPU."""
    confidences, classes = probabilities(model)(images).cpu().max(dim=1)
    return classes, confidences
