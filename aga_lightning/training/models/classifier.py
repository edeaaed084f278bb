"""The image classifier that is trained, with original images or with augmented ones: it cannot tell."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, Literal, NamedTuple

import torch
from lightning.pytorch.cli import OptimizerCallable
from lightning.pytorch.trainer.states import TrainerFn
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import SGD
from torchmetrics import MetricCollection
from torchmetrics.classification import MulticlassAccuracy

from aga_lightning.files import shown
from aga_lightning.networks.backbones import Backbone, network_of
from aga_lightning.networks.torchvision_nets import Stem
from aga_lightning.paths import NameOrPath
from aga_lightning.preflight import Run
from aga_lightning.training.models.built import BuiltClassifier
from aga_lightning.training.models.metrics import background_gap, evaluation_metrics, worst_group_accuracy
from aga_lightning.training.models.mixing import Mixing, build_mixing
from aga_lightning.training.models.objections import objections
from aga_lightning.training.models.parameters import Trained
from aga_lightning.training.models.schedules import Schedule

Batch = tuple[Tensor, Tensor]
"""Images (N, 3, H, W) float32 and labels (N,) int64."""

EvaluationBatch = Batch | tuple[Tensor, Tensor, Tensor]
"""The same, and where there are groups the number of each image's group (N,) int64."""

_CONSTANT = Schedule()


class Prediction(NamedTuple):
    """What the classifier says of a batch: the likeliest class (N,) int64, and the probabilities (N, num_classes)."""

    labels: Tensor
    probabilities: Tensor


class ImageClassifier(BuiltClassifier):
    """A classifier and the recipe it is trained with.

    It logs `train/loss` and `train/acc`, and for each evaluation set its `acc`, `recall`, `f1` and `loss`
    (`val/acc`, `ood/sketch/f1`, ...); outside of fit also `<set>/acc_per_class/<class>`. The data module may name the
    sets by `val_names` and `test_names`, the classes by `class_names`, and count the training images by
    `class_counts()`. Where it names groups by `group_names`, such as the cameras, its evaluation batches tell the group
    of each image; then `<set>/worst_group_acc` is logged too, the lowest accuracy of a group with at least 10 images
    (of any group, where none has so many), and outside of fit `<set>/acc_per_group/<group>`. Where `ood/mixed_same` and
    `ood/mixed_rand` are among the sets, it logs `ood/bg_gap`, the first one's accuracy less the other's.

    Args:
        num_classes: How many classes to tell apart.
        backbone: The network: a classifier of torchvision (resnet18, resnet50, convnext_tiny, ...) or of timm
            (timm/convnext_tiny; needs the extra timm); or a class of one's own by {class_path: package.Class,
            init_args: {...}} or its import path alone, a subclass of torch.nn.Module whose constructor takes
            num_classes. In Python also a function from the number of classes to a network. Images get the size, mean
            and deviation that timm's network was trained with, unless the data module is given others.
        weights: None starts from random weights. Otherwise torchvision's name for weights (IMAGENET1K_V1), timm's
            (fb_in22k), DEFAULT for their own choice, or a local file.
        missing_weights: What happens where published weights are neither on this machine nor to be downloaded,
            which HF_HUB_OFFLINE=1 forbids too: "error" stops the run before it starts, "scratch" starts from random
            weights and says so.
        train: What is trained: "all"; "head", the last layer alone (a linear probe); or a number, the last n stages of
            the network with the layers behind them. The other layers stay as they are, in evaluation mode.
        body_lr: The learning rate of all layers but the last as a share of the optimiser's own, in 0..1; where training
            starts from random weights all layers learn at the optimiser's own. A network of one's own may bring its
            weights, and is taken to have learnt: set 1 where it has not.
        layer_decay: What the learning rate of each stage is multiplied by, once for the last stage and once more for
            each one in front of it, above 0 to 1; in place of body_lr, and likewise for weights alone.
        head: "new" starts the last layer at random where the weights have another number of classes. "kept" takes the
            data's classes out of the 1000 of ImageNet that the weights were trained for, so that they can be judged
            without training.
        stem: For ResNets: "imagenet", or "small" for images of 32 to 64 px (about 12 times the work for one image).
        width: For ResNets: channels of the first stage; 64 is the published net.
        optimizer: The optimiser and its settings.
        decay_norms: Whether weight decay also acts on normalisation layers and biases.
        schedule: How the learning rate changes.
        label_smoothing: The share of the target, in 0..1, that is spread evenly over all classes.
        class_weights: Whether rare classes weigh more in the loss: (1/n_c) / max(1/n), as in ALIA.
        mixing: How batches are mixed within themselves: "mixup" (Zhang et al. 2018) blends whole images, "cutmix"
            (Yun et al. 2019) pastes a rectangle of another image, "both" draws one of them for each batch, "none"
            neither. The cost an image is nothing beside the network's: under 1 ms at 224 px on one core, no model.
        mixup_alpha: Of MixUp's Beta distribution; 0.2 is the paper's for ImageNet, and torchvision's.
        cutmix_alpha: Of CutMix's Beta distribution; 1 is the paper's, and torchvision's.
        mixing_probability: The share of batches that are mixed: 1 as the authors of CutMix do for ImageNet; they take
            0.5 for CIFAR, and so does ALIA (Dunlap et al. 2023).
        channels_last: Whether to lay tensors out as convolutions on recent accelerators prefer.
        compile: Whether torch.compile makes the network faster, after some minutes of compiling; it needs a compiler
            of C++ on CPUs.
        imagenet_indices: Which of ImageNet's 1000 classes the data's are, in label order; the data set knows.
    """

    loss_weights: Tensor | None
    images: dict[str, int]
    """How many images the last evaluation of each set counted."""
    group_images: dict[str, dict[str, int]]
    """How many images of each group the last evaluation of each set counted; empty where there are no groups."""

    def __init__(
        self,
        num_classes: int,
        backbone: Backbone = "resnet18",
        weights: NameOrPath | str | None = None,
        missing_weights: Literal["error", "scratch"] = "error",
        train: Trained = "all",
        body_lr: float = 1.0,
        layer_decay: float = 1.0,
        head: Literal["new", "kept"] = "new",
        stem: Stem = "imagenet",
        width: int = 64,
        optimizer: OptimizerCallable = lambda parameters: SGD(parameters, lr=0.1, momentum=0.9, weight_decay=1e-4),
        decay_norms: bool = False,
        schedule: Schedule = _CONSTANT,
        label_smoothing: float = 0.0,
        class_weights: bool = False,
        mixing: Mixing = "none",
        mixup_alpha: float = 0.2,
        cutmix_alpha: float = 1.0,
        mixing_probability: float = 1.0,
        channels_last: bool = False,
        compile: bool = False,
        imagenet_indices: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        if head == "kept" and (weights is None or imagenet_indices is None):
            missing = "weights" if weights is None else "a data set that knows ImageNet's indices, such as ImageNet10"
            raise ValueError(f"head is kept, which needs {missing}: set it, or set head to new")
        if head == "kept" and missing_weights == "scratch":
            raise ValueError("head is kept, which random weights have not learnt: set missing_weights to error")
        weights = None if weights is None else NameOrPath.of(weights)
        self.network = network_of(backbone, stem, width).with_weights(weights)
        if not 0 < layer_decay <= 1:
            raise ValueError(f"layer_decay is a factor above 0, 1 at most, not {layer_decay}")
        if max(layer_decay, body_lr) < 1:
            raise ValueError(f"layer_decay is {layer_decay} and body_lr {body_lr}: set one of them to 1")
        if not 0 <= body_lr <= 1:
            raise ValueError(f"body_lr is a share in 0..1, not {body_lr}")
        if not 0 <= label_smoothing <= 1:
            raise ValueError(f"label_smoothing is a share in 0..1, not {label_smoothing}")
        # A checkpoint holds plain values and names no code: none of these objects, nor what Lightning would call.
        self.save_hyperparameters(ignore=["backbone", "optimizer", "schedule", "_instantiator"])
        self.save_hyperparameters({"backbone": self.network.name, "schedule": asdict(schedule)})
        self.num_classes = num_classes
        self.backbone = self.network.name
        self.weights = weights
        self.missing_weights = missing_weights
        self.trained = train
        self.body_lr = body_lr
        self.layer_decay = layer_decay
        self.head_rows = imagenet_indices if head == "kept" else None
        self.stem = stem
        self.width = width
        self.optimizer = optimizer
        self.decay_norms = decay_norms
        self.schedule = schedule
        self.label_smoothing = label_smoothing
        self.class_weights = class_weights
        self.channels_last = channels_last
        self.compiled = compile
        self.mix = build_mixing(mixing, num_classes, mixup_alpha, cutmix_alpha, mixing_probability)
        self.train_accuracy = MulticlassAccuracy(num_classes, average="micro", validate_args=False)
        self.evaluation_names: list[str] = []
        self.evaluations = nn.ModuleList()
        self.group_names: tuple[str, ...] = ()
        self.images = {}
        self.group_images = {}
        self.register_buffer("loss_weights", None, persistent=False)

    def objections(self, run: Run) -> Iterator[str]:
        """What stands in the way of a run, a line each."""
        return objections(self, run)

    def setup(self, stage: str) -> None:
        """Ask the data module for its evaluation sets and groups and, for `class_weights`, how large the classes are.

        Raises:
            ValueError: If `class_weights` is on and the data module does not count its classes.
        """
        datamodule: Any = getattr(self.trainer, "datamodule", None)
        if stage != "predict":
            default, attribute = ("test", "test_names") if stage == "test" else ("val", "val_names")
            self.evaluation_names = list(getattr(datamodule, attribute, [default]))
            self.group_names = tuple(getattr(datamodule, "group_names", ()))
            self.group_images = {}
            self.evaluations = nn.ModuleList(
                evaluation_metrics(self.num_classes, len(self.group_names)) for _ in self.evaluation_names
            )
        if stage == "fit" and self.class_weights:
            if not hasattr(datamodule, "class_counts"):
                raise ValueError("class_weights needs a data module with class_counts(); set class_weights to false.")
            self.loss_weights = inverse_frequencies(datamodule.class_counts())

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, num_classes) of images (N, 3, H, W)."""
        if self.channels_last:
            images = images.contiguous(memory_format=torch.channels_last)
        return self.net(images)  # type: ignore[no-any-return]

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """The loss of a batch, mixed if so set; the accuracy then counts the label with the larger share."""
        images, targets = batch if self.mix is None else self.mix(*batch)
        mixed = targets.ndim == 2
        logits = self(images)
        loss = cross_entropy(logits, targets, weight=self.loss_weights, label_smoothing=self.label_smoothing)
        if mixed and self.loss_weights is not None:
            # Torch divides by the number of images here, but by their weights where labels are whole. A batch that is
            # mixed must not learn at another rate than one that is not.
            loss = loss * (len(targets) / (targets @ self.loss_weights).sum())
        self.train_accuracy.update(logits, targets.argmax(dim=1) if mixed else targets)
        self.log("train/loss", loss, prog_bar=True, batch_size=len(images))
        return loss

    def on_train_epoch_end(self) -> None:
        """Log the accuracy over the epoch; to log it at each step would take longer than to count it."""
        self.log("train/acc", self.train_accuracy.compute(), sync_dist=True)
        self.train_accuracy.reset()

    def validation_step(self, batch: EvaluationBatch, batch_idx: int, dataloader_idx: int = 0) -> Tensor:
        """Count a batch of one evaluation set; its logits (N, num_classes), for those who list the answers."""
        return self._evaluate(batch, dataloader_idx)

    def test_step(self, batch: EvaluationBatch, batch_idx: int, dataloader_idx: int = 0) -> Tensor:
        """Count a batch of one evaluation set; its logits (N, num_classes), for those who list the answers."""
        return self._evaluate(batch, dataloader_idx)

    def predict_step(self, batch: EvaluationBatch | Tensor, batch_idx: int, dataloader_idx: int = 0) -> Prediction:
        """Classify images, labelled or not."""
        images = batch if isinstance(batch, Tensor) else batch[0]
        probabilities = self(images).float().softmax(dim=1)
        return Prediction(probabilities.argmax(dim=1), probabilities)

    def on_validation_start(self) -> None:
        """Check that each loader has its name."""
        self._check_names(self.trainer.num_val_batches, "val_names")

    def on_test_start(self) -> None:
        """Check that each loader has its name."""
        self._check_names(self.trainer.num_test_batches, "test_names")

    def on_validation_epoch_end(self) -> None:
        """Log what was counted."""
        self._log_evaluations()

    def on_test_epoch_end(self) -> None:
        """Log what was counted."""
        self._log_evaluations()

    def _check_names(self, batches_per_loader: Sequence[float], attribute: str) -> None:
        if len(batches_per_loader) != len(self.evaluation_names):
            raise ValueError(
                f"The data gives {len(batches_per_loader)} evaluation loaders, but the names "
                f"{self.evaluation_names}; name each of them in the data module's {attribute}."
            )

    def _evaluate(self, batch: EvaluationBatch, dataloader_idx: int) -> Tensor:
        images, labels, *groups = batch
        logits: Tensor = self(images)
        # By name, since each metric of the collection then takes what it needs: most know nothing of groups.
        known = {"groups": groups[0]} if groups else {}
        self._metrics()[dataloader_idx].update(preds=logits, target=labels, **known)
        return logits

    def _metrics(self) -> list[MetricCollection]:
        return [metrics for metrics in self.evaluations if isinstance(metrics, MetricCollection)]

    def evaluation_scores(self) -> dict[str, Tensor]:
        """What the present evaluation has measured so far, by the names under which it is logged at its end."""
        datamodule: Any = getattr(self.trainer, "datamodule", None)
        class_names = getattr(datamodule, "class_names", range(self.num_classes))
        found: dict[str, Tensor] = {}
        for name, metrics in zip(self.evaluation_names, self._metrics(), strict=True):
            scores = metrics.compute()
            self.images[name] = int(scores.pop("images"))
            parts = [("acc_per_class", class_names, scores.pop("acc_per_class"))]
            if self.group_names:
                accuracies, images = scores.pop("acc_per_group").unbind(dim=1)
                self.group_images[name] = dict(zip(self.group_names, map(int, images.tolist()), strict=True))
                scores["worst_group_acc"] = worst_group_accuracy(accuracies, images)
                parts.append(("acc_per_group", self.group_names, accuracies))
            found |= {f"{name}/{metric}": score for metric, score in scores.items()}
            if self.trainer.state.fn != TrainerFn.FITTING:
                for metric, names, part_scores in parts:
                    # Loggers take no bytes that are no UTF-8.
                    of_parts = zip(map(shown, names), part_scores, strict=True)
                    found |= {f"{name}/{metric}/{part}": score for part, score in of_parts if not score.isnan()}
        gap = background_gap({name: found[f"{name}/acc"] for name in self.evaluation_names})
        return found if gap is None else found | {"ood/bg_gap": gap}

    def _log_evaluations(self) -> None:
        bar = [f"{name}/acc" for name in self.evaluation_names]
        for name, score in self.evaluation_scores().items():
            # The score is already that of all ranks; sync_dist tells Lightning so.
            self.log(name, score, prog_bar=name in bar, sync_dist=True)
        for metrics in self._metrics():
            metrics.reset()


def inverse_frequencies(counts: Sequence[int]) -> Tensor:
    """Weights of the classes in the loss, w_c = (1 / n_c) / max(1 / n), as in ALIA (Dunlap et al. 2023).

    Args:
        counts: Training images of each class.

    Returns:
        (num_classes,) float32: 1 for the rarest class, less for the others, 0 for a class without images.
    """
    images = torch.tensor(counts, dtype=torch.float32)
    present = images > 0
    return torch.where(present, images[present].min() / images, 0.0)
