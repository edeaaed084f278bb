"""Step 1a by categories: torchvision's detectors, which know COCO's 80 categories and need no text."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torchvision.models import WeightsEnum, detection, get_model, get_model_weights, list_models

from aga_lightning.augment.detectors.model_based import Candidates, ModelDetector
from aga_lightning.augment.detectors.wording import plain_words
from aga_lightning.augment.pretrained import DType, PretrainedError
from aga_lightning.images.pixels import Image
from aga_lightning.networks.weights_files import load_all, read_weights_file
from aga_lightning.paths import NameOrPath

ANIMALS = ("bird", "cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe")
SUPERCLASSES: dict[str, tuple[str, ...]] = {
    "animal": ANIMALS,
    "mammal": ANIMALS[1:],
    "waterbird": ("bird",),
    "landbird": ("bird",),
    "songbird": ("bird",),
    "puppy": ("dog",),
    "kitten": ("cat",),
    "pony": ("horse",),
    "lamb": ("sheep",),
    "cattle": ("cow",),
    "calf": ("cow",),
    "bull": ("cow",),
    "human": ("person",),
    "people": ("person",),
    "pedestrian": ("person",),
    "aircraft": ("airplane",),
    "aeroplane": ("airplane",),
    "plane": ("airplane",),
    "automobile": ("car",),
    "motorbike": ("motorcycle",),
    "bike": ("bicycle",),
    "ship": ("boat",),
    "vehicle": ("car", "motorcycle", "bus", "truck"),
    "plant": ("potted plant",),
    "table": ("dining table",),
    "sofa": ("couch",),
    "television": ("tv",),
}
"""COCO's categories for superclasses that are no categories themselves."""


@dataclass(kw_only=True, eq=False)
class TorchvisionDetector(ModelDetector):
    """Finds objects of COCO's categories with a detector of torchvision.

    A category is its own superclass; other common superclasses (animal, cattle, waterbird, vehicle, ...) are built in.
    A superclass without a category is never found.

    Args:
        weights: torchvision's name for its weights ("DEFAULT", "COCO_V1"), or a local .safetensors or .pth file with a
            state dict. A file enters the keys of the store by its content, so it may be moved.
        architecture: torchvision's name of the detector.
        labels: Categories by superclass, which precede the built-in ones: {"ungulate": ["horse", "sheep", "cow"]}.
        categories: Names of the model's class numbers, the background first, for weights of your own; null for COCO's.
        threshold: Boxes with a greater score are kept; 0 to less than 1. Most of these models drop scores below 0.05
            themselves.

    Raises:
        ValueError: If a setting is out of range, or a model or category is unknown.
    """

    revision: str | None = field(default=None, init=False)
    # torchvision's region pooling on a CPU has no other format.
    dtype: DType = field(default="float32", init=False)

    weights: NameOrPath | str = "DEFAULT"
    architecture: str = "fasterrcnn_resnet50_fpn_v2"
    labels: dict[str, list[str]] | None = None
    categories: list[str] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        known = list_models(module=detection)
        if self.architecture not in known:
            raise ValueError(f"architecture is {self.architecture!r}; give one of {', '.join(known)}")
        if self.categories is not None and self._published is not None:
            raise ValueError(
                f"categories is given, but {self.weights} has its own; leave it out, or give a file as weights"
            )
        for superclass, names in (self.labels or {}).items():
            if unknown := [name for name in names if name not in self._numbers]:
                raise ValueError(
                    f"labels has {', '.join(unknown)} for {superclass}; give some of {', '.join(self._numbers)}"
                )

    @cached_property
    def identity(self) -> str:
        """The detector and torchvision's name for its weights, or the digest of a local file."""
        return super().identity if self._published is None else f"{self.architecture}:{self._published.name}"

    def load(self) -> Any:  # noqa: ANN401 torchvision is not typed
        """The detector.

        Raises:
            PretrainedError: If published weights cannot be downloaded.
            WeightsError: If a file cannot be found or does not fit.
        """
        if self._published is not None:
            try:
                detector = get_model(self.architecture, weights=self._published, progress=False)
            except (OSError, RuntimeError) as error:
                raise PretrainedError(
                    f"{self.identity} cannot be downloaded ({error}): fetch {self._published.url} where there is a "
                    "network, and give the file as weights"
                ) from error
        else:
            state = read_weights_file(self.weights).state
            count = len(self._categories)
            detector = get_model(self.architecture, weights=None, weights_backbone=None, num_classes=count)
            remedy = f"is it a {self.architecture} of {count} categories, the background included?"
            load_all(detector, state, self.weights, remedy)
        return detector.to(self.torch_device).eval()

    def query(self, superclass: str) -> str:
        """The superclass in plain words."""
        return plain_words(superclass)

    def look_for(self, query: str, images: Sequence[Image]) -> list[Candidates]:
        """The boxes of the superclass's categories in images of one size."""
        own = {plain_words(superclass): names for superclass, names in (self.labels or {}).items()}
        names = own.get(query) or SUPERCLASSES.get(query) or (query,)
        wanted = [self._numbers[name] for name in names if name in self._numbers]
        if not wanted:
            return [(torch.empty(0, 4), torch.empty(0)) for _ in images]
        pixels = torch.from_numpy(np.stack(images)).to(self.torch_device).permute(0, 3, 1, 2) / 255
        candidates = []
        for answer in self.model(list(pixels)):
            kept = torch.isin(answer["labels"], answer["labels"].new_tensor(wanted))
            candidates.append((answer["boxes"][kept], answer["scores"][kept]))
        return candidates

    @property
    def _published(self) -> WeightsEnum | None:
        """Torchvision's entry for the weights; None for a file."""
        return get_model_weights(self.architecture).__members__.get(self.weights)

    @property
    def _categories(self) -> list[str]:
        published = self._published or get_model_weights(self.architecture)["DEFAULT"]
        return self.categories or published.meta["categories"]

    @property
    def _numbers(self) -> dict[str, int]:
        """The model's number of each category; COCO has gaps, and number 0 is the background."""
        return {name: number for number, name in enumerate(self._categories) if number and name != "N/A"}
