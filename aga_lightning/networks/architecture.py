"""Which network a checkpoint is of, read as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, get_args

from aga_lightning.checkpoints.reading import CheckpointError
from aga_lightning.networks.backbones import architecture_name
from aga_lightning.networks.torchvision_nets import Stem


@dataclass(frozen=True, slots=True)
class Architecture:
    """What a network has to be for its weights to fit.

    Args:
        backbone: Its name; that of a network of one's own is an import path, which nothing here imports.
        stem: Its first layers.
        width: The channels of its first stage.
        num_classes: How many classes it tells apart.
    """

    backbone: str
    stem: Stem
    width: int
    num_classes: int

    @property
    def bare(self) -> "Architecture":
        """The same without what names weights only."""
        return replace(self, backbone=architecture_name(self.backbone))


def architecture_in(checkpoint: Mapping[str, Any], source: object) -> Architecture:
    """The architecture that a checkpoint tells of.

    Args:
        checkpoint: Its content.
        source: Its name, for the message.

    Raises:
        CheckpointError: If it is no checkpoint of an ImageClassifier.
    """
    settings = checkpoint.get("hyper_parameters")
    told: dict[str, Any] = settings if isinstance(settings, dict) else {}
    backbone, stem, width, count = (told.get(name) for name in ("backbone", "stem", "width", "num_classes"))
    numbers = all(isinstance(number, int) and number > 0 for number in (width, count))
    if not isinstance(backbone, str) or stem not in get_args(Stem) or not numbers:
        raise CheckpointError(f"{source} is no checkpoint of an ImageClassifier: give one that fit has written")
    return Architecture(backbone, stem, width, count)  # type: ignore[arg-type] # just checked
