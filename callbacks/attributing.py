"""What callbacks that attribute share: the method, the class that is explained, and a baseline to compare with."""

from abc import ABC
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from lightning.pytorch import LightningModule, Trainer
from torch import Tensor, nn

from aga_lightning.callbacks.baseline import load_baseline
from aga_lightning.callbacks.evaluation_sample import EvaluationSample
from aga_lightning.callbacks.explaining import Explaining
from aga_lightning.callbacks.objections import unknown_layer, unusable_baseline
from aga_lightning.explain.attribution import Method, attribute
from aga_lightning.explain.prediction import probabilities
from aga_lightning.paths import UserPath
from aga_lightning.preflight import Run

Target = Literal["label", "predicted"]
"""The class that is explained: the true one, or the one that the model predicts."""

THIS_MODEL, BASELINE = "this model", "baseline"


@dataclass(kw_only=True, eq=False)
class Attributing(Explaining, ABC):
    """A callback that shows or measures attributions, of the model and, if asked to, of a baseline.

    Args:
        method: How attributions are made.
        layer: For grad_cam, the dotted name of the layer whose feature map is used ("net.layer3"); null for the last
            feature map.
        target: The class that is explained: the true one (label) or the one that the model predicts (predicted).
        compare_to: A checkpoint of a finished fit on the same classes, the baseline; null for none.
    """

    method: Method = "grad_cam"
    layer: str | None = None
    target: Target = "label"
    compare_to: UserPath | str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.layer is not None and self.method != "grad_cam":
            raise ValueError(
                f"layer is {self.layer!r}, but {self.method} uses no layer; leave it out, or set method to grad_cam"
            )
        self.compare_to = None if self.compare_to is None else UserPath.of(self.compare_to)
        self._baseline: nn.Module | None = None

    def objections(self, run: Run) -> Iterator[str]:
        """The settings that cannot work in a run, a line each."""
        if run.judges and self.method == "grad_cam":
            yield from unknown_layer(run, self.layer)
        if run.judges:
            yield from unusable_baseline(run, self.compare_to)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Load the baseline, so that one that cannot be used is told of before hours of work.

        Raises:
            CheckpointError: If the baseline cannot be used.
        """
        num_classes = getattr(pl_module, "num_classes", None)
        if self.compare_to is not None and num_classes is not None and stage in ("fit", "validate", "test"):
            loaded = self._load(trainer, num_classes)
            self._baseline = loaded if stage != "fit" or self.every_n_epochs > 0 else None

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Let go of the baseline."""
        self._baseline = None

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Let go of the baseline; after an exception nothing is torn down."""
        self._baseline = None

    def models(self, trainer: Trainer, model: nn.Module, sample: EvaluationSample) -> dict[str, nn.Module]:
        """The model, and the baseline if there is one, by name.

        Args:
            trainer: The trainer of the model.
            model: The model.
            sample: Images, at least one, of which a model is asked that does not tell how many classes it has.
        """
        if self.compare_to is None:
            return {THIS_MODEL: model}
        if self._baseline is None:
            num_classes = probabilities(model)(sample.examples(sample.ids[:1]).images).shape[1]
            self._baseline = self._load(trainer, num_classes)
        return {THIS_MODEL: model, BASELINE: self._baseline}

    def attributions(self, model: nn.Module, images: Tensor, targets: Tensor, relu: bool = True) -> Tensor:
        """Attributions float32 (N, H, W) on the CPU.

        Args:
            model: The model to explain.
            images: (N, C, H, W), as the network sees them.
            targets: (N,), the classes to explain.
            relu: Whether Grad-CAM sets negative values to zero before it enlarges a map.
        """
        settings = {"layer": self.layer, "relu": relu} if self.method == "grad_cam" else {}
        return attribute(model, images, targets, self.method, self.batch_size, **settings)

    def _load(self, trainer: Trainer, num_classes: int) -> nn.Module:
        assert self.compare_to is not None
        datamodule = getattr(trainer, "datamodule", None)
        return load_baseline(self.compare_to, num_classes, trainer.strategy.root_device, datamodule)


def likeliest(model: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    """The likeliest classes (N,) int64 and their probabilities (N,) float32, on the CPU.

    Args:
        model: Normalised images to logits.
        images: (N, C, H, W), as the network sees them.
    """
    confidences, classes = probabilities(model)(images).cpu().max(dim=1)
    return classes, confidences
